#!/usr/bin/env bash
# Write ssh_config and known_hosts below .lab for the hosts of this checkout and platform that run,
# and remove both where none does. Prints "changed" if something changed.
# Usage: connect.sh [HOST ...]
# Hosts named are waited for until they have booted, let this checkout's key in, and are tried.
# shellcheck disable=SC2317 # some functions are only called by name
set -euo pipefail
# shellcheck source=lab/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

BOOT_SECONDS=${LAB_BOOT_TIMEOUT:-60}

# Pass on standard input without the warnings that podman gives on every call on some machines.
without_warnings() {
  sed '/^time=.*level=warning/d'
}

# Wait until a host has booted and let this checkout's key in, or say what the host says.
open_host() {
  local name=$1 container answer
  container=$(prefix)-$name
  if answer=$(timeout "$((BOOT_SECONDS + 10))" podman exec --interactive "$container" \
    bash -s "$BOOT_SECONDS" "$(cat "$LAB_STATE/id_ed25519.pub")" <"$LAB_DIR/guest-ready.sh" 2>&1 |
    without_warnings); then
    printf '%s' "$answer" | grep -x changed || true
    return
  fi
  say "lab: $name did not boot within $BOOT_SECONDS s (LAB_BOOT_TIMEOUT): $answer"
  say "The last that $name said:"
  {
    timeout 10 podman exec "$container" journalctl --no-pager --lines 15 --output cat 2>&1 ||
      timeout 10 podman logs --tail 15 "$container" 2>&1
  } | without_warnings >&2 || true
  return 1
}

# Print id, name, user and SSH port of each running host, a line each.
running_hosts() {
  local containers format='{{.Id}} {{.Config.Labels.flaskstack_lab_name}}'
  format+=' {{.Config.Labels.flaskstack_lab_user}}'
  format+=' {{range index .NetworkSettings.Ports "22/tcp"}}{{.HostPort}}{{end}}'
  mapfile -t containers < <(
    podman ps --quiet --filter "label=flaskstack_lab_state=$LAB_STATE"
  )
  [ "${#containers[@]}" -gt 0 ] || return 0
  podman inspect --type container --format "$format" "${containers[@]}" | sort -k 2
}

# Print the SSH configuration of the hosts on standard input.
ssh_config() {
  local id name user port names=()
  echo '# Written by the lab: how to reach the lab hosts of this checkout.'
  while read -r id name user port; do
    names+=("$name")
    printf '\nHost %s\n  HostName 127.0.0.1\n  Port %s\n  HostKeyAlias %s\n  User %s\n' \
      "$name" "$port" "$id" "$user"
  done
  cat <<EOF

Host ${names[*]}
  IdentityFile "$LAB_STATE/id_ed25519"
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile "$LAB_STATE/known_hosts"
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
  UpdateHostKeys no
  ForwardAgent no
  LogLevel ERROR
EOF
}

# Print the known_hosts lines of the hosts on standard input. A host tells its keys once: they are
# kept by the container's id, so that a host made anew under the same name has none yet.
known_hosts() {
  local id rest
  while read -r id rest; do
    grep "^$id " "$LAB_STATE/known_hosts" 2>/dev/null ||
      podman exec "$id" sh -c 'cat /etc/ssh/ssh_host_*_key.pub' </dev/null 2>/dev/null |
      awk -v host="$id" '{ print host, $1, $2 }'
  done
}

# Replace a file of .lab by standard input if that differs.
update() {
  local file=$LAB_STATE/$1 content
  content=$(cat)
  [ "$content" != "$(cat "$file" 2>/dev/null || true)" ] || return 0
  (umask 077 && printf '%s\n' "$content" >"$file.new")
  mv "$file.new" "$file"
  echo changed
}

# Log in on a host or say why not.
try() {
  local answer
  answer=$(ssh -F "$LAB_STATE/ssh_config" -o ConnectTimeout=10 "$1" true 2>&1) ||
    die "$1 runs but SSH does not reach it: $answer"
}

# Run a function for each host at the same time; fail if it fails for one.
#   for_each FUNCTION HOST ...
for_each() {
  local action=$1 name pids=() pid status=0
  shift
  for name in "$@"; do
    "$action" "$name" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do
    wait "$pid" || status=1
  done
  return "$status"
}

# Virtual machines are found and opened otherwise.
if [ "${LAB_KIND:-}" = vm ]; then
  # shellcheck source=lab/vm/connect.sh
  . "$LAB_DIR/vm/connect.sh"
fi

main() {
  local hosts status=0
  mkdir -p "$LAB_STATE"
  [ "${LAB_KIND:-}" = vm ] || prepare_engine
  for_each open_host "$@" || status=1
  hosts=$(running_hosts)
  if [ -n "$hosts" ]; then
    known_hosts <<<"$hosts" | update known_hosts
    ssh_config <<<"$hosts" | update ssh_config
  else
    rm -f "$LAB_STATE/ssh_config" "$LAB_STATE/known_hosts"
  fi
  if [ "$status" -eq 0 ]; then
    for_each try "$@" || status=1
  fi
  return "$status"
}

# On one line: an edit of this file meanwhile does not reach a run under way.
main "$@"; exit
