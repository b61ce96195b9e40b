#!/usr/bin/env bash
# Write .lab/ssh_config and .lab/known_hosts for the hosts of this checkout that run, and remove
# both where none does. Usage: connect.sh [HOST ...]: also try to log in on these hosts.
# Prints "changed" if a file changed.
set -euo pipefail
# shellcheck source=lab/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# Print container, name and SSH port of each running host, a line each.
running_hosts() {
  local containers
  mapfile -t containers < <(
    podman ps --quiet --filter "label=flaskstack_lab_checkout=$LAB_CHECKOUT"
  )
  [ "${#containers[@]}" -gt 0 ] || return 0
  # shellcheck disable=SC2016 # a Go template
  podman inspect --type container "${containers[@]}" --format \
    '{{.Name}} {{.Config.Labels.flaskstack_lab_name}} {{range index .NetworkSettings.Ports "22/tcp"}}{{.HostPort}}{{end}}' |
    sort
}

# Print the SSH configuration of the hosts on standard input.
ssh_config() {
  local container name port names=()
  echo '# Written by the lab: how to reach the lab hosts of this checkout.'
  while read -r container name port; do
    names+=("$name")
    printf '\nHost %s\n  HostName 127.0.0.1\n  Port %s\n  HostKeyAlias %s\n' \
      "$name" "$port" "$container"
  done
  cat <<EOF

Host ${names[*]}
  User root
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

# Print the known_hosts lines of the hosts on standard input, as the hosts themselves tell.
known_hosts() {
  local container rest
  while read -r container rest; do
    podman exec "$container" sh -c 'cat /etc/ssh/ssh_host_*_key.pub' </dev/null 2>/dev/null |
      awk -v host="$container" '{ print host, $1, $2 }'
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

main() {
  local hosts name pids=() pid status=0
  mkdir -p "$LAB_STATE"
  prepare_engine
  hosts=$(running_hosts)
  if [ -n "$hosts" ]; then
    known_hosts <<<"$hosts" | update known_hosts
    ssh_config <<<"$hosts" | update ssh_config
  else
    rm -f "$LAB_STATE/ssh_config" "$LAB_STATE/known_hosts"
  fi
  for name in "$@"; do
    (try "$name") &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do
    wait "$pid" || status=1
  done
  return "$status"
}

main "$@"
