#!/usr/bin/env bash
# Builds the program of an earlier commit, lets it serve a PostgreSQL under load, and has replicas of this commit take its
# place: it is fenced, and what it acknowledged stays.
#
#   scripts/upgrade.sh             the commit before there were replicas
#   scripts/upgrade.sh COMMIT      another one
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The last one whose schema knows nothing of leases.
commit=${1:-b53d868e}
if ! git cat-file -e "$commit^{commit}" 2>/dev/null; then
  echo 'upgrade: the commit before there were replicas is not in this clone: git fetch --unshallow, or name another one' >&2
  exit 1
fi

source=$PWD/target/upgrade/source
git worktree remove --force "$source" 2>/dev/null || true
git worktree prune
git worktree add --quiet --detach "$source" "$commit"
trap 'git worktree remove --force "$source"' EXIT
echo "upgrade: building $(git -C "$source" log -1 --format='%h %s')" >&2
# Beside what this commit builds, so that neither takes the other's place.
cargo build --manifest-path "$source/Cargo.toml" --target-dir target/upgrade/build --bin wagroups

WAGROUPS_BEFORE=$PWD/target/upgrade/build/debug/wagroups scripts/test.sh --test it crash::upgrade -- --nocapture
