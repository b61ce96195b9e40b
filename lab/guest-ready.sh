#!/bin/bash
# Run on a lab host: wait until it has booted, make it as strict as it is to be, and let the
# controller in.
# Usage: guest-ready.sh SECONDS PUBLIC_KEY
# The host's settings are in its environment: LAB_UMASK, LAB_USER, LAB_SUDO_PASSWORD, LAB_REQUIRETTY.
# Prints "changed" if the controller's key was not there yet.
set -euo pipefail

seconds=$1
key=$2
state=''

# systemd answers once it runs; then it knows itself when it has finished booting. A unit that
# failed ("degraded") does not keep anybody from logging in.
while [ "$SECONDS" -lt "$seconds" ]; do
  state=$(timeout "$seconds" systemctl is-system-running --wait 2>/dev/null || true)
  case $state in
    running | degraded) break ;;
  esac
  sleep 0.1
done
case $state in
  running | degraded) ;;
  *)
    echo "systemd says: ${state:-nothing}"
    exit 1
    ;;
esac
if ! systemctl is-active --quiet sshd.service; then
  echo 'sshd.service is not running'
  exit 1
fi

user=${LAB_USER:-root}

# Set the umask of all who log in, where hardening guides have it set: bash reads /etc/profile.d for
# commands over SSH too, and sudo takes over the umask of who calls it.
harden_umask() {
  echo "umask $1" >/etc/profile.d/zz-umask.sh
  sed -i -E "s/^#?UMASK[[:space:]].*/UMASK $1/" /etc/login.defs
}

# Give a user of wheel the password that sudo asks for, each time anew and on a terminal of its own,
# and have nobody enter the host as root.
harden_login() {
  printf '%s:%s\n' "$1" "$2" | chpasswd
  printf 'Defaults %s\n' use_pty timestamp_timeout=0 ${LAB_REQUIRETTY:+requiretty} >/etc/sudoers.d/lab
  chmod 0440 /etc/sudoers.d/lab
  install -d -m 0700 /etc/ssh/sshd_config.d
  echo 'PermitRootLogin no' >/etc/ssh/sshd_config.d/01-lab.conf
  systemctl reload sshd.service
}

if [ "$user" != root ]; then
  id "$user" >/dev/null 2>&1 || useradd --create-home --groups wheel "$user"
fi
home=$(getent passwd "$user" | cut -d : -f 6)
if ! grep -qxF "$key" "$home/.ssh/authorized_keys" 2>/dev/null; then
  [ -z "${LAB_UMASK:-}" ] || harden_umask "$LAB_UMASK"
  [ "$user" = root ] || harden_login "$user" "$LAB_SUDO_PASSWORD"
  install -d -m 0700 -o "$user" "$home/.ssh"
  printf '%s\n' "$key" >>"$home/.ssh/authorized_keys"
  chmod 0600 "$home/.ssh/authorized_keys"
  chown "$user" "$home/.ssh/authorized_keys"
  echo changed
fi
