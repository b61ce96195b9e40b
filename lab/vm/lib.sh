# shellcheck shell=bash
# What the scripts for virtual machines have in common. Sourced, never run.

# shellcheck source=lab/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
[ "${LAB_KIND:-}" = vm ] || die "lab/vm/${0##*/} is for LAB_KIND=vm"

VM_DIR=$LAB_DIR/vm
# One directory for each host: its disk, its console, its ports and, while it runs, its pid.
VM_HOSTS=$LAB_STATE/hosts
# shellcheck disable=SC2034 # for who sources this
VM_KERNEL=$LAB_STATE/kernel

# Print the process id of a host's qemu; fail where it does not run. A pid file of an earlier boot of
# this machine may name somebody else's process: it is ours only if it has the host's disk.
#   vm_pid HOST
vm_pid() {
  local pid
  pid=$(cat "$VM_HOSTS/$1/pid" 2>/dev/null) || return 1
  { tr '\0' '\n' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qF "file=$VM_HOSTS/$1/disk," || return 1
  echo "$pid"
}

# Print the names of the hosts there are, or of those that run.
vm_hosts() {
  local directory
  for directory in "$VM_HOSTS"/*/; do
    [ ! -e "$directory/spec" ] || basename "$directory"
  done
}

# Keep others from preparing the same thing. Released when the script ends.
vm_lock() {
  mkdir -p "$LAB_STATE"
  exec 8>"$LAB_STATE/$1.lock"
  flock 8
}

# Run a command in which the files of a root file system may have any owner.
as_any_owner() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    podman unshare "$@"
  fi
}

# Print the accelerator with what belongs to it, for qemu's command line. KVM only where a kernel
# really comes up on it: a /dev/kvm that opens is no proof, nested ones hang in the first instruction.
vm_accelerator() {
  local answer
  case ${LAB_VM_ACCEL:-} in
    kvm | tcg) answer=$LAB_VM_ACCEL ;;
    '') answer=$("$VM_DIR/accelerator.sh") || return ;;
    *) die "LAB_VM_ACCEL=$LAB_VM_ACCEL is neither kvm nor tcg" ;;
  esac
  case $answer in
    kvm) echo '-accel kvm -cpu host' ;;
    *) echo '-accel tcg,thread=multi,tb-size=1024 -cpu max,la57=off' ;;
  esac
}

# Print the line that has the key of this checkout in new disks. Its end is not that of the line which
# guest-ready.sh adds: by that it knows whether it has been there.
image_key() {
  echo "$(cut -d ' ' -f 1,2 "$LAB_STATE/id_ed25519.pub") flaskstack-lab-image"
}
