#!/usr/bin/env bash
# Make sure that there is a kernel to boot the stand-in with: Debian's for clouds, and an initrd that
# mounts the disk. Both come from packages that are unpacked below .lab and never installed.
# Prints what names them. In .lab/vm/kernel: vmlinuz, initrd, modules.
set -euo pipefail
# shellcheck source=lab/vm/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

META=linux-image-cloud-amd64
# Those that the disk and the network need, each after what it needs itself. ext4 is built in.
MODULES=(virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk failover
  net_failover virtio_net)

work=''

# shellcheck disable=SC2317 # called by the trap
clean_up() {
  [ -z "$work" ] || rm -rf "$work"
}

# Fetch the packages and unpack them into the work directory.
fetch() {
  local package file
  have apt-get || die 'virtual machines of the stand-in take their kernel from a Debian package, and this' \
    'machine has no apt; with LAB_VM_IMAGE a cloud image brings its own'
  package=$(apt-cache depends --important "$META" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p')
  [ -n "$package" ] || die "apt knows no package $META; run: apt-get update"
  (
    cd "$work"
    chmod 0755 .
    apt-get download -qq "$package" busybox-static >&2 2>"$work/log" || { cat "$work/log" >&2 && exit 1; }
    for file in *.deb; do
      dpkg-deb --extract "$file" root
    done
  ) || die "the packages $package and busybox-static could not be fetched"
}

# Make the initrd of busybox, some modules and its /init.
make_initrd() {
  local version=$1 tree=$work/initrd module file
  mkdir -p "$tree"/{bin,mod,proc,sys,dev,root}
  cp "$work/root/bin/busybox" "$tree/bin/"
  cp "$VM_DIR/initrd-init.sh" "$tree/init"
  chmod 0755 "$tree/init"
  for module in "${MODULES[@]}"; do
    file=$(find "$work/root/lib/modules/$version" -name "$module.ko" -print -quit)
    [ -z "$file" ] || cp "$file" "$tree/mod/"
  done
  (cd "$tree" && find . | LC_ALL=C sort | cpio --quiet --create --format newc --owner 0:0) |
    gzip -1 >"$work/kernel/initrd"
}

main() {
  local version
  vm_lock kernel
  if ! cmp -s "$VM_DIR/initrd-init.sh" "$VM_KERNEL/init" || ! cmp -s "$0" "$VM_KERNEL/recipe"; then
    trap clean_up EXIT
    work=$(mktemp -d "${TMPDIR:-/var/tmp}/flaskstack-kernel.XXXXXX")
    fetch
    version=$(basename "$work"/root/lib/modules/*)
    mkdir -p "$work/kernel"
    cp "$work/root/boot/vmlinuz-$version" "$work/kernel/vmlinuz"
    cp -a "$work/root/lib/modules" "$work/kernel/modules"
    cp "$work/root/bin/busybox" "$work/kernel/busybox"
    "$work/kernel/busybox" depmod -b "$work/root" "$version" 2>/dev/null || true
    cp "$work/root/lib/modules/$version"/modules.* "$work/kernel/modules/$version/"
    make_initrd "$version"
    echo "$version" >"$work/kernel/version"
    cp "$VM_DIR/initrd-init.sh" "$work/kernel/init"
    cp "$0" "$work/kernel/recipe"
    rm -rf "$VM_KERNEL" "$VM_KERNEL.new"
    cp -a "$work/kernel" "$VM_KERNEL.new"
    mv "$VM_KERNEL.new" "$VM_KERNEL"
    say "kernel $version, in $SECONDS s"
  fi
  cat "$VM_KERNEL/version" "$VM_KERNEL/init" "$VM_KERNEL/recipe" | sha256sum | cut -c 1-12
}

# On one line: an edit of this file meanwhile does not reach a run under way.
main "$@"; exit
