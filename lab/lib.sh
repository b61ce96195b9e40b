# shellcheck shell=bash
# What the lab's scripts have in common. Sourced, never run.

LAB_DIR=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
LAB_CHECKOUT=$(dirname -- "$LAB_DIR")
# Everything the lab writes in the checkout lies here (ignored by git).
LAB_ROOT=$LAB_CHECKOUT/.lab
# What belongs to the hosts of one platform, or of one kind (vm), if it is named: hosts of several
# exist at once. molecule/inventory/hosts.yml and inventory/local/hosts.yml have the same rule.
# shellcheck disable=SC2034 # for who sources this
LAB_STATE=$LAB_ROOT${LAB_KIND:+/$LAB_KIND}${LAB_PLATFORM:+/$LAB_PLATFORM}

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

# Print what the names of this checkout's hosts begin with, followed by a hyphen: a short hash tells
# it from any other checkout on the machine, and what is named the hosts of several platforms.
prefix() {
  local id
  id=$(printf '%s' "$LAB_CHECKOUT" | sha256sum | cut -c 1-6)
  # A point: no host has one in its own name.
  printf 'flaskstack-%s%s\n' "$id" "${LAB_KIND:+.$LAB_KIND}${LAB_PLATFORM:+.$LAB_PLATFORM}"
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
  mkdir -p "$LAB_ROOT"
  if [ "$settings" != "$(cat "$LAB_ROOT/containers.conf" 2>/dev/null)" ]; then
    # A name of its own: another platform's run may be writing the same.
    printf '%s\n' "$settings" >"$LAB_ROOT/containers.conf.$$"
    mv "$LAB_ROOT/containers.conf.$$" "$LAB_ROOT/containers.conf"
  fi
  export CONTAINERS_CONF=$LAB_ROOT/containers.conf
}

# Print the CA bundle that lab hosts are to trust. A corporate proxy's CA is in the controller's.
ca_bundle() {
  local file
  if [ -n "${LAB_CA_BUNDLE:-}" ]; then
    [ -r "$LAB_CA_BUNDLE" ] || die "LAB_CA_BUNDLE names $LAB_CA_BUNDLE, which cannot be read"
    echo "$LAB_CA_BUNDLE"
    return
  fi
  for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem; do
    if [ -r "$file" ]; then
      readlink -f "$file"
      return
    fi
  done
}
