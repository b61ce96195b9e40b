#!/bin/bash
# Print what SELinux has denied since this machine was made, each kind once, without what differs each time.
set -euo pipefail
{
  cat /var/log/audit/audit.log* 2>/dev/null || true
  journalctl --no-pager --quiet --output cat _TRANSPORT=audit + _TRANSPORT=kernel
} | sed -n -E 's/.*(avc: +denied)/\1/; T; s/ (pid|ino|dev)=[^ ]*//g; p' | sort -u
