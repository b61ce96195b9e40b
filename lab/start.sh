#!/usr/bin/env bash
# Start hosts of this checkout that have shut down or were killed, as a machine's firmware does after a reboot: their
# files are kept. Usage: start.sh [--wait SECONDS] HOST...
#   --wait    first wait until they are down, for so long at most
# Virtual machines: vm/start.sh.
set -euo pipefail
# shellcheck source=lab/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

main() {
  local seconds=0 name containers=()
  if [ "${1:-}" = --wait ]; then
    seconds=$2
    shift 2
  fi
  [ "$#" -gt 0 ] || die 'usage: lab/start.sh [--wait SECONDS] HOST...'
  prepare_engine
  for name in "$@"; do
    podman container exists "$(prefix)-$name" || die "there is no host $name; lab/create.yml makes it"
    containers+=("$(prefix)-$name")
  done
  if [ "$seconds" -gt 0 ]; then
    timeout "$seconds" podman wait "${containers[@]}" >/dev/null || die "$* did not shut down within $seconds s"
  fi
  podman start "${containers[@]}" >/dev/null
  "$LAB_DIR/network.sh"
  "$LAB_DIR/connect.sh" "$@"
}

# On one line: an edit of this file meanwhile does not reach a run under way.
main "$@"; exit
