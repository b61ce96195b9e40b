#!/usr/bin/env bash
# Print, as JSON, what the create and destroy playbooks have to know: how lab hosts are run on this
# machine, which image they run on, which hosts of this checkout there are, of any platform. Ends with one sentence
# where lab hosts cannot be run. Changes nothing on the machine.
set -euo pipefail
# shellcheck source=lab/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# Print the podman network mode. Empty: podman's own default.
network_mode() {
  local mode
  if [ -n "${LAB_NETWORK:-}" ]; then
    echo "$LAB_NETWORK"
  elif bridge_changes_machine; then
    mode=$(user_network)
    have "$mode" ||
      die "the lab needs $mode (podman's bridge would turn on IP forwarding for the whole machine);" \
        'run lab/bootstrap.sh, or set LAB_NETWORK=bridge to accept that'
    echo "$mode"
  fi
}

# Print the id of the image noted by image.sh; nothing if there is none.
image_id() {
  local image
  image=$(sed -n 's/.*"image": "\([^"]*\)".*/\1/p' "$LAB_STATE/image.json" 2>/dev/null || true)
  [ -z "$image" ] || podman image inspect --format '{{.Id}}' "$image" 2>/dev/null || true
}

main() {
  local layout network bundle hosts image
  have podman || die 'podman is not installed; run lab/bootstrap.sh'
  layout=$(cgroup_layout)
  if [ "$layout" != v2 ] && [ "$(id -u)" -ne 0 ]; then
    die "rootless podman runs systemd on cgroup v2 only and this machine has $layout cgroups;" \
      'run the lab as root'
  fi
  network=$(network_mode)
  bundle=$(ca_bundle)
  prepare_engine
  hosts=$(podman ps --all --filter "label=flaskstack_lab_checkout=$LAB_CHECKOUT" --format json) ||
    die 'podman does not answer; see what it says to: podman ps'
  image=$(image_id)
  cat <<EOF
{
  "root": "$LAB_ROOT",
  "state": "$LAB_STATE",
  "prefix": "$(prefix)",
  "environment": {${CONTAINERS_CONF:+"\"CONTAINERS_CONF\": \"$CONTAINERS_CONF\""}},
  "ways": {
    "checkout": "$LAB_CHECKOUT",
    "cgroups": "$layout",
    "network": "$network",
    "ca_bundle": "$bundle"
  },
  "image_id": "$image",
  "hosts": $hosts
}
EOF
}

# On one line: an edit of this file meanwhile does not reach a run under way.
main "$@"; exit
