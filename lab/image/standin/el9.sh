# shellcheck shell=bash
# shellcheck disable=SC2034 # for who sources this
# The stand-in of EL 9: systemd 252, dnf 4.14; nginx 1.22 stands for 1.20, the platform's Python 3.11
# for 3.9.
suite=bookworm
# Debian's version, and where the platform's interpreter is on this release.
python=3.11
platform=/usr/libexec/platform-python
# What /usr/bin/python3 is from the start.
python3=../libexec/platform-python
# What the base brings, by its names on this release.
python_base=(python3=python3)
php=8.2
libssl=libssl3
nginx=nginx
nginx_drop=''
brotli=libnginx-mod-http-brotli-filter,libnginx-mod-http-brotli-static

python_rpms() {
  rpm_from python3.11 debs=libpython3.11 provides=python3.11-libs
  rpm_from python3.11-setuptools debs=python3-setuptools,python3-pkg-resources requires=python3.11
  rpm_from python3.11-pip debs=python3-pip,python3-wheel requires=python3.11,python3.11-setuptools
  rpm_from python3.11-devel debs=python3.11-dev uses=python3.11,glibc-devel \
    drop='zlib1g-dev|libexpat1-dev'
}
layout_python3.11() { interpreter; }
layout_python3.11-pip() { pip; }
