#!/usr/bin/env bash
# Checks form, contract, dependencies and code, the quick checks first.
#
# The tools come from scripts/tools.sh. The contract is compared with proto/baseline.binpb, the accepted one, which
# `make baseline` writes anew: for a release, or for a break that is meant.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PATH=$(scripts/tools.sh)

step() { printf 'lint: %s\n' "$*" >&2; }

step 'cargo fmt'
cargo fmt --check

step 'buf lint'
buf lint
step 'buf format'
buf format --diff --exit-code
step 'buf breaking, against proto/baseline.binpb'
buf breaking --against proto/baseline.binpb
step 'the contract'"'"'s reference'
scripts/reference.sh --check

step 'cargo deny'
cargo-deny --locked check bans licenses sources

if command -v shellcheck >/dev/null; then
  step 'shellcheck'
  shellcheck scripts/*.sh .ci/run
else
  step 'shellcheck: skipped, it is not installed'
fi

step 'cargo clippy'
cargo clippy --all-targets --all-features -- -D warnings
