#!/usr/bin/env bash
# Cut the power of a virtual machine: what it had not written to its disk is lost. start.sh starts it again.
# Usage: cut.sh [--remove] HOST ...
#        cut.sh --clean
#   --remove   remove it, too; without a host, all of them
#   --clean    remove those of all platforms, and whatever else the lab has for virtual machines
set -euo pipefail
# shellcheck source=lab/vm/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# End a host's qemu, and see it gone.
cut_power() {
  local pid _
  pid=$(vm_pid "$1") || return 0
  kill -KILL "$pid"
  # Not vm_pid: a process that ends has lost its command line long before the ports where it listens.
  for _ in {1..600}; do
    case $(ps -o stat= -p "$pid" || true) in '' | Z*) return 0 ;; esac
    sleep 0.05
  done
  die "qemu of $1, process $pid, does not end"
}

# Remove the hosts of each platform, then disks, kernel and keys.
clean() {
  local directory platform
  for directory in "$LAB_ROOT/vm" "$LAB_ROOT"/vm/*; do
    [ -d "$directory/hosts" ] || continue
    platform=${directory#"$LAB_ROOT/vm"}
    LAB_PLATFORM=${platform#/} "$VM_DIR/cut.sh" --remove
  done
  rm -rf "$LAB_ROOT/vm"
}

main() {
  local option='' name
  case ${1:-} in
    --clean)
      clean
      return
      ;;
    --remove)
      option=$1
      shift
      # shellcheck disable=SC2046 # names without spaces
      [ $# -gt 0 ] || set -- $(vm_hosts)
      ;;
  esac
  for name in "$@"; do
    cut_power "$name"
    if [ -n "$option" ] && [ -e "$VM_HOSTS/$name" ]; then
      rm -rf "${VM_HOSTS:?}/$name"
      echo changed
    fi
  done
}

# On one line: an edit of this file meanwhile does not reach a run under way.
main "$@"; exit
