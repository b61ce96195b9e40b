#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <zlib.h>

static PyObject *checksum(PyObject *self, PyObject *args)
{
    const char *data;
    Py_ssize_t length;

    if (!PyArg_ParseTuple(args, "y#", &data, &length))
        return NULL;
    return PyLong_FromUnsignedLong(crc32(0L, (const Bytef *)data, (uInt)length));
}

static PyMethodDef methods[] = {
    {"checksum", checksum, METH_VARARGS, "CRC 32 of some bytes."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "speedups", NULL, -1, methods,
};

PyMODINIT_FUNC PyInit_speedups(void)
{
    return PyModule_Create(&module);
}
