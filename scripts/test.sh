#!/usr/bin/env bash
# Runs every test beside a throw-away PostgreSQL, with a nats-server at hand; arguments go to `cargo test`.
#
#   scripts/test.sh --test it watch -- --nocapture
#
# Without PostgreSQL it fails; `cargo test` alone runs what needs none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Built first, so that a compile error needs no cluster and the tests' seconds are their own.
cargo test --features failpoints --no-run "$@"
echo "test: built in $SECONDS s"

WAGROUPS_TEST_NATS_SERVER=$(scripts/nats.sh)
export WAGROUPS_TEST_NATS_SERVER
# By exec, so that a signal reaches the script that has a cluster to clean up.
export TIMEFORMAT='test: ran in %0R s'
# shellcheck disable=SC2016 # the inner shell expands it
exec scripts/postgres.sh run -- bash -c 'time "$@"' test cargo test --features failpoints "$@"
