#!/bin/sh
# Make the git repositories that the scenario builds from, below /srv, and the user of the private one.
set -eu
# The builders read them, whatever root's umask.
umask 022
uv=$1
export HOME=/root GIT_CONFIG_COUNT=3
export GIT_CONFIG_KEY_0=user.name GIT_CONFIG_VALUE_0=lab
export GIT_CONFIG_KEY_1=user.email GIT_CONFIG_VALUE_1=lab@localhost
export GIT_CONFIG_KEY_2=protocol.file.allow GIT_CONFIG_VALUE_2=always

begin() {
    git init --quiet --initial-branch main "/srv/$1"
    cd "/srv/$1"
}

save() {
    git add .
    GIT_COMMITTER_DATE=2026-01-02T03:04:05Z git commit --quiet --message "$1"
}

# A tag and a branch.
begin hello
printf 'itsdangerous==2.2.0\n' > needs.txt
printf 'VERSION = 1\n' > hello.py
save one
git tag v1
printf 'VERSION = 2\n' > hello.py
save two

# A submodule, by a relative address.
begin part
printf 'VERSION = 5\n' > part.py
save one
begin whole
printf 'from sub.part import VERSION\n' > whole.py
git submodule --quiet add ../part sub
save one

# A project with a lock, which is a package; Flask is for its developers.
begin locked
mkdir lockedapp
printf 'VERSION = 3\n' > lockedapp/__init__.py
cat > pyproject.toml <<'TOML'
[project]
name = "lockedapp"
version = "3"
requires-python = ">=3.9"
dependencies = ["itsdangerous<2.2"]
[dependency-groups]
dev = ["blinker"]
[build-system]
requires = ["flit_core>=3.2"]
build-backend = "flit_core.buildapi"
[tool.flit.module]
name = "lockedapp"
TOML
sed -i 's/^version = "3"$/&\ndescription = "For the lab."/' pyproject.toml
SSL_CERT_FILE=/etc/pki/tls/certs/ca-bundle.crt "$uv" lock --quiet --python /usr/bin/python3.11
save one

# A project without a lock, that is no package. With static files, and a link to what lies outside.
begin project
mkdir static
printf 'VERSION = 4\n' > project.py
seq 2000 > static/numbers.txt
ln -s /srv/uploads uploads
printf '[project]\nname = "project"\nversion = "4"\ndependencies = ["itsdangerous==2.2.0"]\n' > pyproject.toml
save one
mkdir -p /srv/uploads/deep
touch /srv/uploads/deep/file
chown -R nobody /srv/uploads
chmod -R 0777 /srv/uploads

# A part of a source, which needs what is beside it; with places that the application is to write to.
begin parts
mkdir -p backend/static/uploads common
printf 'import common\nVERSION = common.VERSION\n' > backend/parts.py
printf -- '-e ../common\n-c ../constraints.txt\nitsdangerous\n' > backend/requirements.txt
printf 'itsdangerous==2.1.2\n' > constraints.txt
printf 'VERSION = 7\n' > common/common.py
printf 'from setuptools import setup\nsetup(name="common", version="7", py_modules=["common"])\n' > common/setup.py
printf 'first\n' > backend/static/uploads/first.txt
save one

# What other tools have locked. The hashes are those of the wheel alone, so it is that one.
begin poetry
printf 'import itsdangerous\nVERSION = 8\n' > web.py
cat > pyproject.toml <<'TOML'
[tool.poetry]
name = "web-site"
version = "8"
[tool.poetry.dependencies]
python = "^3.9"
itsdangerous = "^2.0"
colorama = {version = "*", markers = "sys_platform == 'win32'"}
[tool.poetry.group.dev.dependencies]
blinker = "*"
[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"
TOML
cat > poetry.lock <<'TOML'
[[package]]
name = "blinker"
version = "1.9.0"
optional = false
python-versions = ">=3.9"
groups = ["dev"]
files = []

[[package]]
name = "itsdangerous"
version = "2.1.2"
optional = false
python-versions = ">=3.7"
groups = ["main"]
files = [
    {file = "itsdangerous-2.1.2-py3-none-any.whl", hash = "sha256:2c2349112351b88699d8d4b6b075022c0808887cb7ad10069318a8b0bc88db44"},
]

[metadata]
lock-version = "2.1"
python-versions = "^3.9"
TOML
save one
begin pipenv
printf 'import itsdangerous\nVERSION = 9\n' > web.py
printf '[packages]\nitsdangerous = "*"\n' > Pipfile
cat > Pipfile.lock <<'JSON'
{"default": {"itsdangerous": {"version": "==2.1.2", "markers": "python_version >= '3.7'",
  "hashes": ["sha256:2c2349112351b88699d8d4b6b075022c0808887cb7ad10069318a8b0bc88db44"]}},
 "develop": {"blinker": {"version": "==1.9.0"}}}
JSON
save one

# One with a setup.py alone, that has to be compiled: the host has neither a compiler nor headers.
begin compiled
cat > fast.c <<'C'
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "fast", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_fast(void) {
    PyObject *made = PyModule_Create(&module);
    PyModule_AddIntConstant(made, "VERSION", 10);
    return made;
}
C
printf 'from setuptools import Extension, setup\nsetup(name="fast", version="10", ext_modules=[Extension("fast", ["fast.c"])])\n' > setup.py
save one

# A file in git LFS, as somebody without it has it.
begin large
printf '*.png filter=lfs diff=lfs merge=lfs -text\n' > .gitattributes
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n' > logo.png
save one

# A private one, reached by ssh with a key.
useradd --create-home --home-dir /srv/gitdeploy gitdeploy
ssh-keygen -q -t ed25519 -N '' -C deploy -f /srv/deploy_key
install -d -m 0700 -o gitdeploy -g gitdeploy /srv/gitdeploy/.ssh
install -m 0600 -o gitdeploy -g gitdeploy /srv/deploy_key.pub /srv/gitdeploy/.ssh/authorized_keys
begin gitdeploy/private
printf 'VERSION = 6\n' > private.py
save one
chown -R gitdeploy: /srv/gitdeploy
chmod -R go= /srv/gitdeploy

# An archive of a repository, served to the host itself.
mkdir /srv/www
git -C /srv/hello archive --format tar.gz --prefix hello-2/ --output /srv/www/hello-2.tar.gz HEAD
systemd-run --quiet --unit lab-files /usr/bin/python3.11 -m http.server --bind 127.0.0.1 --directory /srv/www 8099
