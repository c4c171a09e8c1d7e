#!/usr/bin/env bash
# How long a program's clean release build takes with spotify-web and with rspotify, each with its
# default features, one after the other on the same machine; and of how many crates it is made. The
# default of rspotify is the system's OpenSSL, so that ours is built with that as well.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

measure() {
    local name=$1 dependency=$2
    mkdir -p "$scratch/$name/src"
    cd "$scratch/$name"
    printf '[package]\nname = "scratch"\nedition = "2024"\n[dependencies]\n%s\n' "$dependency" >Cargo.toml
    echo 'fn main() {}' >src/main.rs
    # As this project holds its dependencies; rspotify's are the newest.
    if [ "$name" != rspotify ]; then cp "$root/Cargo.lock" .; fi
    cargo fetch --quiet
    local began=$SECONDS
    cargo build --release --quiet
    local lines crates
    lines=$(cargo tree -e normal --prefix none | sort -u | wc -l)
    crates=$(cargo tree -e normal --prefix none --no-dedupe | sort -u | wc -l)
    echo "$name: $((SECONDS - began)) s, $((crates - 1)) crates ($((lines - 1)) lines of cargo tree)"
}

measure spotify-web "spotify-web = { path = \"$root\" }"
measure spotify-web-native-tls \
    "spotify-web = { path = \"$root\", default-features = false, features = [\"native-tls\"] }"
measure rspotify 'rspotify = "0.16"'
