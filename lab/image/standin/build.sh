#!/usr/bin/env bash
# Build the stand-in: a Debian userland with real systemd, rpm, dnf and sshd that looks like an EL
# host: EL identity, EL package names and file layouts, an RPM repository on its own disk.
# Usage: build.sh IMAGE WORKDIR RELEASE
set -euo pipefail
# shellcheck source=lab/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../../lib.sh"

here=$LAB_DIR/image/standin
release=$3
# Which Debian is the closest to it.
# shellcheck source=lab/image/standin/el9.sh
. "$here/el$release.sh"

# What is there before any RPM is installed, as on a minimal EL host.
base=(
  bash ca-certificates curl dbus dnf gawk iproute2 libnss-systemd netbase openssh-server openssl
  procps python3-selinux python3-venv rpm sudo systemd systemd-sysv tzdata
  createrepo-c # removed once the repository is made
)

# Print this machine's own apt entries, for the suite, so that a mirror or a proxy configured here
# serves the build too: where it runs another Debian, the mirror has its neighbours. Nothing on
# another distribution: mmdebstrap knows the public mirrors.
apt_sources() {
  local own
  own=$(. /etc/os-release && [ "$ID" = debian ] && echo "${VERSION_CODENAME:-}") || true
  if [ -n "$(apt_entries "$suite")" ] || [ -z "$own" ]; then
    apt_entries "$suite"
  else
    apt_entries "$own" | sed -E "s/(^|[[:space:]])$own(-[a-z]+)?\\>/\\1$suite\\2/g"
  fi
}

# Print this machine's apt entries for a suite.
apt_entries() {
  local file suite=$1
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -r "$file" ] || continue
    awk -v suite="$suite" '
      $1 != "deb" { next }
      { uri = 2; if ($2 ~ /^\[/) while ($uri !~ /\]$/) uri++; if ($2 ~ /^\[/) uri++ }
      $(uri + 1) ~ "^" suite "(-updates|-security)?$" && / main( |$)/ { print }' "$file"
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -r "$file" ] || continue
    awk -v suite="$suite" 'BEGIN { RS = ""; ORS = "\n\n" }
      $0 ~ "(^|\n)Suites:[^\n]* " suite "(-updates|-security)?( |\n|$)" &&
      /(^|\n)Components:[^\n]* main( |\n|$)/ { print }' "$file"
  done
}

# Print this machine's apt settings that bear on reaching the mirror.
apt_settings() {
  have apt-config || return 0
  apt-config dump --format '%F "%v";%n' Acquire::http Acquire::https \
    Acquire::Check-Valid-Until Acquire::Check-Date | grep -v ' "";$' || true
}

# Print how to call mmdebstrap, an argument a line.
arguments() {
  local work=$1 setting file=0 list

  echo --quiet
  echo --variant=minbase
  printf -- '--include=%s\n' "$(IFS=,; echo "${base[*]}")"
  echo '--aptopt=Apt::Install-Recommends "false"'
  apt_settings | while read -r setting; do
    printf -- '--aptopt=%s\n' "$setting"
  done
  echo --dpkgopt=force-unsafe-io
  # Of the older suites, / and /usr are apart by default.
  # shellcheck disable=SC2016 # mmdebstrap's shell expands it
  [ "$suite" != bullseye ] ||
    echo '--setup-hook=cd "$1" && mkdir -p usr/bin usr/sbin usr/lib usr/lib64 && ln -s usr/* .'
  for list in doc man locale info lintian bug; do
    echo "--dpkgopt=path-exclude=/usr/share/$list/*"
  done
  # Debian's package manager goes in the last step, so nothing of it is left to clean.
  echo --skip=cleanup/apt,cleanup/mmdebstrap
  echo --customize-hook="copy-in '$work/standin' /root"
  echo --customize-hook="chroot \"\$1\" env EL=$release STARTED=$(date +%s) bash /root/standin/packages.sh"
  echo --customize-hook="chroot \"\$1\" env EL=$release bash /root/standin/identity.sh"
  echo --format=tar
  echo "$suite"
  echo "$work/root.tar"
  apt_sources >"$work/sources.list"
  # mmdebstrap tells the two formats apart file by file.
  for list in one-line deb822; do
    if [ "$list" = one-line ]; then
      grep '^deb ' "$work/sources.list" >"$work/$list" || true
    else
      grep -v '^deb ' "$work/sources.list" >"$work/$list" || true
    fi
    if grep -q '[^[:space:]]' "$work/$list"; then
      echo "$work/$list"
      file=1
    fi
  done
  [ "$file" = 1 ] || say "       (no apt source for $suite on this machine: the public mirrors)"
}

main() {
  local image=$1 work=$2 bundle options
  # mmdebstrap works as root or in a user namespace, so the build needs no privilege of its own.
  export TMPDIR=$work
  mkdir -p "$work/standin"
  cp -a "$here"/{packages.sh,identity.sh,repack.sh,"el$release.sh",files} "$LAB_DIR/image/lab-init" "$work/standin/"
  bundle=/etc/ssl/certs/ca-certificates.crt
  [ ! -r "$bundle" ] || cp -L "$bundle" "$work/standin/controller-ca.crt"

  step "base system ($suite)"
  mapfile -t options < <(arguments "$work")
  mmdebstrap "${options[@]}" >&2
  step "import ($(du -h "$work/root.tar" | cut -f 1))"
  podman import --quiet \
    --change 'CMD ["/usr/libexec/lab-init"]' \
    --change 'STOPSIGNAL SIGRTMIN+3' \
    --change 'ENV container=podman' \
    "$work/root.tar" "$image" >/dev/null
}

# Say what starts, and when.
step() {
  say "[$(printf '%3d' "$SECONDS")s] $*"
}

# On one line: an edit of this file meanwhile does not reach a run under way.
main "$@"; exit
