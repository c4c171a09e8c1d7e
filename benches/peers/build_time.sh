#!/usr/bin/env bash
# How long a program's clean release build takes with spotify-web and with rspotify, one after the other on
# the same machine, by the clock and by the processor; and of how many crates it is made. Ours is built with
# its default features, with each of them changed or left out, and with each further one. The default of
# rspotify is the system's OpenSSL, so that ours is built with that as well. Names of builds as arguments:
# those alone.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
wanted=" $* "

measure() {
    local name=$1 dependency=$2
    [[ $wanted =~ ^\ *$ || $wanted == *" $name "* ]] || return 0
    mkdir -p "$scratch/$name/src"
    cd "$scratch/$name"
    printf '[package]\nname = "scratch"\nedition = "2024"\n[dependencies]\n%s\n' "$dependency" >Cargo.toml
    echo 'fn main() {}' >src/main.rs
    # As this project holds its dependencies; rspotify's are the newest.
    if [ "$name" != rspotify ]; then cp "$root/Cargo.lock" .; fi
    cargo fetch --quiet
    local took lines crates
    took=$({ TIMEFORMAT='%1R s, %1U s of processor time'; time cargo build --release --quiet; } 2>&1)
    lines=$(cargo tree -e normal --prefix none | sort -u | wc -l)
    crates=$(cargo tree -e normal --prefix none --no-dedupe | sort -u | wc -l)
    echo "$name: $took, $((crates - 1)) crates ($((lines - 1)) lines of cargo tree)"
    rm -rf target
}

with() { echo "spotify-web = { path = \"$root\", features = [$1] }"; }
only() { echo "spotify-web = { path = \"$root\", default-features = false, features = [$1] }"; }

measure default "$(with '')"
measure rspotify 'rspotify = "0.16"'
measure native-tls "$(only '"gzip", "http2", "native-tls"')"
measure rustls-ring "$(only '"gzip", "http2", "rustls-ring"')"
measure without-gzip "$(only '"http2", "rustls-aws-lc-rs"')"
measure without-http2 "$(only '"gzip", "rustls-aws-lc-rs"')"
measure without-tls "$(only '"gzip", "http2"')"
measure none "$(only '')"
for feature in webpki-roots socks extended-quota login keyring redis testing; do
    measure "$feature" "$(with "\"$feature\"")"
done
