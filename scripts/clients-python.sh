#!/usr/bin/env bash
# The Python part of scripts/clients.sh, which runs this. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

gen=target/clients/python/gen
rm -rf "$gen"
mkdir -p "$gen"
"$CLIENTS_VENV/bin/python" -m grpc_tools.protoc --proto_path=proto \
  --python_out="$gen" --pyi_out="$gen" --grpc_python_out="$gen" \
  proto/wagroups/v1/*.proto

export PYTHONPATH=$PWD/$gen PYTHONDONTWRITEBYTECODE=1
"$CLIENTS_VENV/bin/python" -m pytest -p no:cacheprovider tests/clients/python "$@"
