#!/usr/bin/env bash
# Have a virtual machine run: make it from the disk, start it where it does not run, leave it alone where it
# does. One that was made otherwise (another disk, other ports, memory, cores) is made anew.
# Usage: start.sh HOST [PUBLISH ...]     [ADDRESS:]PORT:GUEST_PORT, as podman takes it
# Without DISK in the environment, a host that exists starts as it was made. Prints "changed" if it did
# something. Does not wait until it has booted: connect.sh does.
set -euo pipefail
# shellcheck source=lab/vm/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

MEMORY=${LAB_VM_MEMORY:-3072}
CORES=${LAB_VM_CPUS:-2}

# Succeed if nobody listens on a port of this machine.
free() {
  ! (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null
}

# Print the options of qemu's user-mode network: SSH, and what is published, on addresses of this machine.
network() {
  local ssh_port=$1 publish rest port address
  shift
  printf 'user,id=n,ipv6=off,hostfwd=tcp:127.0.0.1:%s-:22' "$ssh_port"
  for publish in "$@"; do
    rest=${publish%:*} port=${rest##*:}
    address=${rest%"$port"}
    address=${address%:}
    printf ',hostfwd=tcp:%s:%s-:%s' "${address:-0.0.0.0}" "$port" "${publish##*:}"
  done
}

# Print a port for SSH that is free: that of the last time, or one below those that this machine gives to
# connections of its own.
#   ssh_port HOST
ssh_port() {
  local port _
  port=$(cat "$VM_HOSTS/$1/ssh_port" 2>/dev/null || true)
  if [ -n "$port" ] && free 127.0.0.1 "$port"; then
    echo "$port"
    return
  fi
  for _ in {1..50}; do
    port=$((RANDOM % 10000 + 20000))
    if free 127.0.0.1 "$port"; then
      echo "$port"
      return
    fi
  done
  die 'no free port was found for SSH'
}

# Make what cloud-init reads: the account, the keys, the name.
seed() {
  local name=$1 directory=$2 maker
  mkdir -p "$directory/seed"
  printf 'instance-id: %s\nlocal-hostname: %s\n' "$(sha256sum <"$directory/spec" | cut -c 1-12)" "$name" >"$directory/seed/meta-data"
  {
    printf '#cloud-config\ndisable_root: false\nssh_pwauth: false\nssh_deletekeys: true\n'
    printf 'users:\n  - name: root\n    lock_passwd: true\n    ssh_authorized_keys:\n      - %s\n' "$(image_key)"
    printf 'ssh_keys:\n  ed25519_private: |\n'
    sed 's/^/    /' "$LAB_STATE/ssh_host_ed25519_key"
    printf '  ed25519_public: %s\n' "$(cat "$LAB_STATE/ssh_host_ed25519_key.pub")"
    if [ -n "${LAB_CA_BUNDLE:-}" ]; then
      printf 'ca_certs:\n  trusted:\n    - |\n'
      sed 's/^/      /' "$LAB_CA_BUNDLE"
    fi
  } >"$directory/seed/user-data"
  for maker in genisoimage xorrisofs mkisofs; do
    ! have "$maker" || break
  done
  have "$maker" || die 'neither genisoimage nor xorrisofs is installed, which make what a cloud image is configured by;' \
    'run lab/bootstrap.sh vm'
  "$maker" -quiet -volid cidata -joliet -rock -output "$directory/seed.iso" "$directory/seed" >&2
}

# Print how strict a host is to be, as lab/create.yml says it.
settings() {
  printf 'LAB_UMASK=%s\nLAB_USER=%s\nLAB_SUDO_PASSWORD=%s\n' "${LAB_UMASK:-}" "${LAB_USER:-root}" "${LAB_SUDO_PASSWORD:-}"
}

# Make a host's directory.
make() {
  local name=$1 spec=$2 directory=$VM_HOSTS/$1
  shift 2
  "$LAB_DIR/ports.sh" "$@"
  rm -rf "$directory"
  mkdir -p "$directory"
  cp --sparse=always --reflink=auto "$DISK" "$directory/disk"
  printf '%s\n' "$@" >"$directory/publish"
  # What guest-ready.sh is told.
  settings >"$directory/settings"
  printf '%s\n' "$spec" >"$directory/spec.new"
  if [ -n "${LAB_VM_IMAGE:-}" ]; then
    cp "$directory/spec.new" "$directory/spec"
    seed "$name" "$directory"
  fi
  # Last: without it there is no host.
  mv "$directory/spec.new" "$directory/spec"
}

# Start a host's qemu.
boot() {
  local name=$1 directory=$VM_HOSTS/$1 publish=() command accelerator forwards kernel port
  mapfile -t publish < <(grep . "$directory/publish" || true)
  "$LAB_DIR/ports.sh" "${publish[@]}"
  port=$(ssh_port "$name")
  echo "$port" >"$directory/ssh_port"
  forwards=$(network "$port" "${publish[@]}")
  accelerator=$(vm_accelerator)
  # shellcheck disable=SC2206,SC2054 # several options; commas are qemu's
  command=(
    nice qemu-system-x86_64 $accelerator -name "$(basename "$LAB_CHECKOUT")-$name" -smp "$CORES" -m "$MEMORY"
    -no-user-config -nodefaults -display none -daemonize -pidfile "$directory/pid"
    -serial "file:$directory/console.log" -monitor "unix:$directory/monitor,server=on,wait=off"
    # unsafe: a power cut is the death of qemu here, and what it was handed is in the file then.
    -drive "file=$directory/disk,if=virtio,format=raw,cache=unsafe"
    -device virtio-rng-pci -device virtio-net-pci,netdev=n -netdev "$forwards"
  )
  if [ -e "$directory/seed.iso" ]; then
    command+=(-drive "file=$directory/seed.iso,if=virtio,format=raw,readonly=on")
  else
    # The watchdog: emulated processors now and then trap one another for good where the kernel changes its own code, which it
    # does when systemd limits a unit's network. After a minute of that it boots again.
    kernel="console=ttyS0 panic=-1 watchdog_thresh=30 softlockup_panic=1 net.ifnames=0 mitigations=off audit=1"
    kernel+=" systemd.hostname=$name $(cat "$directory/arguments" 2>/dev/null || true)"
    command+=(-kernel "$VM_KERNEL/vmlinuz" -initrd "$VM_KERNEL/initrd" -append "$kernel")
  fi
  (cd "$directory" && "${command[@]}" </dev/null >"$directory/qemu.log" 2>&1 8>&-) ||
    die "$name could not be started: $(tail -n 3 "$directory/qemu.log")"
}

main() {
  local name=$1 spec directory=$VM_HOSTS/$1 made=''
  umask 077
  shift
  vm_lock "host-$name"
  have qemu-system-x86_64 || die 'qemu-system-x86_64 is not installed; run lab/bootstrap.sh vm'
  if [ -n "${DISK:-}" ]; then
    spec="$(basename "$DISK") $MEMORY $CORES $(settings | sha256sum | cut -c 1-12) $*"
    if [ "$spec" != "$(cat "$directory/spec" 2>/dev/null || true)" ]; then
      "$VM_DIR/cut.sh" "$name"
      make "$name" "$spec" "$@"
      if [ -n "${LAB_SELINUX_POLICY:-}" ] && [ -z "${LAB_VM_IMAGE:-}" ]; then
        echo 'security=selinux enforcing=1' >"$directory/arguments"
      fi
      made=changed
    fi
  elif [ ! -e "$directory/spec" ]; then
    die "there is no host $name; lab/create.yml makes it"
  fi
  if ! vm_pid "$name" >/dev/null; then
    boot "$name"
    made=changed
  fi
  [ -z "$made" ] || echo "$made"
}

# On one line: an edit of this file meanwhile does not reach a run under way.
main "$@"; exit
