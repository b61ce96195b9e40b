#!/bin/bash
# Inside the new root: make the RPM repository of the stand-in and enter the base in rpm's database.
set -euo pipefail

here=/root/standin
repository=/srv/el-repo
work=/root/rpmwork
mkdir -p "$repository" "$work" /etc/rpm
# Debian's rpm keeps its database in the user's home by default.
echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros
# shellcheck source=lab/image/standin/repack.sh
. "$here/repack.sh"

# Say what starts, and when.
step() {
  printf '[%3ds] %s\n' "$(($(date +%s) - STARTED))" "$*" >&2
}

# --- Where EL has the files -----------------------------------------------------------------------

layout_nginx() {
  rm -rf etc/nginx/{sites-available,sites-enabled,snippets,modules-available,modules-enabled}
  rm -f etc/nginx/{nginx.conf,fastcgi.conf,koi-utf,koi-win,win-utf,proxy_params}
  rm -rf etc/{init.d,default,ufw,logrotate.d} usr/share/nginx/{html,modules} usr/lib/systemd
  mkdir -p etc/nginx/{conf.d,default.d} etc/logrotate.d usr/share/nginx/{html,modules} \
    usr/lib/systemd/system var/lib/nginx/tmp var/log/nginx
  install -m 0644 "$here/files/nginx.conf" etc/nginx/
  install -m 0644 "$here/files/nginx.service" usr/lib/systemd/system/
  install -m 0644 "$here/files/nginx.logrotate" etc/logrotate.d/nginx
  local page
  for page in index 404 50x; do
    echo "<h1>nginx test page of the EL stand-in ($page)</h1>" >"usr/share/nginx/html/$page.html"
  done
}

# Debian loads each of the two modules by a file of its own, from another directory.
layout_nginx-mod-brotli() {
  local module
  rm -rf usr/share/nginx
  mkdir -p usr/lib64/nginx usr/share/nginx/modules
  mv usr/lib/nginx/modules usr/lib64/nginx/
  rmdir usr/lib/nginx
  for module in filter static; do
    echo "load_module \"/usr/lib64/nginx/modules/ngx_http_brotli_${module}_module.so\";"
  done >usr/share/nginx/modules/mod-brotli.conf
}

# The server alone: the names that it validates stand in the host's own /etc/hosts.
layout_pebble() {
  rm -f usr/bin/pebble-challtestsrv
}

# The exporter alone, where EPEL has it: no service of its own, no collectors by cron.
layout_node_exporter() {
  mv usr/bin/prometheus-node-exporter usr/bin/node_exporter
  rm -rf etc usr/lib usr/share var
}

layout_logrotate() {
  rm -rf etc/cron.daily etc/logrotate.d
  mkdir -p etc/logrotate.d
  install -m 0644 "$here/files/logrotate.conf" etc/logrotate.conf
}

# Keep what compiling C takes: gcc without its other front ends, LTO and sanitizers.
layout_gcc() {
  local libraries='asan tsan ubsan lsan hwasan itm quadmath gfortran' library
  rm -rf usr/lib/gcc/x86_64-linux-gnu/*/{lto1,lto-wrapper,g++-mapper-server,plugin}
  for library in $libraries; do
    rm -f usr/lib/gcc/x86_64-linux-gnu/*/"lib$library"* usr/lib/x86_64-linux-gnu/"lib$library".*
  done
  rm -rf usr/bin/*gprofng* usr/lib/x86_64-linux-gnu/*gprofng* usr/bin/*dwp
  ln -sf gcc usr/bin/cc
}

# The base runs the same interpreter under another name; this is what makes it python3.11.
layout_python3.11() {
  mkdir -p usr/bin
  cp /usr/bin/python3.11 usr/bin/python3.11
}

layout_python3.11-pip() {
  rm -f usr/bin/pip usr/bin/pip3* usr/bin/wheel
  install -m 0755 "$here/files/pip3.11" usr/bin/pip3.11
}

layout_firewalld() {
  rm -rf etc/{default,init.d}
  ln -s org.fedoraproject.FirewallD1.server.policy.choice \
    usr/share/polkit-1/actions/org.fedoraproject.FirewallD1.policy
}

layout_rsync() {
  rm -rf etc usr/lib/systemd
}

# Debian's PHP looks below /etc/php/8.2; EL's files lie elsewhere.
layout_php-fpm() {
  rm -rf etc/php/*/{fpm,cli,mods-available} etc/{init.d,cron.d,logrotate.d,apache2} usr/lib/systemd \
    usr/lib/php/sessionclean usr/lib/tmpfiles.d var/lib/php
  mkdir -p etc/php-fpm.d etc/php.d etc/php/8.2/{fpm,cli} etc/logrotate.d etc/nginx/{conf.d,default.d} \
    usr/lib/systemd/system usr/lib/tmpfiles.d var/lib/php/{session,wsdlcache,opcache} var/log/php-fpm
  mv usr/sbin/php-fpm8.2 usr/sbin/php-fpm
  mv usr/bin/php8.2 usr/bin/php
  rm -f usr/bin/phar*
  local sapi
  for sapi in fpm cli; do
    ln -s /etc/php.d "etc/php/8.2/$sapi/conf.d"
    ln -s /etc/php.ini "etc/php/8.2/$sapi/php.ini"
  done
  ln -s /etc/php-fpm.conf etc/php/8.2/fpm/php-fpm.conf
  local module
  for module in usr/lib/php/*/*.so; do
    module=$(basename "$module" .so)
    case $module in opcache) echo "zend_extension=$module" ;; *) echo "extension=$module" ;; esac \
      >"etc/php.d/20-$module.ini"
  done
  install -m 0644 "$here/files/php.ini" etc/php.ini
  install -m 0644 "$here/files/php-fpm.conf" etc/php-fpm.conf
  install -m 0644 "$here/files/php-fpm.www.conf" etc/php-fpm.d/www.conf
  install -m 0644 "$here/files/php-fpm.service" usr/lib/systemd/system/
  install -m 0644 "$here/files/php-fpm.logrotate" etc/logrotate.d/php-fpm
  install -m 0644 "$here/files/php-fpm.tmpfiles" usr/lib/tmpfiles.d/php-fpm.conf
  install -m 0644 "$here/files/php-fpm.nginx-upstream" etc/nginx/conf.d/php-fpm.conf
  install -m 0644 "$here/files/php-fpm.nginx-default" etc/nginx/default.d/php.conf
}

# --- The repository -------------------------------------------------------------------------------

step 'what the packages need'
if [ -f "$here/controller-ca.crt" ]; then
  echo "Acquire::https::CAInfo \"$here/controller-ca.crt\";" >/etc/apt/apt.conf.d/95controller-ca
fi
apt-get -qq update

rpm_from nginx debs=nginx epoch=2 provides=nginx-core,nginx-filesystem requires=shadow-utils \
  recommends=logrotate
rpm_from nginx-mod-brotli uses=nginx \
  debs=libnginx-mod-http-brotli-filter,libnginx-mod-http-brotli-static
rpm_from pebble debs=pebble
rpm_from php-fpm debs=php8.2-fpm provides=php-common,php-cli,php-opcache requires=shadow-utils
rpm_from node_exporter debs=prometheus-node-exporter drop='adduser|passwd'
rpm_from logrotate debs=logrotate drop='cron.*'
rpm_from rsync debs=rsync
rpm_from git-core debs=git provides=git drop='git-man|perl.*|libperl.*|liberror-perl|libgdbm.*|less'
rpm_from make debs=make
rpm_from glibc-devel debs=libc6-dev provides=glibc-headers,kernel-headers,libxcrypt-devel
rpm_from gcc debs=gcc uses=glibc-devel provides=cpp,binutils
rpm_from zlib-devel debs=zlib1g-dev uses=glibc-devel
rpm_from pcre2-devel debs=libpcre2-dev uses=glibc-devel
rpm_from openssl-devel debs=libssl-dev uses=glibc-devel
rpm_from python3.11 debs=libpython3.11 provides=python3.11-libs
rpm_from python3.11-setuptools debs=python3-setuptools,python3-pkg-resources requires=python3.11
rpm_from python3.11-pip debs=python3-pip,python3-wheel requires=python3.11,python3.11-setuptools
rpm_from python3.11-devel debs=python3.11-dev uses=python3.11,glibc-devel \
  drop='zlib1g-dev|libexpat1-dev'
rpm_from python3-packaging debs=python3-packaging
rpm_from firewalld debs=firewalld
rpm_from policycoreutils-python-utils debs=policycoreutils-python-utils
rpm_from acl debs=acl
rpm_from unzip debs=unzip
rpm_from xz debs=xz-utils
rpm_from bzip2 debs=bzip2

settle
step 'download'
download
step "RPMs: ${#names[@]} of them"
make_rpms

base=(
  bash=bash ca-certificates=ca-certificates coreutils=coreutils curl=curl dnf=dnf
  findutils=findutils gawk=gawk glibc=libc6 grep=grep gzip=gzip hostname=hostname
  iproute=iproute2 openssh=openssh-client openssh-clients=openssh-client
  openssh-server=openssh-server openssl=openssl openssl-libs=libssl3 procps-ng=procps
  python3=python3 python3-dnf=python3-dnf python3-libs=python3 python3-libselinux=python3-selinux
  python3-setuptools=python3-setuptools rpm=rpm sed=sed shadow-utils=passwd sudo=sudo
  systemd=systemd systemd-libs=libsystemd0 tar=tar tzdata=tzdata util-linux=util-linux zlib=zlib1g
)
step 'repository'
base_rpms "${base[@]}"
createrepo_c --quiet "$repository"
(
  cd "$repository/x86_64"
  for name in centos-stream-release "${base[@]%%=*}"; do
    ls "$name"-[0-9]*.rpm
  done | xargs rpm --force-debian -i --justdb
)
rm -rf "$work"
step 'identity'
