#!/usr/bin/env bash
# Print kvm where a kernel really boots with it on this machine, else tcg. Asks once for each boot of
# this machine.
set -euo pipefail
# shellcheck source=lab/vm/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# Seconds until the kernel, which finds no disk, gives up: less than two where KVM works.
PROBE_SECONDS=20

# Print a kernel to try: the lab's own, or one of this machine.
kernel() {
  local file
  for file in "$VM_KERNEL/vmlinuz" "/boot/vmlinuz-$(uname -r)" /boot/vmlinuz-*; do
    [ ! -r "$file" ] || { echo "$file" && return; }
  done
  return 1
}

probe() {
  local file
  [ -r /dev/kvm ] && [ -w /dev/kvm ] || return 1
  # Nothing to try it with: believe it.
  file=$(kernel) || return 0
  # Without a root file system the kernel panics, when all else is up.
  timeout --kill-after 1 "$PROBE_SECONDS" qemu-system-x86_64 -accel kvm -cpu host -m 256 -no-user-config \
    -nodefaults -display none -no-reboot -serial stdio -kernel "$file" -append 'console=ttyS0 panic=-1' \
    </dev/null 2>/dev/null | grep -q 'Kernel panic'
}

main() {
  local remembered=$LAB_STATE/accelerator answer=tcg boot
  boot=$(cat /proc/sys/kernel/random/boot_id)
  mkdir -p "$LAB_STATE"
  if [ "$(sed -n 1p "$remembered" 2>/dev/null)" != "$boot" ]; then
    ! probe || answer=kvm
    [ "$answer" = kvm ] ||
      say 'no kernel boots with KVM here: virtual machines are emulated, which takes five to ten times as long'
    printf '%s\n%s\n' "$boot" "$answer" >"$remembered.new"
    mv "$remembered.new" "$remembered"
  fi
  sed -n 2p "$remembered"
}

# On one line: an edit of this file meanwhile does not reach a run under way.
main "$@"; exit
