#!/usr/bin/env bash
# Checks form, contract, dependencies and code, the quick checks first.
#
# The tools come from scripts/tools.sh. The contract is compared
# with the last release (tag `v*`) or, before the first, with the commit before this one;
# WAGROUPS_BREAKING_AGAINST names another revision, or `none` for a break that is meant.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PATH=$(scripts/tools.sh)

step() { printf 'lint: %s\n' "$*" >&2; }

check_breaking() {
  local against
  against=${WAGROUPS_BREAKING_AGAINST-$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null ||
    git rev-parse --verify --quiet --short 'HEAD~1' || true)}
  if [[ -z $against || $against == none ]]; then
    step 'buf breaking: skipped, there is no revision to compare with'
    return
  fi
  if ! git cat-file -e "$against:proto" 2>/dev/null; then
    step "buf breaking: skipped, $against has no proto/"
    return
  fi
  step "buf breaking, against $against"
  before=$(mktemp -d)
  trap 'rm -rf "$before"' EXIT
  # An archive works in shallow clones and linked work trees too, which buf cannot read by itself.
  git archive "$against" proto buf.yaml | tar -x -C "$before"
  buf breaking --against "$before"
}

step 'cargo fmt'
cargo fmt --check

step 'buf lint'
buf lint
step 'buf format'
buf format --diff --exit-code
check_breaking
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
