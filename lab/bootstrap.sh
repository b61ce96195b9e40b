#!/usr/bin/env bash
# Install what this machine lacks to run lab hosts.
# Usage: bootstrap.sh [--print] [standin|vm|control|lint]
#   --print   say what would be installed and install nothing
#   standin   also what building the stand-in takes
#   vm        also what virtual machines take (LAB_KIND=vm)
#   control   what the control node takes, and nothing else: a Python that can make environments
#   lint      what the linters take, and nothing else
# Says and does nothing where nothing is missing.
set -euo pipefail
# shellcheck source=lab/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

missing=()
manager=''

# Note a package if the command it brings is missing, and why it is needed.
#   need COMMAND WHY APT_PACKAGE DNF_PACKAGE
need() {
  local command=$1 why=$2 package
  ! have "$command" || return 0
  case $manager in
    apt-get) package=$3 ;;
    *) package=$4 ;;
  esac
  case " ${missing[*]} " in *" $package "*) return 0 ;; esac
  missing+=("$package")
  say "missing: $command (package $package): $why"
}

# Note what running hosts takes.
needs_of_hosts() {
  need ssh 'reaches the lab hosts' openssh-client openssh-clients
  need curl 'shows that they serve' curl curl
  need flock 'keeps two builds apart' util-linux util-linux
  if [ "$(cgroup_layout)" != v2 ]; then
    need runc "crun does not run systemd on this machine's cgroups" runc runc
  fi
  if [ "$(id -u)" -ne 0 ]; then
    need newuidmap 'user namespaces for rootless podman' uidmap shadow-utils
  fi
  if ! have podman; then
    # What network it takes is known once it is there.
    need podman 'runs the lab hosts' podman podman
  elif [ "${LAB_NETWORK:-}" = bridge ]; then
    needs_of_bridge
  elif [ -z "${LAB_NETWORK:-}" ] && { [ "$(id -u)" -ne 0 ] || bridge_changes_machine; }; then
    case $(user_network) in
      pasta) need pasta "the hosts' network, apart from this machine's" passt passt ;;
      *) need slirp4netns "the hosts' network, apart from this machine's" slirp4netns slirp4netns ;;
    esac
  elif [ "$(id -u)" -eq 0 ]; then
    needs_of_bridge
  fi
}

# Note what podman's bridge takes.
needs_of_bridge() {
  local directory
  for directory in /usr/lib/cni /usr/libexec/cni /usr/lib/podman /usr/libexec/podman; do
    [ ! -e "$directory/bridge" ] && [ ! -e "$directory/netavark" ] || return 0
  done
  need netavark "podman's bridge" containernetworking-plugins netavark
  need iptables "podman's bridge" iptables iptables
}

# Note what building the stand-in takes.
needs_of_standin() {
  need mmdebstrap 'builds the stand-in (Fedora has it, EL has it in EPEL)' mmdebstrap mmdebstrap
  [ "$manager" = apt-get ] ||
    need apt-get 'builds the stand-in (Fedora has it, EL has it in EPEL)' apt apt
  if [ "$(id -u)" -ne 0 ]; then
    need newuidmap 'builds the stand-in without root' uidmap shadow-utils
  fi
  # Debian trusts its own keys; elsewhere mmdebstrap takes them from here, if it has gpg to read them.
  if ! (. /etc/os-release && [ "$ID" = debian ]); then
    need gpg "reads Debian's keys" gpg gnupg2
    needs_of_keyring
  fi
}

# Note the keys that Debian's packages are signed with.
needs_of_keyring() {
  local package=debian-keyring
  [ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ] || return 0
  [ "$manager" != apt-get ] || package=debian-archive-keyring
  missing+=("$package")
  say "missing: Debian's keys (package $package): what the stand-in is made of is signed with them"
}

# Note what virtual machines take: qemu, and what makes disks and initrds of packages and images.
needs_of_machines() {
  need qemu-system-x86_64 'runs virtual machines' qemu-system-x86 qemu-kvm
  need qemu-img 'reads cloud images' qemu-utils qemu-img
  need mke2fs 'makes their disks' e2fsprogs e2fsprogs
  need cpio 'makes the initrd' cpio cpio
  if [ -n "${LAB_VM_IMAGE:-}" ]; then
    need xorrisofs 'makes what a cloud image is configured by' xorriso xorriso
  fi
  if [ -n "${LAB_SELINUX_POLICY:-}" ]; then
    need setfiles 'labels their files' policycoreutils policycoreutils
    need setfattr 'labels their files' attr attr
  fi
}

# Note what the control node takes: called when no interpreter will do, so it looks for none.
needs_of_control() {
  case $manager in
    apt-get) missing+=(python3-venv) ;;
    *) missing+=(python3.12) ;;
  esac
  say "missing: Python 3.11 or newer with its venv module (package ${missing[*]}): runs Ansible"
}

# Print what to put before a command that only root may run; fail if there is no way.
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
  if ! sudo=$(as_root); then
    if have sudo; then
      command="sudo $command"
    fi
    die "the lab needs packages that only root may install; run this and try again: $command"
  fi
  say "running: ${sudo:+$sudo }$command"
  local options=()
  if [ "$manager" = apt-get ]; then
    $sudo apt-get -qq update >/dev/null 2>&1 || true
    # This machine may be updating itself.
    options=(-qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
  fi
  # shellcheck disable=SC2086 # a command line of plain words
  $sudo env DEBIAN_FRONTEND=noninteractive $command "${options[@]}" >&2 ||
    die "installing failed; is a package mirror reachable from here? The command was: $command"
}

# Let one install at a time: parts of `make test` run side by side.
lock() {
  ! have flock || {
    mkdir -p "$LAB_ROOT"
    exec 7>"$LAB_ROOT/bootstrap.lock"
    flock 7
  }
}

# Note everything that is missing.
#   survey_needs [standin|vm|control|lint]
survey_needs() {
  missing=()
  case ${1:-} in
    control) needs_of_control ;;
    lint) need shellcheck 'checks the shell scripts' shellcheck ShellCheck ;;
    *)
      needs_of_hosts
      [ "${1:-}" != standin ] || needs_of_standin
      [ "${1:-}" != vm ] || needs_of_machines
      ;;
  esac
}

main() {
  local print='' _
  if [ "${1:-}" = --print ]; then
    print=yes
    shift
  fi
  case ${1:-} in
    '' | standin | vm | control | lint) ;;
    *) die "unknown argument $1; usage: lab/bootstrap.sh [--print] [standin|vm|control|lint]" ;;
  esac
  for manager in apt-get dnf none; do
    ! have "$manager" || break
  done
  # A second round for what is only known once podman is there.
  for _ in first second; do
    survey_needs "${1:-}"
    [ "${#missing[@]}" -gt 0 ] || return 0
    [ "$manager" != none ] ||
      die "this machine has neither apt nor dnf; install by hand: ${missing[*]}"
    [ -z "$print" ] || return 0
    lock
    # What another has installed meanwhile.
    survey_needs "${1:-}" 2>/dev/null
    [ "${#missing[@]}" -gt 0 ] || return 0
    install
    # Whether an interpreter will do now is its caller's to see.
    [ "${1:-}" != control ] || return 0
  done
}

# On one line: an edit of this file meanwhile does not reach a run under way.
main "$@"; exit
