#!/bin/sh
# Import what was built, as a user without rights, and print what it says.
look() {
    name=$1 && shift
    cd "/opt/$name"/builds/*/src || exit 1
    printf '%s ' "$name"
    runuser -u nobody -- "$(dirname "$PWD")/venv/bin/python" -c "import importlib.metadata as m; $*"
}
look from-path 'import flask, links; print(links.__version__)'
look from-git 'import hello; print(hello.VERSION, m.version("itsdangerous"))'
look from-index 'print(m.version("itsdangerous"))'
look submodule 'import whole; print(whole.VERSION)'
look private 'import private; print(private.VERSION)'
look archive 'import hello; print(hello.VERSION, m.version("itsdangerous"))'
look address 'import hello; print(hello.VERSION)'
# Installed, not only lying there; the group dev is not, so blinker is the one asked for besides.
look locked 'import sys; sys.path.pop(0); import lockedapp; print(lockedapp.VERSION, m.version("itsdangerous"), m.version("blinker"))'
look project 'import project; print(project.VERSION, m.version("itsdangerous"))'
look parts 'import parts; print(parts.VERSION, m.version("itsdangerous"), open("static/told.txt").read().strip())'
look poetry 'import web; print(web.VERSION, m.version("itsdangerous"), sorted(d.name for d in m.distributions()))'
look pipenv 'import web; print(web.VERSION, m.version("itsdangerous"), sorted(d.name for d in m.distributions()))'
look compiled 'import fast; print(fast.VERSION)'
look plain 'import plain; print(plain.VERSION)'
