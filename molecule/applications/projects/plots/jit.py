"""What numba, cffi's callbacks and their like do: memory that is written, then run."""

import mmap

PAGE = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
PAGE.write(b"\xc3")
