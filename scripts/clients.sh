#!/usr/bin/env bash
# Runs the tests of the clients that other people's tools generate from proto/: Python with
# grpcio-tools, TypeScript with ts-proto and grpc-js.
#
#   scripts/clients.sh                                all of them
#   scripts/clients.sh python [PYTEST ARGUMENT]...    one of them
#   scripts/clients.sh typescript [NODE ARGUMENT]...
#
# On SQLite. Python's with PostgreSQL too:
#
#   scripts/postgres.sh run -- scripts/clients.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case ${1-} in
  '') languages=(python typescript) ;;
  python | typescript) languages=("$1") && shift ;;
  *) echo "clients: '$1' is neither python nor typescript" >&2 && exit 2 ;;
esac
# At once, not after a build.
if [[ ${languages[*]} == *typescript* ]]; then scripts/clients-typescript.sh --node >/dev/null; fi

cargo build --bin wagroups
WAGROUPS_BIN=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)/wagroups
export WAGROUPS_BIN

# For both: it holds the compiler of the contract, and google/rpc/*.proto. The newest versions that
# still run on Python 3.9.
export CLIENTS_VENV=target/clients/python/venv
scripts/venv.sh "$CLIENTS_VENV" \
  grpcio==1.76.0 grpcio-tools==1.76.0 grpcio-health-checking==1.76.0 grpcio-reflection==1.76.0 \
  googleapis-common-protos==1.72.0 protobuf==6.33.5 pg8000==1.31.5 pytest==8.4.2 nats-py==2.16.0

# For the consumers of docs/JETSTREAM.md.
NATS_SERVER=$(scripts/nats.sh)
export NATS_SERVER

for language in "${languages[@]}"; do
  printf 'clients: %s\n' "$language" >&2
  "scripts/clients-$language.sh" "$@"
done
