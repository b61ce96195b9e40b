#!/usr/bin/env bash
# Ask this host's nginx whether it loads each of the configurations below a directory, as
# tests/unit/nginx_cases.py writes them: load_cases.sh DIRECTORY. Says which do not, and which only
# with a warning; ends with 1 if there are any. What they need is made in a place that goes again.
set -euo pipefail

cases=$(realpath -- "${1:?usage: load_cases.sh DIRECTORY}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# One for all: nginx only looks whether a key is its certificate's. With an authority to ask, or
# stapling would be ignored with a warning.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext 'authorityInfoAccess=OCSP;URI:http://127.0.0.1/' \
    -keyout "$scratch/key" -out "$scratch/certificate" 2>/dev/null

# prepare DIRECTORY: give a copy of a case what it refers to.
prepare() {
    local directory=$1 path
    cp /etc/nginx/{mime.types,uwsgi_params,fastcgi_params} "$directory"
    # What nginx writes when it only tests, and certificates that are not beside the case.
    find "$directory" -name '*.conf' -exec sed -i -E \
        -e "s#/run/nginx\.pid#$scratch/nginx.pid#" \
        -e "s#/var/log/nginx/#$scratch/log/#" \
        -e "s#/var/lib/nginx/cache/#$scratch/cache/#" \
        -e "s#^( *(proxy_)?ssl_(trusted_|client_)?certificate(_key)?) /#\1 $directory/elsewhere/#" {} +
    # nginx makes the last directory of a cache, but not those above.
    while read -r path; do
        mkdir -p "$(dirname "$path")"
    done < <(named '[a-z]+_cache_path' "$directory")
    while read -r path; do
        place "$scratch/certificate" "$directory" "$path"
    done < <(named '(proxy_)?ssl_(trusted_|client_)?certificate' "$directory")
    while read -r path; do
        place "$scratch/key" "$directory" "$path"
    done < <(named '(proxy_)?ssl_certificate_key' "$directory")
}

# named DIRECTIVE DIRECTORY: print the first argument of a directive, wherever it is.
named() {
    find "$2" -name '*.conf' -exec awk -v "wanted=^($1)\$" \
        '$1 ~ wanted { sub(/;$/, "", $2); print $2 }' {} + | sort -u
}

# place FILE DIRECTORY PATH: copy a file to a path, which may be relative to the directory.
place() {
    local target=$3
    [ "${target#/}" != "$target" ] || target=$2/$target
    mkdir -p "$(dirname "$target")"
    cp "$1" "$target"
}

mkdir "$scratch/log" "$scratch/cache"
loaded=0 failed=0
for configuration in "$cases"/*/nginx.conf; do
    name=$(basename "$(dirname "$configuration")")
    rm -rf "$scratch/case"
    cp -r "$cases/$name" "$scratch/case"
    prepare "$scratch/case"
    status=0
    said=$(nginx -t -q -c "$scratch/case/nginx.conf" 2>&1) || status=$?
    if [ "$status" -ne 0 ] || grep -q '\[warn\]' <<<"$said"; then
        printf '%s:\n%s\n' "$name" "${said//"$scratch/case/"/}"
        failed=$((failed + 1))
    else
        loaded=$((loaded + 1))
    fi
done

echo "$loaded configurations loaded, $failed did not or with warnings ($(nginx -v 2>&1))"
# None at all is a mistake of whoever calls this.
[ "$failed" -eq 0 ] && [ "$loaded" -gt 0 ]
