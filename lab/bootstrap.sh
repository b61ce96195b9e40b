#!/usr/bin/env bash
# Install what this machine lacks to run lab hosts.
# Usage: bootstrap.sh [--print] [standin]
#   --print   say what would be installed and install nothing
#   standin   also what building the stand-in takes
# Says and does nothing where nothing is missing.
set -euo pipefail
# shellcheck source=lab/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

missing=()

# Note a package if the command it brings is missing, and why it is needed.
#   need COMMAND WHY APT_PACKAGE DNF_PACKAGE
need() {
  local command=$1 why=$2 package
  ! have "$command" || return 0
  case $manager in
    apt-get) package=$3 ;;
    *) package=$4 ;;
  esac
  missing+=("$package")
  say "missing: $command (package $package): $why"
}

# Note what running hosts takes.
needs_of_hosts() {
  local plugins
  need podman 'runs the lab hosts' podman podman
  need ssh 'reaches them' openssh-client openssh-clients
  need flock 'keeps two builds apart' util-linux util-linux
  if [ "$(cgroup_layout)" != v2 ]; then
    need runc "crun does not run systemd on this machine's cgroups" runc runc
  fi
  if [ "$(id -u)" -ne 0 ]; then
    need newuidmap 'user namespaces for rootless podman' uidmap shadow-utils
    have pasta || need slirp4netns 'network of rootless hosts' slirp4netns slirp4netns
  elif [ "$(cat /proc/sys/net/ipv4/ip_forward)" != 1 ] && ! have pasta; then
    need slirp4netns 'network of the hosts that leaves this machine its own settings' \
      slirp4netns slirp4netns
  fi
  case ${LAB_NETWORK:-} in
    bridge)
      need iptables "podman's bridge" iptables iptables
      plugins=$(find /usr/lib/cni /usr/libexec/cni /usr/lib/podman/netavark \
        /usr/libexec/podman/netavark -maxdepth 0 2>/dev/null || true)
      [ -n "$plugins" ] || need netavark "podman's bridge" containernetworking-plugins netavark
      ;;
  esac
}

# Note what building the stand-in takes.
needs_of_standin() {
  need mmdebstrap 'builds the stand-in (Fedora has it, EL has it in EPEL)' mmdebstrap mmdebstrap
  [ "$manager" = apt-get ] ||
    need apt-get 'builds the stand-in (Fedora has it, EL has it in EPEL)' apt apt
  if [ "$(id -u)" -ne 0 ]; then
    need newuidmap 'builds the stand-in without root' uidmap shadow-utils
  fi
}

# Print how root's commands are run, or the reason they cannot be.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    echo ''
  elif have sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    echo sudo
  else
    return 1
  fi
}

# Install the missing packages.
install() {
  local sudo command
  case $manager in
    apt-get) command="apt-get install --yes --no-install-recommends ${missing[*]}" ;;
    *) command="dnf install --assumeyes ${missing[*]}" ;;
  esac
  sudo=$(as_root) || die "the lab needs packages that only root may install; run: sudo $command"
  say "running: ${sudo:+$sudo }$command"
  if [ "$manager" = apt-get ]; then
    # shellcheck disable=SC2086 # a command line of plain words
    DEBIAN_FRONTEND=noninteractive $sudo apt-get -qq update >/dev/null 2>&1 || true
  fi
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive $sudo $command >&2 ||
    die "installing failed; is a package mirror reachable from here? The command was: $command"
}

main() {
  local print=''
  if [ "${1:-}" = --print ]; then
    print=yes
    shift
  fi
  manager=''
  for manager in apt-get dnf none; do
    ! have "$manager" || break
  done
  needs_of_hosts
  case ${1:-} in
    '') ;;
    standin) needs_of_standin ;;
    *) die "unknown argument $1; usage: lab/bootstrap.sh [--print] [standin]" ;;
  esac
  [ "${#missing[@]}" -gt 0 ] || return 0
  [ "$manager" != none ] ||
    die "this machine has neither apt nor dnf; install by hand: ${missing[*]}"
  [ -n "$print" ] || install
}

# On one line: an edit of this file meanwhile does not reach a run under way.
main "$@"; exit
