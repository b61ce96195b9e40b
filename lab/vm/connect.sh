# shellcheck shell=bash
# How lab/connect.sh finds and opens virtual machines instead of containers. Sourced, never run.

# shellcheck source=lab/vm/lib.sh
. "$LAB_DIR/vm/lib.sh"

# An emulated machine takes half a minute to boot, a cloud image's first boot several.
BOOT_SECONDS=${LAB_BOOT_TIMEOUT:-600}

# SSH before there is a configuration.
#   vm_ssh HOST USER COMMAND ...
vm_ssh() {
  local name=$1 user=$2
  shift 2
  ssh -F none -o User="$user" -o Port="$(cat "$VM_HOSTS/$name/ssh_port")" -o IdentityFile="$LAB_STATE/id_ed25519" \
    -o IdentitiesOnly=yes -o IdentityAgent=none -o UserKnownHostsFile="$LAB_STATE/known_hosts.lab" -o HostKeyAlias=lab \
    -o GlobalKnownHostsFile=none -o ServerAliveInterval=15 -o StrictHostKeyChecking=yes -o ConnectTimeout=10 -o LogLevel=ERROR 127.0.0.1 "$@"
}

# Wait until a host has booted and is as strict as it is to be, or say what its console says. During the
# first seconds of sshd a connection may be reset. Once it has been opened, root may not enter any more.
open_host() {
  local name=$1 answer='' directory=$VM_HOSTS/$1 user=root settings
  mapfile -t settings < <(cat "$directory/settings")
  [ ! -e "$directory/opened" ] || user=$(vm_user "$name")
  while [ "$SECONDS" -lt "$BOOT_SECONDS" ] && vm_pid "$name" >/dev/null; do
    if answer=$(vm_ssh "$name" "$user" "$(printf '%q ' env "${settings[@]}" bash -s "$((BOOT_SECONDS - SECONDS))" \
      "$(cat "$LAB_STATE/id_ed25519.pub")")" <"$LAB_DIR/guest-ready.sh" 2>&1); then
      : >"$directory/opened"
      printf '%s' "$answer" | grep -x changed || true
      return
    fi
    sleep 1
  done
  say "lab: $name did not boot within $BOOT_SECONDS s (LAB_BOOT_TIMEOUT): $answer"
  say "The last lines of its console, $directory/console.log:"
  tail -n 15 "$directory/console.log" >&2 || true
  return 1
}

# Print who enters a host.
vm_user() {
  sed -n 's/^LAB_USER=//p' "$VM_HOSTS/$1/settings"
}

# Print id, name, user and SSH port of each running host, a line each.
running_hosts() {
  local name
  for name in $(vm_hosts); do
    ! vm_pid "$name" >/dev/null ||
      echo "$name.vm.lab $name $(vm_user "$name") $(cat "$VM_HOSTS/$name/ssh_port")"
  done
}

# Print the known_hosts lines of the hosts on standard input: all have the key that the lab has given them.
known_hosts() {
  local id rest
  while read -r id rest; do
    echo "$id $(cut -d ' ' -f 1,2 "$LAB_STATE/ssh_host_ed25519_key.pub")"
  done
}
