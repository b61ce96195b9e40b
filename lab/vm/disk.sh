#!/usr/bin/env bash
# Make sure that the disk exists that new hosts are copied from, and print its path: the stand-in's
# container image on ext4, with an account for this checkout's key; or, with LAB_VM_IMAGE, a cloud image.
set -euo pipefail
# shellcheck source=lab/vm/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# A sparse file: what it takes on this machine is what is in it.
DISK_SIZE=${LAB_VM_DISK:-8G}
PULL_SECONDS=${LAB_PULL_TIMEOUT:-900}

work=''

# shellcheck disable=SC2317 # called by the trap
clean_up() {
  [ -z "$work" ] || as_any_owner rm -rf --one-file-system "$work"
}

# Make the key that opens the hosts and the one by which they are known.
make_keys() {
  local name
  for name in id_ed25519 ssh_host_ed25519_key; do
    [ -e "$LAB_STATE/$name" ] || ssh-keygen -q -t ed25519 -N '' -C flaskstack-lab -f "$LAB_STATE/$name"
  done
  # For the first connection, before there is an ssh_config.
  echo "lab $(cut -d ' ' -f 1,2 "$LAB_STATE/ssh_host_ed25519_key.pub")" >"$LAB_STATE/known_hosts.lab"
}

# Print the id of the container image that image.sh has noted.
container_image() {
  local image id
  image=$(sed -n 's/.*"image": "\([^"]*\)".*/\1/p' "$LAB_STATE/image.json" 2>/dev/null || true)
  case $image in
    *:standin*) ;;
    '') die "the stand-in's image is missing; make it with LAB_KIND=vm LAB_PLATFORM=standin9 lab/image.sh and try again" ;;
    *) die "$image has no kernel and no policy; a virtual machine of a real distribution takes LAB_VM_IMAGE," \
      'the path or URL of its cloud image' ;;
  esac
  id=$(podman image inspect --format '{{.Id}}' "$image" 2>/dev/null) ||
    die "the image $image is gone; make it with LAB_KIND=vm lab/image.sh and try again"
  echo "$id"
}

# Make a disk of a cloud image, wherever it lies.
build_cloud() {
  local source=$1 disk=$2 file=$1
  case $source in
    http://* | https://*)
      file=$work/image
      say "downloading $source"
      curl --silent --show-error --fail --location --max-time "$PULL_SECONDS" --output "$file" "$source" ||
        die "$source could not be downloaded within $PULL_SECONDS s (LAB_PULL_TIMEOUT)"
      ;;
    *) [ -r "$file" ] || die "LAB_VM_IMAGE names $file, which cannot be read" ;;
  esac
  qemu-img convert -O raw "$file" "$disk" || die "$source is no disk image that qemu knows"
  # cloud-init grows the file system to what the disk has.
  qemu-img resize -q -f raw "$disk" "$DISK_SIZE" 2>/dev/null || true
}

# Print what the disk is made of, in one short word.
recipe() {
  local identity=$1
  {
    echo "$identity" "$DISK_SIZE"
    cat "$LAB_STATE/id_ed25519.pub" "$LAB_STATE/ssh_host_ed25519_key.pub" "$VM_DIR/disk.sh" "$VM_DIR/root.sh"
    [ -z "$(ca_bundle)" ] || sha256sum "$(ca_bundle)"
    [ -z "${LAB_SELINUX_POLICY:-}" ] ||
      (cd "$LAB_SELINUX_POLICY" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
  } | sha256sum | cut -c 1-12
}

main() {
  local identity disk
  mkdir -p "$LAB_STATE/disks"
  vm_lock disk
  make_keys
  prepare_engine
  if [ -n "${LAB_VM_IMAGE:-}" ]; then
    identity="$LAB_VM_IMAGE $(stat --format '%s %Y' "$LAB_VM_IMAGE" 2>/dev/null || true)"
  else
    identity=$(container_image)
    identity+=" $("$VM_DIR/kernel.sh")"
    if [ -n "${LAB_SELINUX_POLICY:-}" ]; then
      [ -d "$LAB_SELINUX_POLICY/etc/selinux" ] ||
        die "LAB_SELINUX_POLICY=$LAB_SELINUX_POLICY is to be a directory with etc/selinux/<type> and var/lib/selinux/<type> in it"
      have setfiles || die 'setfiles is not installed; run lab/bootstrap.sh vm'
    fi
  fi
  disk=$LAB_STATE/disks/$(recipe "$identity").raw
  if [ ! -e "$disk" ]; then
    work=$(mktemp -d "${TMPDIR:-/var/tmp}/flaskstack-disk.XXXXXX")
    trap clean_up EXIT
    if [ -n "${LAB_VM_IMAGE:-}" ]; then
      build_cloud "$LAB_VM_IMAGE" "$disk.new"
    else
      as_any_owner "$VM_DIR/root.sh" "${identity%% *}" "$work/root" "$disk.new" "$DISK_SIZE"
    fi
    # Hosts have copies: nothing needs the former ones.
    rm -f "$LAB_STATE"/disks/*.raw
    mv "$disk.new" "$disk"
    say "made the disk of new hosts in $SECONDS s"
  fi
  echo "$disk"
}

# On one line: an edit of this file meanwhile does not reach a run under way.
main "$@"; exit
