# shellcheck shell=bash
# shellcheck disable=SC2034 # for who sources this
# The stand-in of EL 10: systemd 257, dnf 4.23 for 4.20, nginx 1.26. One Python, the platform's and the
# applications' alike, which is 3.13 and not 3.12: it would not be what uv and uWSGI take it for.
suite=trixie
# Debian's version, and where the platform's interpreter is on this release.
python=3.13
platform=/usr/bin/python3.13
# What /usr/bin/python3 is from the start.
python3=python3.13
# What the base brings, by its names on this release.
python_base=(python3=python3 python3.13=python3.13)
php=8.4
libssl=libssl3t64
nginx=nginx
nginx_drop=''
brotli=libnginx-mod-http-brotli-filter,libnginx-mod-http-brotli-static

python_rpms() {
  rpm_from python3.13-devel debs=python3.13-dev uses=glibc-devel provides=python3-devel \
    drop='zlib1g-dev|libexpat1-dev'
  rpm_from python3-pip debs=python3-pip,python3-wheel
}
layout_python3-pip() { pip; }
