# shellcheck shell=bash
# shellcheck disable=SC2154 # here, repository, work, EL and what el8.sh and the like have: by packages.sh
# Make RPMs with EL names out of Debian packages. Sourced by packages.sh inside the new root.
#
#   rpm_from NAME [debs=A,B] [drop=REGEX] [uses=X,Y] [provides=A,B] [requires=A,B] [epoch=N]
#
# debs: the Debian packages it is made of, with those they need and the base lacks;
# drop: what to leave out of these; uses: RPMs which already bring some of them, then required.
# A function layout_NAME, if there is one, moves files to where EL has them (run in the new tree);
# files/NAME.scripts holds the RPM's scriptlets.

declare -a names=()
declare -A option=()

# Print the Debian packages that apt would newly install, one a line.
closure() {
  apt-get -qq --no-install-recommends --simulate install "$@" | sed -n 's/^Inst \([^ ]*\) .*/\1/p'
}

# Register an RPM and start working out which Debian packages it takes.
rpm_from() {
  local name=$1 argument debs
  shift
  names+=("$name")
  for argument in "$@"; do
    option[$name,${argument%%=*}]=${argument#*=}
  done
  mkdir -p "$work/$name"
  read -ra debs <<<"${option[$name,debs]//,/ }"
  # Named packages go in even if the base has them: python3.11 gets its own setuptools.
  {
    closure "${debs[@]}"
    printf '%s\n' "${debs[@]}"
  } >"$work/$name/all" &
}

# Take out of each RPM what it is not to bring.
settle() {
  local name used list
  wait
  for name in "${names[@]}"; do
    cd "$work/$name" || return
    sort -u all >debs
    list=${option[$name,uses]:-}
    for used in ${list//,/ }; do
      grep -vxFf "$work/$used/all" debs >rest || true
      mv rest debs
    done
    if [ -n "${option[$name,drop]:-}" ]; then
      grep -vxE "${option[$name,drop]}" debs >rest || true
      mv rest debs
    fi
  done
}

# Fetch all Debian packages at once.
download() {
  mkdir -p "$work/debs"
  # shellcheck disable=SC2046 # one package a word
  (cd "$work/debs" && apt-get -qq -o APT::Sandbox::User=root download \
    $(sort -u "$work"/*/debs))
}

# Unpack a RPM's Debian packages into the current directory, merged /usr and without documentation.
unpack() {
  local name=$1 deb top exclude=()
  for top in doc man locale lintian info bug bash-completion; do
    exclude+=("--exclude=./usr/share/$top*")
  done
  while read -r deb; do
    dpkg-deb --fsys-tarfile "$work/debs/${deb}"_*.deb |
      tar -x --keep-directory-symlink "${exclude[@]}"
  done <"$work/$name/debs"
  for top in bin sbin lib lib64; do
    [ -d "$top" ] || continue
    mkdir -p "usr/$top"
    cp -a "$top/." "usr/$top/"
    rm -rf "${top:?}"
  done
}

# Python modules and programs of anything but the applications' Python belong to the platform's
# interpreter, where there are two.
give_to_platform_python() {
  case $1,$platform in python3[.0-9]*,* | *,/usr/bin/*) return ;; esac
  if [ -d usr/lib/python3/dist-packages ]; then
    mkdir -p usr/lib/platform-python
    mv usr/lib/python3/dist-packages usr/lib/platform-python/site-packages
    rmdir usr/lib/python3
  fi
  run_by_platform_python
}

# Have the programs below the current directory say who runs them, where there is no python3.
run_by_platform_python() {
  [ -z "$python3" ] || return 0
  find usr/bin usr/sbin usr/libexec usr/lib usr/share -type f -perm /111 -exec \
    sed -i -E "1s|^#! ?/usr/bin/(env )?python3\\>|#!$platform|" {} + 2>/dev/null || true
}

# Print the %files list of the current directory. Directories of the base are not the RPM's.
list_files() {
  find . -mindepth 1 \( -type f -o -type l \) -printf '/%P\n' |
    sed -E 's#^/etc/.*$#%config(noreplace) &#'
  find . -mindepth 1 -type d -printf '/%P\n' | while read -r path; do
    [ -d "$path" ] || echo "%dir $path"
  done
}

# Print a header line for each value of a comma-separated option.
header() {
  local label=$1 value
  for value in ${2//,/ }; do
    echo "$label: $value"
  done
}

# Print an RPM's version: that of the first Debian package named, without Debian's decoration.
version_of() {
  local first=${option[$1,debs]%%,*}
  dpkg-deb --field "$work/debs/${first}"_*.deb Version | sed -E 's/^[0-9]+://; s/[-+~].*//'
}

# Print the spec file.
spec() {
  local name=$1 tree=$2
  echo "Name: $name"
  header Epoch "${option[$name,epoch]:-}"
  echo "Version: $(version_of "$name")"
  echo "Release: 1.el$EL"
  echo "Summary: Stand-in for EL's $name"
  echo 'License: see the Debian package'
  echo 'AutoReqProv: no'
  header Provides "${option[$name,provides]:-}"
  header Requires "${option[$name,requires]:-}"
  header Requires "${option[$name,uses]:-}"
  header Recommends "${option[$name,recommends]:-}"
  printf '%%description\nRepacked from Debian: %s\n' "$(tr '\n' ' ' <"$work/$name/debs")"
  printf '%%install\nmkdir -p %%{buildroot}\ncp -a %s/. %%{buildroot}/\n' "$tree"
  if [ -s "$work/$name/files" ]; then
    printf '%%files -f %s\n' "$work/$name/files"
  else
    echo '%files'
  fi
  [ ! -f "$here/files/$name.scripts" ] || cat "$here/files/$name.scripts"
}

# Run rpmbuild without what only matters to a distribution.
quiet_rpmbuild() {
  rpmbuild -bb --quiet --target x86_64 \
    --define "_rpmdir $repository" --define "_topdir $1/top" --define '_buildhost standin' \
    --define 'debug_package %{nil}' --define '__os_install_post %{nil}' \
    --define '_build_id_links none' --define '_binary_payload w3.zstdio' "$2" >"$1/log" 2>&1 ||
    { cat "$1/log" >&2; return 1; }
}

# Make one registered RPM.
make_rpm() {
  local name=$1 dir=$work/$1
  mkdir -p "$dir/root"
  cd "$dir/root" || return
  unpack "$name"
  give_to_platform_python "$name"
  ! declare -F "layout_$name" >/dev/null || "layout_$name"
  # Names with blanks upset %files; static libraries are big and nothing here links them.
  find . -name '* *' -delete
  find . -name '*.a' -size +1M ! -name 'libgcc*' -delete
  list_files >"$dir/files"
  spec "$name" "$dir/root" >"$dir/spec"
  quiet_rpmbuild "$dir" "$dir/spec"
  rm -rf "$dir/root" "$dir/top"
}

# Make all registered RPMs, as many at a time as there are processors.
make_rpms() {
  local name pid pids=()
  for name in "${names[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do
      wait -n || true
    done
    (make_rpm "$name") &
    pids+=("$!")
  done
  # Each by its number: a count of how many have ended can be off by one, and then the repository is
  # made while the last package is still being written.
  for pid in "${pids[@]}"; do
    wait "$pid" || return 1
  done
}

# Make empty RPMs for what the base brings already, so that rpm and dnf know these names.
#   base_rpms NAME=DEBIAN_PACKAGE ...
base_rpms() {
  local pair name
  mkdir -p "$work/base"
  {
    printf 'Name: el-base\nVersion: %s\nRelease: 1.el%s\nSummary: Base of the stand-in\n' "$EL" "$EL"
    printf 'License: see the Debian packages\nAutoReqProv: no\n%%description\nThe base.\n'
    printf '%%package -n centos-stream-release\nVersion: %s.0\nSummary: Release of the stand-in\n' "$EL"
    printf 'Provides: system-release = %s-1\nProvides: system-release(releasever) = %s\n' "$EL" "$EL"
    printf 'Provides: redhat-release = %s\n' "$EL"
    printf '%%description -n centos-stream-release\nIdentity.\n%%files -n centos-stream-release\n'
    for pair in "$@"; do
      name=${pair%%=*}
      printf '%%package -n %s\nSummary: %s of the base\nVersion: %s\n' "$name" "$name" \
        "$(dpkg-query -W -f '${Version}' "${pair#*=}" | sed -E 's/^[0-9]+://; s/[-+~].*//')"
      printf 'AutoReqProv: no\n'
      [ "$name" != bash ] || printf 'Provides: /bin/sh\nProvides: /usr/bin/sh\n'
      printf '%%description -n %s\nBrought by the base.\n%%files -n %s\n' "$name" "$name"
    done
  } >"$work/base/spec"
  quiet_rpmbuild "$work/base" "$work/base/spec"
}
