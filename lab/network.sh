#!/usr/bin/env bash
# The network in which lab hosts reach one another: a bridge in a network namespace of the lab's own, and from each host
# that has an address a second interface, lab0, into it. Layer 2 only: nothing is forwarded, and of this machine's own
# network namespace nothing is changed.
# Usage: network.sh                 join the hosts of this checkout and platform that run; remove what is left without hosts
#        network.sh cut HOST...     drop whatever goes to or comes from them, without a word, as a broken switch does
#        network.sh mend HOST...    pass it on again
#        network.sh --clean         remove the networks of all platforms of this checkout
# Prints "changed" if it did something. As root only; does nothing where no host has an address.
set -euo pipefail
# shellcheck source=lab/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

export PATH=$PATH:/usr/sbin:/sbin
# The namespace's own name for the bridge, and a host's name for its interface.
BRIDGE=lab
INTERFACE=lab0

# Print id, name, address ("none": an interface without one) and process (0: it does not run) of each host that is in
# the network, a line each.
members() {
  local containers format='{{.Id}} {{.Config.Labels.flaskstack_lab_name}}'
  format+=' {{.Config.Labels.flaskstack_lab_address}} {{.State.Pid}}'
  mapfile -t containers < <(
    podman ps --all --quiet --filter "label=flaskstack_lab_state=$LAB_STATE" --filter label=flaskstack_lab_address
  )
  [ "${#containers[@]}" -gt 0 ] || return 0
  podman inspect --type container --format "$format" "${containers[@]}" | sort -k 2
}

# Print the namespaces of this checkout: of this platform's hosts, or of all (--all).
namespaces() {
  local own
  own=$(prefix)
  [ "${1:-}" != --all ] || own=${own%%.*}
  have ip || return 0
  ip netns list 2>/dev/null | while read -r name _; do
    case $name in
      "$own") echo "$name" ;;
      "$own".*) [ "${1:-}" != --all ] || echo "$name" ;;
    esac
  done
}

# Remove namespaces; the bridge and the hosts' interfaces go with them.
remove() {
  local name
  for name in "$@"; do
    ip netns delete "$name"
    echo changed
  done
}

# Make the namespace and its bridge.
make() {
  local namespace=$1
  if ! ip -n "$namespace" link show "$BRIDGE" >/dev/null 2>&1; then
    [ -n "$(namespaces)" ] || ip netns add "$namespace"
    ip -n "$namespace" link add "$BRIDGE" type bridge || die 'this kernel has no bridge (module bridge), which joins the hosts'
    ip -n "$namespace" link set lo up
    ip -n "$namespace" link set "$BRIDGE" up
    echo changed
  fi
}

# Print a host's hardware address: the same after a restart, as a machine's is, so that nobody asks for the former one.
hardware() {
  printf '%s' "$1" | sha256sum | sed -E 's/^(..)(..)(..)(..)(..).*/02:\1:\2:\3:\4:\5/'
}

# Print what a host's end in the namespace is called: an interface's name has 15 characters at most.
port() {
  printf 'to-%s\n' "${1:0:12}"
}

# Run ip in a host's network namespace.
in_host() {
  local pid=$1
  shift
  nsenter --net="/proc/$pid/ns/net" ip "$@"
}

# Give a running host its interface.
#   join NAMESPACE ID NAME ADDRESS PROCESS
join() {
  local namespace=$1 id=$2 name=$3 address=$4 pid=$5 end
  end=$(port "$id")
  if ! in_host "$pid" link show "$INTERFACE" >/dev/null 2>&1; then
    # What is left of the host's former run; mostly the kernel has taken it away.
    ip -n "$namespace" link delete "$end" 2>/dev/null || true
    # Made where it belongs: it is never in this machine's own namespace.
    ip -n "$namespace" link add "$end" type veth \
      peer name "$INTERFACE" address "$(hardware "$name")" netns "$pid" ||
      die 'this kernel has no virtual cable (module veth), which joins the hosts'
    echo changed
  fi
  ip -n "$namespace" link set "$end" master "$BRIDGE" up
  [ "$address" = none ] || in_host "$pid" address replace "$address" dev "$INTERFACE"
  in_host "$pid" link set "$INTERFACE" up
}

# Print the lines of /etc/hosts by which hosts know one another, in the order of members.
names() {
  awk '$3 != "none" { sub("/.*", "", $3); print $3 " " $2 " # lab" }'
}

# Have a running host know the names. Podman writes its /etc/hosts anew each time it starts, and has it mounted there: it
# is not replaced but written to.
#   know ID NAMES
know() {
  # shellcheck disable=SC2016 # expanded on the host
  podman exec --interactive "$1" bash -c '
    set -eu
    names=$(cat)
    [ "$(sed -n "/ # lab\$/p" /etc/hosts)" != "$names" ] || exit 0
    others=$(sed "/ # lab\$/d" /etc/hosts)
    # First: the own name of a host leads to its address here, not to the one that this machine alone reaches.
    printf "%s\n%s\n" "$names" "$others" >/etc/hosts
    echo changed' <<<"$2" 6>&- 2> >(sed '/^time=.*level=warning/d' >&2)
}

# Join all that run.
main() {
  local namespace hosts known id name address pid
  namespace=$(prefix)
  prepare_engine
  # One at a time: two runs may begin together.
  if have flock; then
    mkdir -p "$LAB_STATE"
    exec 6>"$LAB_STATE/network.lock"
    flock 6
  fi
  hosts=$(members)
  if [ -z "$hosts" ]; then
    mapfile -t left < <(namespaces)
    remove "${left[@]}"
    return
  fi
  needs
  make "$namespace"
  known=$(names <<<"$hosts")
  while read -r id name address pid; do
    [ "$pid" -ne 0 ] || continue
    join "$namespace" "$id" "$name" "$address" "$pid"
    know "$id" "$known"
  done <<<"$hosts"
}

# Fail where hosts cannot be joined.
needs() {
  [ "$(id -u)" -eq 0 ] ||
    die 'the network between lab hosts is made by root only (podman without root keeps its hosts in a namespace of its' \
      'own); leave address and network out of lab_hosts, or run the lab as root'
  have ip || die 'the network between lab hosts takes ip (package iproute2 or iproute)'
  have nsenter || die 'the network between lab hosts takes nsenter (package util-linux)'
}

# Take the far end of hosts' cables out of the bridge, or put it back: the hosts' own links stay up.
#   plug master BRIDGE | plug nomaster, then -- HOST...
plug() {
  local way=() host hosts id
  while [ "$1" != -- ]; do
    way+=("$1")
    shift
  done
  shift
  needs
  prepare_engine
  hosts=$(members)
  for host in "$@"; do
    id=$(awk -v name="$host" '$2 == name { print $1 }' <<<"$hosts")
    [ -n "$id" ] || die "there is no host $host in the lab's network"
    ip -n "$(prefix)" link set "$(port "$id")" "${way[@]}"
    echo changed
  done
}

# On one line each: an edit of this file meanwhile does not reach a run under way.
case ${1:-} in
  '') main ;;
  cut) plug nomaster -- "${@:2}" ;;
  mend) plug master "$BRIDGE" -- "${@:2}" ;;
  --clean) mapfile -t left < <(namespaces --all); remove "${left[@]}" ;;
  *) die "unknown argument $1; usage: lab/network.sh [cut HOST... | mend HOST... | --clean]" ;;
esac; exit
