#!/bin/bash
# Put a host behind a company's proxy: an account that runs it and has the only way out, an authority that nobody trusts by itself.
# Usage: behind_proxy.sh PROXY, with USER:PASSWORD in /root/proxy-password    The authority is /srv/company/authority.pem.
set -euo pipefail
umask 022
word=$(cat /root/proxy-password)

useradd --system --no-create-home --shell /sbin/nologin company
install -d -m 0755 /srv/company
install -d -m 0700 -o company -g company /srv/company/proxy
cd /srv/company/proxy
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=Authority of a company' -keyout ca.key -out ca.crt \
  -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
install -m 0644 ca.crt /srv/company/authority.pem
echo "$word" >password
chmod 0600 password
chown company:company ca.key ca.crt password
systemd-run --quiet --unit company-proxy --uid company --property Restart=always /usr/bin/python3 "$1" /srv/company/proxy

# One table of routes for its account, and none out of here for all others. What is in reach without a router stays.
read -ra way < <(ip -4 route show default)
uid=$(id -u company)
ip route add "${way[@]}" table 100
ip rule add uidrange "$uid-$uid" lookup 100
ip route del default
! ip -6 route show default | grep -q . || ip -6 route del default

# As its administrator has told dnf.
printf 'proxy=http://127.0.0.1:3128\nproxy_username=%s\nproxy_password=%s\nsslcacert=/srv/company/authority.pem\n' \
  "${word%%:*}" "${word#*:}" >>/etc/dnf/dnf.conf
