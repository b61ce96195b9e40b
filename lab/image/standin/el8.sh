# shellcheck shell=bash
# shellcheck disable=SC2034 # for who sources this
# The stand-in of EL 8: systemd 247 stands for 239, dnf 4.5 for 4.7, nginx 1.18 for that of a module
# stream; Python 3.9 for the platform's 3.6, and as EL has it for applications (python39).
suite=bullseye
# Debian's version, and where the platform's interpreter is on this release.
python=3.9
platform=/usr/libexec/platform-python
# There is no /usr/bin/python3 from the start.
python3=''
# What the base brings, by its names on this release.
python_base=(platform-python=python3)
php=7.4
libssl=libssl1.1
# Debian splits nginx by its size; EL's modules are packages of their own, too.
nginx='nginx-core'
nginx_drop='libnginx-mod-.*'
# None in Debian, as there is none in EL 8.
brotli=''

python_rpms() {
  rpm_from python39 debs=libpython3.9 provides=python39-libs
  rpm_from python39-setuptools debs=python3-setuptools,python3-pkg-resources requires=python39
  rpm_from python39-pip debs=python3-pip,python3-wheel requires=python39,python39-setuptools
  rpm_from python39-devel debs=python3.9-dev uses=python39,glibc-devel \
    drop='zlib1g-dev|libexpat1-dev'
}
layout_python39() { interpreter; }
layout_python39-pip() { pip; }

# EL 8 has nginx in module streams, and the default one is too old. Here that is an empty package:
# who takes it has no nginx.
modules() {
  local old=1.14 new
  new=$(version_of nginx)
  mkdir -p "$work/old"
  {
    printf 'Name: nginx\nEpoch: 1\nVersion: %s.1\nRelease: 9.el8\nSummary: Too old\n' "$old"
    printf 'License: none\nAutoReqProv: no\n%%description\nOf the default stream.\n%%files\n'
  } >"$work/old/spec"
  quiet_rpmbuild "$work/old" "$work/old/spec"
  {
    module_stream "$old" "nginx-1:$old.1-9.el8.x86_64"
    module_stream "${new%.*}" "nginx-2:$new-1.el8.x86_64"
    printf -- '---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: nginx\n'
    printf '  stream: "%s"\n  profiles:\n    "%s": [common]\n    "%s": [common]\n...\n' "$old" "$old" "${new%.*}"
  } >"$work/modules.yaml"
}

# Print what dnf has to know of a stream of nginx.
module_stream() {
  cat <<EOF
---
document: modulemd
version: 2
data:
  name: nginx
  stream: "$1"
  version: 8
  context: standin
  arch: x86_64
  summary: nginx $1
  description: nginx $1
  license: {module: [MIT]}
  dependencies:
    - requires: {platform: [el8]}
  profiles:
    common: {rpms: [nginx]}
  artifacts:
    rpms: ["$2"]
...
EOF
}
