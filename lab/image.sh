#!/usr/bin/env bash
# Make sure that the image of the lab's hosts exists, and note its name in .lab/image.json (of a
# platform that is named: .lab/PLATFORM/image.json).
#
# LAB_PLATFORM says which:
#   unset             CentOS Stream 9; where no registry answers, and for LAB_KIND=vm, the stand-in
#   stream9 stream10 rocky8 rocky9 rocky10 alma8 alma9 alma10
#                     the distribution's own image, or an error
#   standin8 standin9 standin10
#                     the stand-in of that release, made here from Debian packages
#
# The tag carries a hash of the recipe: a changed recipe is built anew, an unchanged one costs
# nothing. Progress goes to standard error, the image's name to standard output.
set -euo pipefail
# shellcheck source=lab/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

REPOSITORY=localhost/flaskstack-lab
# How long a registry may take to answer, and a download to finish.
PROBE_SECONDS=${LAB_REGISTRY_TIMEOUT:-15}
PULL_SECONDS=${LAB_PULL_TIMEOUT:-900}

work=''
child=''

# Print the public image of a platform; nothing for the stand-in.
base_image() {
  case $1 in
    stream9 | stream10) echo "quay.io/centos/centos:$1" ;;
    rocky8 | rocky9 | rocky10) echo "quay.io/rockylinux/rockylinux:${1#rocky}" ;;
    alma8 | alma9 | alma10) echo "quay.io/almalinuxorg/almalinux:${1#alma}" ;;
    standin8 | standin9 | standin10) ;;
    *)
      die "LAB_PLATFORM=$1 is unknown; one of stream9, stream10, rocky8, rocky9, rocky10, alma8," \
        'alma9, alma10, standin8, standin9, standin10'
      ;;
  esac
}

# Print the image name of a platform's recipe as it is now.
image_name() {
  local parts
  case $1 in
    standin*) parts=(lab-init standin) ;;
    *) parts=(lab-init Containerfile) ;;
  esac
  printf '%s:%s-%s\n' "$REPOSITORY" "$1" "$(
    cd "$LAB_DIR/image"
    # Without what is of another release alone.
    find "${parts[@]}" -type f \( ! -name 'el[0-9]*.sh' -o -name "el${1#standin}.sh" \) -print0 |
      LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-12
  )"
}

# Run a command in a process group of its own, so that an interruption ends all of it: bash would
# wait for the command, and what that started would live on.
interruptible() {
  local status=0
  set -m
  "$@" </dev/null &
  child=$!
  set +m
  wait "$child" || status=$?
  child=''
  return "$status"
}

# shellcheck disable=SC2317 # called by clean_up
# End the running command's process group; give it time to remove its own files.
end_child() {
  local _
  kill -TERM -- "-$child" 2>/dev/null || return 0
  for _ in {1..50}; do
    kill -0 -- "-$child" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL -- "-$child" 2>/dev/null || true
  sleep 0.2
}

# shellcheck disable=SC2317 # called by the trap
# Leave nothing behind, however the script ends.
clean_up() {
  local status=$?
  trap '' INT TERM HUP
  [ -z "$child" ] || end_child
  if [ -n "$work" ]; then
    remove_work "$work" || true
    rm -f "$LAB_ROOT/image.work"
  fi
  exit "$status"
}

# Remove a build directory. Without root, its files belong to subordinate users.
remove_work() {
  case $1 in
    */flaskstack-lab.*) ;;
    *) return ;;
  esac
  [ -d "$1" ] || return 0
  if [ "$(id -u)" -eq 0 ]; then
    rm -rf --one-file-system "$1"
  else
    podman unshare rm -rf --one-file-system "$1"
  fi
}

# Make a directory for one build.
make_work() {
  work=$(mktemp -d "${TMPDIR:-/var/tmp}/flaskstack-lab.XXXXXX")
  chmod 0755 "$work"
  printf '%s\n' "$work" >"$LAB_ROOT/image.work"
}

# Remove what a build left that was killed outright. Called with the lock held.
remove_stale() {
  [ -r "$LAB_ROOT/image.work" ] || return 0
  remove_work "$(cat "$LAB_ROOT/image.work")"
  rm -f "$LAB_ROOT/image.work"
}

# Fetch a platform's public image, within bounds. A failure is remembered for the day, so that the
# next run does not wait for a registry again; naming the platform always tries.
pull() {
  local base=$1 stamp
  stamp=$LAB_ROOT/unreachable.$(date +%F).$(printf '%s' "$base" | tr -c 'a-z0-9\n' _)
  ! podman image exists "$base" || return 0
  if [ -z "${LAB_PLATFORM:-}" ] && [ -e "$stamp" ]; then
    return 1
  fi
  say "looking for $base (for up to $PROBE_SECONDS s)"
  # A container engine's own question for the manifest: by its proxy, mirror and CA settings.
  if ! interruptible timeout "$PROBE_SECONDS" podman manifest inspect "docker://$base" \
    >/dev/null 2>&1; then
    rm -f "$LAB_ROOT"/unreachable.*
    : >"$stamp"
    return 1
  fi
  rm -f "$LAB_ROOT"/unreachable.*
  say "fetching $base"
  interruptible timeout "$PULL_SECONDS" podman pull --quiet "$base" >/dev/null ||
    die "fetching $base failed or took more than $PULL_SECONDS s (LAB_PULL_TIMEOUT)"
}

# Build a platform's image out of the distribution's.
build_real() {
  local base=$1 image=$2
  mkdir "$work/context"
  cp "$LAB_DIR/image/Containerfile" "$LAB_DIR/image/lab-init" "$work/context/"
  cp -L /etc/ssl/certs/ca-certificates.crt "$work/context/ca-bundle.pem" 2>/dev/null ||
    cp -L /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem "$work/context/ca-bundle.pem" 2>/dev/null ||
    : >"$work/context/ca-bundle.pem"
  say "building $image from $base"
  # The machine's own network: podman's bridge would switch on IP forwarding.
  TMPDIR=$work interruptible podman build --network host --build-arg "BASE=$base" --tag "$image" \
    --file "$work/context/Containerfile" "$work/context" >&2 ||
    die "building $image failed"
}

# Build the stand-in of a release.
build_standin() {
  local image=$1 release=$2
  [ "$(uname -m)" = x86_64 ] || die "the stand-in is made for x86_64 only; this is $(uname -m)"
  "$LAB_DIR/bootstrap.sh" standin
  say "building $image; this takes about two minutes, once"
  interruptible "$LAB_DIR/image/standin/build.sh" "$image" "$work" "$release" ||
    die "building the stand-in failed; if the lines above speak of resolving or connecting, the" \
      'Debian mirror cannot be reached'
}

# Remove the images of a platform's former recipes, unless a host still runs on one.
remove_former() {
  local platform=$1 image=$2 former
  podman images --format '{{.Repository}}:{{.Tag}}' --filter "reference=$REPOSITORY:$platform-*" |
    while read -r former; do
      [ "$former" = "$image" ] || podman rmi "$former" >/dev/null 2>&1 || true
    done
}

# Make sure one platform's image exists. Fails only where no registry answers.
ensure() {
  local platform=$1 image=$2 base
  base=$(base_image "$platform")
  # One build at a time, of whatever platform: a second run waits and then finds the image.
  exec 9>"$LAB_ROOT/image.lock"
  if podman image exists "$image"; then
    # Another platform's may be under way.
    ! flock --nonblock 9 || remove_stale
    return
  fi
  if ! flock --nonblock 9; then
    say 'another build is under way; waiting for it'
    flock 9
  fi
  remove_stale
  if podman image exists "$image"; then
    return
  fi
  if [ -n "$base" ]; then
    pull "$base" || return 1
  fi
  make_work
  if [ -n "$base" ]; then
    build_real "$base" "$image"
  else
    build_standin "$image" "${platform#standin}"
  fi
  remove_former "$platform" "$image"
  say "built $image in $SECONDS s"
}

# Note what the hosts are to run on.
record() {
  local platform=$1 image=$2 kind=real
  case $platform in standin*) kind=stand-in ;; esac
  printf '{"platform": "%s", "kind": "%s", "image": "%s"}\n' "$platform" "$kind" "$image" \
    >"$LAB_STATE/image.json.new"
  mv "$LAB_STATE/image.json.new" "$LAB_STATE/image.json"
  echo "$image"
}

main() {
  local platform=${LAB_PLATFORM:-stream9} image
  # A virtual machine is made of the stand-in: a distribution's container image has no kernel.
  if [ "${LAB_KIND:-}" = vm ]; then
    platform=${LAB_PLATFORM:-standin9}
  fi
  base_image "$platform" >/dev/null
  "$LAB_DIR/bootstrap.sh"
  mkdir -p "$LAB_STATE"
  prepare_engine
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  image=$(image_name "$platform")
  if ! ensure "$platform" "$image"; then
    [ -z "${LAB_PLATFORM:-}" ] ||
      die "no registry answers for $(base_image "$platform"), so LAB_PLATFORM=$platform cannot be" \
        'had here; LAB_PLATFORM=standin9 is made without a registry'
    platform=standin9
    image=$(image_name "$platform")
    say 'No container registry answers: the lab runs on the stand-in, made from Debian packages.'
    say "It proves the roles' logic, not that they work with CentOS's own binaries."
    ensure "$platform" "$image"
  fi
  record "$platform" "$image"
}

# On one line: an edit of this file meanwhile does not reach a run under way.
main "$@"; exit
