#!/usr/bin/env bash
# The collection as its users have it: built into a tarball, installed into an empty directory far from the checkout, and used
# from there, by its own name, over SSH on a lab host. The checkout gives nothing but the host and the example application.
set -euo pipefail
checkout=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=lab/lib.sh
. "$checkout/lab/lib.sh"
export PATH="$checkout/.venv${CORE:+-$CORE}/bin:$PATH"
work=$(mktemp -d)
hosts='{"lab_hosts": [{"name": "installed", "umask": "077"}]}'

# finish: remove the host and the directory, however the test ends.
finish() {
    (cd "$checkout" && ANSIBLE_CONFIG=$checkout/ansible.cfg ansible-playbook lab/destroy.yml --extra-vars "$hosts" >/dev/null)
    rm -rf "$work"
}
trap finish EXIT

# ask HOST PATH: the answer of the lab host's nginx, asked on the host itself.
ask() { ssh -F "$LAB_STATE/ssh_config" installed curl --silent --fail --header "'Host: $1'" "http://127.0.0.1$2"; }

# expect WHAT TEXT ANSWER: end the test unless the answer has the text.
expect() {
    case $3 in
        *"$2"*) echo "ok: $1" ;;
        *)
            echo "$1: expected '$2' in the answer: $3" >&2
            exit 1
            ;;
    esac
}

(cd "$checkout" && ANSIBLE_CONFIG=$checkout/ansible.cfg ansible-playbook lab/create.yml --extra-vars "$hosts" >/dev/null)
(cd "$checkout" && ansible-galaxy collection build --output-path "$work" >/dev/null)
cp -r "$checkout/tests/installed/project/." "$work"
cp -r "$checkout/app" "$work/app"
cd "$work"
# From here on nothing of the checkout's configuration counts.
unset ANSIBLE_CONFIG ANSIBLE_ROLES_PATH ANSIBLE_COLLECTIONS_PATH
export ANSIBLE_HOME=$work/.ansible
ansible-galaxy collection install --offline --no-deps --collections-path collections flaskstack-centos-*.tar.gz >/dev/null
echo "ok: installed $(basename flaskstack-centos-*.tar.gz) into an empty directory"
for unwanted in app collections lab molecule tests tools site.yml .venv; do
    [ ! -e "collections/ansible_collections/flaskstack/centos/$unwanted" ] || {
        echo "The tarball carries $unwanted, which is not for its users." >&2
        exit 1
    }
done

expect "ansible-doc finds its modules" 'flaskstack.centos.app_info' "$(ansible-doc --list flaskstack.centos)"
export ANSIBLE_SSH_COMMON_ARGS="-F $LAB_STATE/ssh_config"
ansible-playbook --inventory inventory.yml flaskstack.centos.site
expect "flaskstack.centos.site serves the application" '"status":"ok"' "$(ask links.example /healthz)"
ansible-playbook --inventory inventory.yml flaskstack.centos.site | tee second.log | tail -n 3
expect "a second run changes nothing" 'changed=0' "$(grep '^installed' second.log)"
ansible-playbook --inventory inventory.yml flaskstack.centos.site --extra-vars '{"uwsgi_defaults": {"threads": 3}}' >/dev/null
ansible-playbook --inventory inventory.yml flaskstack.centos.rollback --extra-vars app=links | tee rollback.log | tail -n 3
expect "flaskstack.centos.rollback goes back" 'links went from' "$(cat rollback.log)"
ansible-playbook --inventory inventory.yml flaskstack.centos.deploy --extra-vars app=links | tee deploy.log | tail -n 3
expect "flaskstack.centos.deploy has nothing to do then" 'changed=0' "$(grep '^installed' deploy.log)"
ansible-playbook --inventory inventory.yml flaskstack.centos.status --extra-vars "format=json to=$work/status.json" >/dev/null
expect "flaskstack.centos.status tells" '"rolled-back"' "$(cat status.json)"
ansible-playbook --inventory inventory.yml foreign.yml
expect "flaskstack.centos.nginx alone serves a directory" 'a page of another project' "$(ask pages.example /)"
