#!/usr/bin/env bash
# Builds the library against the lowest version of each dependency that Cargo.toml allows, so that its
# bounds are true. The versions are in Cargo.lock beside this file; `check.sh update` writes it anew.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
place=$root/target/lowest
mkdir -p "$place"
rm -rf "$place/src" "$place/README.md" "$place/docs" "$place/Cargo.lock"
cp -r "$root/src" "$root/README.md" "$root/docs" "$place/"
# Without what tests and benches need, whose versions say nothing of a user's build.
awk '/^\[/ { skip = /^\[(.*dev-dependencies|\[test|\[bench)/ } !skip' "$root/Cargo.toml" >"$place/Cargo.toml"
printf '\n[workspace]\n' >>"$place/Cargo.toml"
cd "$place"
if [ "${1:-}" = update ]; then
    RUSTC_BOOTSTRAP=1 cargo update -Z direct-minimal-versions
    cp Cargo.lock "$root/tests/lowest/Cargo.lock"
else
    cp "$root/tests/lowest/Cargo.lock" .
fi
# What has the same version elsewhere is built once.
export CARGO_TARGET_DIR=$root/target/others
cargo check --locked --lib --no-default-features
cargo check --locked --lib --all-features
