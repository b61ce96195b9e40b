#!/usr/bin/env bash
# Make the disk of a virtual machine from the stand-in's container image. Run by disk.sh, as root or in a
# user namespace where files may have any owner.
# Usage: root.sh IMAGE DIRECTORY DISK SIZE
set -euo pipefail
# shellcheck source=lab/vm/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

POLICY_TOOLS=(policycoreutils semodule-utils selinux-utils libsemanage2 libsemanage-common libsepol2 libaudit1)

# Unpack a container image.
export_image() {
  local image=$1 root=$2 container
  container=$(podman create --quiet --network none "$image" 2>/dev/null)
  mkdir -p "$root"
  podman export "$container" 2>/dev/null |
    tar --extract --directory "$root" --numeric-owner --preserve-permissions --xattrs --xattrs-include='*' \
      --delay-directory-restore
  podman rm --force "$container" >/dev/null 2>&1
}

# Make a root file system of the image that boots by itself. What a container is handed from outside is
# written into it: key, names, resolver, the CA bundle of this machine.
equip() {
  local root=$1 bundle=$2
  mkdir -p "$root/usr/lib/modules"
  cp -a "$VM_KERNEL/modules/." "$root/usr/lib/modules/"
  install -m 0755 "$VM_KERNEL/busybox" "$root/usr/libexec/lab-busybox"
  # The kernel has modules loaded by this path.
  [ -e "$root/usr/sbin/modprobe" ] || ln -s ../libexec/lab-busybox "$root/usr/sbin/modprobe"
  install -d -m 0700 "$root/root/.ssh"
  image_key >"$root/root/.ssh/authorized_keys"
  chmod 0600 "$root/root/.ssh/authorized_keys"
  install -m 0600 "$LAB_STATE/ssh_host_ed25519_key" "$root/etc/ssh/"
  install -m 0644 "$LAB_STATE/ssh_host_ed25519_key.pub" "$root/etc/ssh/"
  rm -f "$root/etc/hostname" "$root/etc/hosts" "$root/etc/resolv.conf" "$root/.dockerenv" "$root/run/.containerenv"
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
  # qemu's own, which asks this machine's.
  echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"
  : >"$root/etc/fstab"
  [ -z "$bundle" ] || install -m 0644 "$bundle" "$root/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"
  # The container's ways out of what only a machine can do.
  rm -f "$root"/etc/systemd/system/{systemd-modules-load,systemd-logind}.service
}

# Lay a tree over another: where that has a link to a directory (/lib), into the directory.
overlay() {
  tar --extract --directory "$1" --numeric-owner --preserve-permissions --keep-directory-symlink
}

# Unpack what changes a policy on a host, which an EL host with SELinux has from the start: Debian's, of
# the suite that this machine has (the stand-in of EL 9 is of 12).
policy_tools() {
  local root=$1 debs=$2 deb
  mkdir -p "$debs"
  (cd "$debs" && apt-get download -qq "${POLICY_TOOLS[@]}" 2>/dev/null) ||
    die "the packages ${POLICY_TOOLS[*]} could not be fetched"
  for deb in "$debs"/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | overlay "$root"
  done
}

# Give every file the label that a policy has for it, so that the first boot can be an enforcing one.
#   label ROOT POLICY_ROOT
label() {
  local root=$1 policy=$2 type=targeted contexts
  type=$(sed -n 's/^SELINUXTYPE=//p' "$policy/etc/selinux/config" 2>/dev/null || true)
  type=${type:-targeted}
  contexts=$root/etc/selinux/$type/contexts/files
  policy_tools "$root" "$root.debs"
  tar --create --directory "$policy" . | overlay "$root"
  printf 'SELINUX=enforcing\nSELINUXTYPE=%s\n' "$type" >"$root/etc/selinux/config"
  grep -qx '/usr/lib/x86_64-linux-gnu /usr/lib' "$contexts/file_contexts.subs_dist" ||
    echo '/usr/lib/x86_64-linux-gnu /usr/lib' >>"$contexts/file_contexts.subs_dist"
  # Where Debian's rpm looks for the plugin that labels what it installs.
  [ -e "$root/usr/lib64/rpm-plugins" ] || [ ! -e "$root/usr/lib/x86_64-linux-gnu/rpm-plugins" ] || {
    mkdir -p "$root/usr/lib64"
    ln -s ../lib/x86_64-linux-gnu/rpm-plugins "$root/usr/lib64/rpm-plugins"
  }
  setfiles -F -r "$root" "$contexts/file_contexts" "$root"
}

main() {
  local image=$1 root=$2 disk=$3 size=$4
  export_image "$image" "$root"
  equip "$root" "$(ca_bundle)"
  [ -z "${LAB_SELINUX_POLICY:-}" ] || label "$root" "$LAB_SELINUX_POLICY"
  rm -f "$disk"
  truncate --size "$size" "$disk"
  # Newer e2fsprogs would write features that older ones do not read.
  mke2fs -q -t ext4 -O ^metadata_csum_seed,^orphan_file -E lazy_itable_init=1,lazy_journal_init=1 -d "$root" "$disk"
}

# On one line: an edit of this file meanwhile does not reach a run under way.
main "$@"; exit
