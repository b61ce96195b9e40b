#!/bin/bash
# Last step inside the new root: EL's identity and habits; Debian's package manager goes.
set -euo pipefail
here=/root/standin
# shellcheck source=lab/image/standin/el9.sh
. "$here/el$EL.sh"
# What it has in common with packages.sh.
# shellcheck source=lab/image/standin/repack.sh
. "$here/repack.sh"

# Who the host says it is. VARIANT_ID keeps anything from taking it for the real thing.
identity() {
  rm -f /etc/debian_version /etc/lsb-release /etc/os-release /usr/lib/os-release
  cat >/usr/lib/os-release <<EOF
NAME="CentOS Stream"
VERSION="$EL"
ID="centos"
ID_LIKE="rhel fedora"
VERSION_ID="$EL"
PLATFORM_ID="platform:el$EL"
PRETTY_NAME="CentOS Stream $EL (stand-in made from Debian packages)"
ANSI_COLOR="0;31"
CPE_NAME="cpe:/o:centos:centos:$EL"
VARIANT="Stand-in for tests"
VARIANT_ID=el-standin
EOF
  ln -s ../usr/lib/os-release /etc/os-release
  echo "CentOS Stream release $EL" >/etc/centos-release
  ln -s centos-release /etc/redhat-release
  ln -s centos-release /etc/system-release
}

# The trust store lies where EL has it; every path that a program may look at leads there.
trust_store() {
  local extracted=/etc/pki/ca-trust/extracted/pem
  mkdir -p "$extracted" /etc/pki/tls/private
  mv /etc/ssl/certs/ca-certificates.crt "$extracted/tls-ca-bundle.pem"
  rm -rf /etc/ssl/certs /etc/ca-certificates* /usr/share/ca-certificates
  mkdir -p /etc/pki/tls/certs
  if [ "$EL" -ge 10 ]; then
    # The other names are gone; this one is what Debian's clients look for.
    mkdir /etc/ssl/certs
    ln -s "$extracted/tls-ca-bundle.pem" /etc/ssl/certs/ca-certificates.crt
    ln -sf "$extracted/tls-ca-bundle.pem" /usr/lib/ssl/cert.pem
    return
  fi
  ln -s ../pki/tls/certs /etc/ssl/certs
  ln -s ../../ca-trust/extracted/pem/tls-ca-bundle.pem /etc/pki/tls/certs/ca-bundle.crt
  ln -s ca-bundle.crt /etc/pki/tls/certs/ca-certificates.crt
  ln -s certs/ca-bundle.crt /etc/pki/tls/cert.pem
  ln -sf /etc/pki/tls/cert.pem /etc/ssl/cert.pem
  ln -sf /etc/pki/tls/cert.pem /usr/lib/ssl/cert.pem
}

dnf_configuration() {
  mkdir -p /etc/yum.repos.d
  cat >/etc/dnf/dnf.conf <<'EOF'
[main]
gpgcheck=1
installonly_limit=3
clean_requirements_on_remove=True
best=True
skip_if_unavailable=False
EOF
  cat >/etc/yum.repos.d/centos.repo <<EOF
[baseos]
name=CentOS Stream $EL - stand-in
baseurl=file:///srv/el-repo
enabled=1
gpgcheck=0
metadata_expire=never
EOF
  ln -sf dnf /usr/bin/yum
}

# The interpreter moves to where EL keeps the platform's; python3.11 appears with its RPM. Only
# the platform's interpreter finds the modules of dnf, rpm and firewalld, as on EL, where they are
# built for 3.9. By a .pth file: Ansible's payload brings a sitecustomize of its own.
platform_python() {
  rm -f "/usr/lib/python$python/"{EXTERNALLY-MANAGED,sitecustomize.py}
  [ "$platform" != "/usr/bin/python$python" ] || return 0
  mkdir -p /usr/libexec /usr/lib/platform-python
  mv "/usr/bin/python$python" "$platform"
  rm /usr/bin/python3
  [ -z "$python3" ] || ln -s "$python3" /usr/bin/python3
  mv /usr/lib/python3/dist-packages /usr/lib/platform-python/site-packages
  mkdir -p /usr/lib/python3/dist-packages
  cp "$here/files/platform-python.pth" /usr/lib/python3/dist-packages/
  (cd / && run_by_platform_python)
}

# sshd as EL runs it: unit name, drop-in directory, host keys made on first boot (not RSA's: six
# hosts that boot at once would take seconds for it).
ssh_server() {
  local units=/usr/lib/systemd/system
  rm -f "$units"/ssh*.service "$units"/ssh*.socket /etc/systemd/system/sshd.service \
    /etc/systemd/system/multi-user.target.wants/ssh.service /etc/ssh/ssh_host_*
  cp "$here/files/sshd.service" "$here/files/sshd-keygen.service" "$units/"
  mkdir -p /usr/libexec/openssh
  ln -s /usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server
  install -m 0600 "$here/files/sshd_config" /etc/ssh/sshd_config
  rm -rf /etc/ssh/sshd_config.d
  mkdir -m 0700 /etc/ssh/sshd_config.d
  sed -i -E '/pam_motd|pam_mail|\/etc\/default\/locale/d' /etc/pam.d/sshd
}

# Users, shells and directories that roles meet on EL.
habits() {
  ln -sf bash /usr/bin/sh
  groupadd -r wheel
  rm -f /etc/sudoers.d/*
  install -m 0440 "$here/files/sudoers" /etc/sudoers
  # Bash reads them for commands over SSH too.
  install -m 0644 "$here/files/bashrc" /etc/bashrc
  echo '. /etc/bashrc' | tee /root/.bashrc >/etc/skel/.bashrc
  groupmod -n nobody nogroup
  sed -i -E 's/^#? ?(SHELL)=.*/\1=\/bin\/bash/' /etc/default/useradd
  cat >>/etc/login.defs <<'EOF'
SYS_UID_MIN 201
SYS_UID_MAX 999
SYS_GID_MIN 201
SYS_GID_MAX 999
CREATE_HOME yes
HOME_MODE 0700
EOF
  rm -f /usr/sbin/{adduser,addgroup,deluser,delgroup} /etc/{adduser,deluser}.conf
  ln -s useradd /usr/sbin/adduser
  mkdir -p /etc/sysconfig
  echo 'LANG=C.UTF-8' >/etc/locale.conf
  rm -f /etc/motd
}

# Units that make no sense in a container; EL's rule that nothing is enabled unless it says so.
systemd_units() {
  # Debian's old start scripts would start services a second time.
  rm -rf /etc/init.d /etc/rc?.d /etc/sv /etc/runit
  systemctl mask --quiet systemd-udevd.service systemd-modules-load.service dev-hugepages.mount \
    sys-fs-fuse-connections.mount sys-kernel-debug.mount systemd-resolved.service systemd-logind.service getty.target \
    console-getty.service systemd-networkd.service systemd-network-generator.service \
    systemd-timesyncd.service
  # EL's /tmp is on the disk. Not masked: where tmp.mount is, systemd 247 may refuse to start units
  # with PrivateTmp again after a crash.
  rm -f /usr/lib/systemd/system/local-fs.target.wants/tmp.mount
  mkdir -p /usr/lib/systemd/system-preset
  rm -f /usr/lib/systemd/system-preset/*
  cp "$here/files/"*.preset /usr/lib/systemd/system-preset/
  systemctl preset-all --quiet 2>/dev/null
  systemctl set-default --quiet multi-user.target
  install -m 0755 "$here/lab-init" /usr/libexec/lab-init
  : >/etc/machine-id
}

# Take away what only the build needed, and what a minimal installation does not have: it is among
# the RPMs.
debian_leftovers() {
  rm -f /usr/bin/tar /usr/sbin/{tarcat,rmt,rmt-tar} /etc/rmt
  rm -f /usr/bin/{apt,apt-get,apt-cache,apt-config,apt-key,apt-mark,apt-cdrom,dpkg,dpkg-*}
  rm -f /usr/bin/{createrepo_c,mergerepo_c,modifyrepo_c,sqliterepo_c,debconf*,perl*} /usr/sbin/dpkg-*
  rm -rf /etc/apt /etc/dpkg /etc/debconf.conf /etc/kernel /var/lib/{apt,dpkg} /usr/lib/{apt,dpkg}
  rm -rf /var/cache/{apt,debconf,ldconfig} /usr/share/{debconf,perl,perl5,dpkg,bash-completion,zsh}
  rm -rf /usr/lib/x86_64-linux-gnu/{perl,perl-base,libperl.so*,libapt-pkg*,libapt-private*}
  rm -rf /usr/share/doc/* /usr/share/man/* /usr/share/locale/* /usr/share/info/* /usr/lib/udev/hwdb.d
  rm -rf /var/log/*.log /etc/{ufw,update-motd.d,cron.d,cron.daily,logcheck,perl}
  find /usr/lib -name __pycache__ -prune -exec rm -rf {} +
  rm -rf /root/standin
}

identity
trust_store
dnf_configuration
platform_python
ssh_server
habits
systemd_units
debian_leftovers
