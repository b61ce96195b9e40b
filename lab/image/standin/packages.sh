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
# shellcheck source=lab/image/standin/el9.sh
. "$here/el$EL.sh"

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
  [ "$EL" != 8 ] || sed -i -E 's/(listen .*:?80);/\1 default_server;/' etc/nginx/nginx.conf
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

layout_nginx-mod-stream() {
  rm -rf usr/share/nginx
  mkdir -p usr/lib64/nginx usr/share/nginx/modules
  mv usr/lib/nginx/modules usr/lib64/nginx/
  rmdir usr/lib/nginx
  echo 'load_module "/usr/lib64/nginx/modules/ngx_stream_module.so";' >usr/share/nginx/modules/mod-stream.conf
}

# EL's package brings an example that would serve addresses of its own, and is what runs until it is changed.
layout_keepalived() {
  rm -rf etc/{default,init.d,snmp,sensors*} etc/keepalived/* usr/lib/systemd usr/share/{snmp,dbus-1,misc} etc/hosts.*
  # Of Perl, what its library for SNMP is linked with.
  rm -rf usr/share/perl* usr/lib/x86_64-linux-gnu/perl*
  mkdir -p usr/lib/systemd/system etc/sysconfig
  install -m 0644 "$here/files/keepalived.service" usr/lib/systemd/system/
  echo 'KEEPALIVED_OPTIONS="-D"' >etc/sysconfig/keepalived
  echo 'vrrp_instance VI_1 { interface eth0 virtual_router_id 51 virtual_ipaddress { 192.168.200.16 } }' \
    >etc/keepalived/keepalived.conf
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

# The base runs the same interpreter under another name; this is what makes it that of applications.
interpreter() {
  mkdir -p usr/bin
  cp "/usr/bin/python$python" usr/bin/
}

# Debian's pip is for the python3 that it has beside.
pip() {
  rm -f usr/bin/pip usr/bin/pip3* usr/bin/wheel
  printf '#!/usr/bin/python%s\nimport sys\n\nfrom pip._internal.cli.main import main\n\nsys.exit(main())\n' \
    "$python" >"usr/bin/pip$python"
  chmod 0755 "usr/bin/pip$python"
}

layout_firewalld() {
  rm -rf etc/{default,init.d}
  ln -s org.fedoraproject.FirewallD1.server.policy.choice \
    usr/share/polkit-1/actions/org.fedoraproject.FirewallD1.policy
}

layout_rsync() {
  rm -rf etc usr/lib/systemd
}

# Debian's PHP looks below /etc/php/<version>; EL's files lie elsewhere.
layout_php-fpm() {
  rm -rf etc/php/*/{fpm,cli,mods-available} etc/{init.d,cron.d,logrotate.d,apache2} usr/lib/systemd \
    usr/lib/php/sessionclean usr/lib/tmpfiles.d var/lib/php
  mkdir -p etc/php-fpm.d etc/php.d "etc/php/$php/"{fpm,cli} etc/logrotate.d etc/nginx/{conf.d,default.d} \
    usr/lib/systemd/system usr/lib/tmpfiles.d var/lib/php/{session,wsdlcache,opcache} var/log/php-fpm
  mv "usr/sbin/php-fpm$php" usr/sbin/php-fpm
  mv "usr/bin/php$php" usr/bin/php
  rm -f usr/bin/phar*
  local sapi
  for sapi in fpm cli; do
    ln -s /etc/php.d "etc/php/$php/$sapi/conf.d"
    ln -s /etc/php.ini "etc/php/$php/$sapi/php.ini"
  done
  ln -s /etc/php-fpm.conf "etc/php/$php/fpm/php-fpm.conf"
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

# shellcheck disable=SC2154 # set by el8.sh and the like; so are php, libssl, brotli and python
rpm_from nginx debs="$nginx" drop="$nginx_drop" epoch=2 provides=nginx-core,nginx-filesystem \
  requires=shadow-utils recommends=logrotate
# shellcheck disable=SC2154
[ -z "$brotli" ] || rpm_from nginx-mod-brotli uses=nginx debs="$brotli"
# For scenario cluster, which runs on this release alone.
if [ "$EL" = 9 ]; then
  rpm_from nginx-mod-stream uses=nginx debs=libnginx-mod-stream
  rpm_from keepalived debs=keepalived,libperl5.36
fi
rpm_from pebble debs=pebble
rpm_from php-fpm debs="php$php-fpm" provides=php-common,php-cli,php-opcache requires=shadow-utils
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
python_rpms
rpm_from python3-packaging debs=python3-packaging
rpm_from python3-setuptools debs=python3-setuptools,python3-pkg-resources
rpm_from python3-libsemanage debs=python3-semanage
rpm_from firewalld debs=firewalld
rpm_from policycoreutils-python-utils debs=policycoreutils-python-utils
rpm_from acl debs=acl
rpm_from tar debs=tar
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
  openssh-server=openssh-server openssl=openssl openssl-libs="$libssl" procps-ng=procps
  python3-dnf=python3-dnf python3-libs=python3 python3-libselinux=python3-selinux
  rpm=rpm sed=sed shadow-utils=passwd sudo=sudo systemd=systemd systemd-libs=libsystemd0
  tzdata=tzdata util-linux=util-linux zlib=zlib1g
  "${python_base[@]}"
)
step 'repository'
# Older ones of Debian warn of themselves.
force=()
! rpm --force-debian --version >/dev/null 2>&1 || force=(--force-debian)
base_rpms "${base[@]}"
! declare -F modules >/dev/null || modules
createrepo_c --quiet "$repository"
[ ! -f "$work/modules.yaml" ] || modifyrepo_c --mdtype=modules "$work/modules.yaml" "$repository/repodata" >/dev/null
(
  cd "$repository/x86_64"
  for name in centos-stream-release "${base[@]%%=*}"; do
    ls "$name"-[0-9]*.rpm
  done | xargs rpm "${force[@]}" -i --justdb
)
rm -rf "$work"
step 'identity'
