#!/usr/bin/env bash
# From a clone to two applications that answer by their names: boots one lab host, runs site.yml on it over SSH, and fetches
# their pages through nginx. Run it again: it converges, and changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

port=${LAB_HTTP_PORT:-8080}
# shellcheck source=lab/lib.sh
. lab/lib.sh
state=${LAB_STATE#"$PWD/"}

# step TEXT: say which part begins, and how long the demo has run.
step() { printf '\n==> [%3ss] %s\n' "$SECONDS" "$*"; }

# fetch HOST PATH PATTERN: ask the lab host through nginx, show the status and the first line that matches.
fetch() {
    local url="http://$1:$port$2" answer
    if ! answer=$(curl --silent --show-error --fail --include --max-time 10 --resolve "$1:$port:127.0.0.1" "$url"); then
        echo "$url does not answer as it should." >&2
        return 1
    fi
    printf '    %-46s %s | %s\n' "$url" "$(head -n 1 <<<"$answer" | tr -d '\r')" \
        "$(grep -m 1 -E "$3" <<<"$answer" | sed 's/^ *//; s/\r$//')"
}

step "Control node: Ansible in .venv"
tools/venv.sh
step "Lab: podman and an image"
tools/lab.sh
echo "    the host will run on $(.venv/bin/python -c 'import json; d = json.load(open("'"$state"'/image.json"));
print(d["image"], "(the real distribution)" if d["kind"] == "real" else "(a stand-in for CentOS, made from Debian packages)")')"
step "Lab: one host, named demo"
ANSIBLE_STDOUT_CALLBACK=ansible.builtin.minimal .venv/bin/ansible-playbook lab/create.yml >"$state/create.log" \
    --extra-vars "{\"lab_hosts\": [{\"name\": \"demo\", \"publish\": [\"127.0.0.1:$port:80\"]}]}"
step "Deploy: ansible-playbook -i inventory/local site.yml"
.venv/bin/ansible-playbook -i inventory/local site.yml

step "Fetched through nginx and uWSGI"
fetch links.localhost / '<title>'
fetch links.localhost /healthz '"version"'
fetch links.localhost /static/style.css '^[Cc]ontent-[Tt]ype'
fetch httpbin.localhost / '<title>'
fetch httpbin.localhost /get '"Host"'

cat <<MESSAGE

Done in $SECONDS s. Open in a browser on this machine:

    http://links.localhost:$port/      a link shortener, from app/
    http://httpbin.localhost:$port/    httpbin, from the package index

Try next:

    ssh -F $state/ssh_config demo systemctl status 'uwsgi-*@*'      # what runs on the host
    .venv/bin/ansible-playbook site.yml --check --diff            # what a run would change: nothing
    .venv/bin/ansible-playbook site.yml -e '{"uwsgi_defaults": {"threads": 8}}'   # new releases of the same builds
    .venv/bin/ansible-playbook playbooks/status.yml                              # which releases serve, and how they are
    .venv/bin/ansible-playbook playbooks/rollback.yml -e app=links               # back to the release before, in seconds
MESSAGE
