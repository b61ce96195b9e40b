# shellcheck shell=bash
# What the lab's scripts have in common. Sourced, never run.

LAB_DIR=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
LAB_CHECKOUT=$(dirname -- "$LAB_DIR")
# Everything the lab writes in the checkout lies here (ignored by git).
LAB_STATE=$LAB_CHECKOUT/.lab

# Tell what is going on. Standard output is kept for results.
say() {
  printf '%s\n' "$*" >&2
}

# End with one clear sentence.
die() {
  printf 'lab: %s\n' "$*" >&2
  exit 1
}

# Succeed if the command exists. Debian keeps some tools where a user's PATH does not look.
have() {
  PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1
}

# Print a short hash that tells this checkout from any other on the machine.
checkout_id() {
  printf '%s' "$LAB_CHECKOUT" | sha256sum | cut -c 1-6
}

# Print how this machine mounts its cgroups: v2, hybrid or v1.
cgroup_layout() {
  if [ "$(stat -fc %T /sys/fs/cgroup 2>/dev/null)" = cgroup2fs ]; then
    echo v2
  elif [ "$(stat -fc %T /sys/fs/cgroup/unified 2>/dev/null)" = cgroup2fs ]; then
    echo hybrid
  else
    echo v1
  fi
}

# Succeed if this process may raise a hard limit (CAP_SYS_RESOURCE, bit 24).
may_raise_limits() {
  local effective
  effective=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
  [ $((0x$effective >> 24 & 1)) -eq 1 ]
}

# Print the command that gives containers a network without touching this machine's: podman 5 has
# pasta for it, its forerunners slirp4netns.
user_network() {
  local version
  version=$(podman --version)
  version=${version##* }
  if [ "${version%%.*}" -ge 5 ]; then
    echo pasta
  else
    echo slirp4netns
  fi
}

# Succeed if podman's own default network would change this machine: its bridge switches on IP
# forwarding for all of it. Without root, podman never does.
bridge_changes_machine() {
  [ "$(id -u)" -eq 0 ] && [ "$(cat /proc/sys/net/ipv4/ip_forward)" != 1 ]
}

# Print the containers.conf that podman needs on this machine; nothing on most machines.
engine_settings() {
  local files processes most
  if [ "$(id -u)" -eq 0 ] && ! may_raise_limits; then
    # Podman's defaults lie above what root may ask for here: hand down what there is.
    files=$(ulimit -Hn) processes=$(ulimit -Hu) most=$(cat /proc/sys/kernel/pid_max)
    # Podman lowers its own limit to the number of process ids.
    if [ "$processes" = unlimited ] || [ "$processes" -gt "$most" ]; then
      processes=$most
    fi
    echo '[containers]'
    echo "default_ulimits = [\"nofile=$files:$files\", \"nproc=$processes:$processes\"]"
  fi
  if [ "$(cgroup_layout)" != v2 ] && have runc; then
    # crun does not start containers with systemd in them on hybrid cgroups.
    echo '[engine]'
    echo 'runtime = "runc"'
  fi
}

# Point podman at settings of the lab's own where the machine needs them. A CONTAINERS_CONF of
# the user's wins; a stock podman on a stock machine is left alone.
prepare_engine() {
  local settings
  [ -z "${CONTAINERS_CONF:-}" ] || return 0
  settings=$(engine_settings)
  [ -n "$settings" ] || return 0
  mkdir -p "$LAB_STATE"
  if [ "$settings" != "$(cat "$LAB_STATE/containers.conf" 2>/dev/null)" ]; then
    printf '%s\n' "$settings" >"$LAB_STATE/containers.conf.new"
    mv "$LAB_STATE/containers.conf.new" "$LAB_STATE/containers.conf"
  fi
  export CONTAINERS_CONF=$LAB_STATE/containers.conf
}
