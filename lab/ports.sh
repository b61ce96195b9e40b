#!/usr/bin/env bash
# Fail, naming the port, if this machine already listens where a lab host is to be published.
# Usage: ports.sh PUBLISH ...   as podman takes it, [ADDRESS:]PORT:CONTAINER_PORT
set -euo pipefail
# shellcheck source=lab/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

main() {
  local publish rest port address
  for publish in "$@"; do
    rest=${publish%:*}
    port=${rest##*:}
    # Podman picks a port itself where none is named.
    [[ $port =~ ^[0-9]+$ ]] || continue
    address=${rest%"$port"}
    address=${address%:}
    address=${address//[\[\]]/}
    case $address in '' | 0.0.0.0) address=127.0.0.1 ;; esac
    if (exec 3<>"/dev/tcp/$address/$port") 2>/dev/null; then
      die "port $port of this machine is taken; set LAB_HTTP_PORT or LAB_HTTPS_PORT, whichever" \
        'it is, to a free one'
    fi
  done
}

# On one line: an edit of this file meanwhile does not reach a run under way.
main "$@"; exit
