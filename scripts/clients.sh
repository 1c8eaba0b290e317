#!/usr/bin/env bash
# Runs the tests of the clients that other people's tools generate from proto/: Python, with
# grpcio-tools. Arguments go to pytest. On SQLite; with PostgreSQL too:
#
#   scripts/postgres.sh run -- scripts/clients.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=target/clients/python

cargo build --bin wagroups
WAGROUPS_BIN=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)/wagroups
export WAGROUPS_BIN

# The newest versions that still run on Python 3.9.
scripts/venv.sh "$work/venv" \
  grpcio==1.76.0 grpcio-tools==1.76.0 grpcio-health-checking==1.76.0 grpcio-reflection==1.76.0 \
  googleapis-common-protos==1.72.0 protobuf==6.33.5 pg8000==1.31.5 pytest==8.4.2

rm -rf "$work/gen"
mkdir -p "$work/gen"
"$work/venv/bin/python" -m grpc_tools.protoc --proto_path=proto \
  --python_out="$work/gen" --pyi_out="$work/gen" --grpc_python_out="$work/gen" \
  proto/wagroups/v1/*.proto

export PYTHONPATH=$PWD/$work/gen PYTHONDONTWRITEBYTECODE=1
"$work/venv/bin/python" -m pytest -p no:cacheprovider tests/clients/python "$@"
