#!/bin/bash
# Run on a lab host: wait until it has booted and let the controller in.
# Usage: guest-ready.sh SECONDS PUBLIC_KEY
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

authorized=/root/.ssh/authorized_keys
if ! grep -qxF "$key" "$authorized" 2>/dev/null; then
  install -d -m 0700 /root/.ssh
  printf '%s\n' "$key" >>"$authorized"
  chmod 0600 "$authorized"
  echo changed
fi
