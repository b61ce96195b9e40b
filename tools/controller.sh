#!/usr/bin/env bash
# Run a command on a control node that is a container, for an ansible-core that no Python of this machine carries: the stand-in of
# release 10 has a newer one, that of release 9 an older one. The checkout is this one, at the same path, and the network is this
# machine's, where lab hosts are at ports of 127.0.0.1. Podman is not in it: hosts are made and removed from outside. Usage:
#   CORE=2.21 tools/controller.sh tools/test.sh unit
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=lab/lib.sh
. lab/lib.sh

# What the tests and the installation of an environment take beside a minimal host's.
packages=(git-core tar)
case $CORE in
    2.16 | 2.18 | 2.19)
        platform=standin9 python=/usr/bin/python3.11
        packages+=(python3.11)
        ;;
    *) platform=standin10 python=/usr/bin/python3.13 ;;
esac
image=$(LAB_KIND='' LAB_PLATFORM=$platform lab/image.sh)
prepare_engine

# `make clean` finds it by its label, should nothing else have removed it.
name=$(LAB_KIND='' LAB_PLATFORM='' prefix)-controller-$$
options=(--rm --name "$name" --label "flaskstack_lab_checkout=$LAB_CHECKOUT" --network host --entrypoint /bin/bash
    --volume "$PWD:$PWD" --workdir "$PWD" --env "CORE=$CORE" --env "PYTHON=$python")
# Its environment is made with its own Python; this machine's of the same core stays as it is.
mkdir -p ".cache/controller/venv-$CORE" ".venv-$CORE"
options+=(--volume "$PWD/.cache/controller/venv-$CORE:$PWD/.venv-$CORE")
# The checkout may be somebody else's than root's in there.
options+=(--env GIT_CONFIG_COUNT=1 --env GIT_CONFIG_KEY_0=safe.directory --env "GIT_CONFIG_VALUE_0=*")
for variable in LAB_PLATFORM LAB_KIND SCENARIO http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!variable:-}" ] || options+=(--env "$variable=${!variable}")
done
# Where packages come from, by this machine's settings, and whom it trusts.
while IFS= read -r variable; do
    options+=(--env "$variable=${!variable}")
done < <(compgen -e | grep -E '^(PIP|UV)_' | grep -v -e CACHE_DIR -e CERT)
for file in /etc/pip.conf ~/.config/pip ~/.config/uv; do
    [ ! -e "$file" ] || options+=(--volume "$(readlink -f "$file"):${file/#$HOME//root}:ro")
done
bundle=$(ca_bundle)
if [ -n "$bundle" ]; then
    inside=/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem
    options+=(--volume "$bundle:$inside:ro" --env "PIP_CERT=$inside" --env "SSL_CERT_FILE=$inside")
fi

# However this ends: the first process of a container does not hear of an interruption.
trap 'podman rm --force --time 0 "$name" >/dev/null 2>&1 || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# shellcheck disable=SC2016 # expanded in the container
podman run "${options[@]}" "$image" \
    -c 'dnf --quiet --assumeyes install '"${packages[*]}"' >&2 && exec "$@"' controller "$@" </dev/null &
wait $!
