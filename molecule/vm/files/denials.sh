#!/bin/bash
# Print what SELinux has denied since this machine was made, each kind once, without what differs each time. Left out: that systemd
# turns on the audit at each boot, which is often lost among other lines, so that it may not be in the list of the bare machine.
set -euo pipefail
{
  cat /var/log/audit/audit.log* 2>/dev/null || true
  journalctl --no-pager --quiet --output cat _TRANSPORT=audit + _TRANSPORT=kernel
} | sed -n -E 's/.*(avc: +denied)/\1/; T; s/ (pid|ino|dev)=[^ ]*//g; /[{] audit_control [}].*comm="systemd"/d; p' | sort -u
