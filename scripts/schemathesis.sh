#!/usr/bin/env bash
# Makes requests of the REST gateway's OpenAPI document, right and wrong ones, the same in every run, and holds each
# answer against the document, in each shape. Arguments go to pytest:
#
#   OPENAPI_EXAMPLES=200 scripts/schemathesis.sh -k gows
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=$(scripts/venv.sh --python)
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "schemathesis: needs Python 3.11 or newer; $("$python" --version) was found" >&2
  exit 1
fi

cargo build --bin wagroups
WAGROUPS_BIN=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)/wagroups
export WAGROUPS_BIN

venv=target/clients/openapi/venv
scripts/venv.sh "$venv" --requirement tests/clients/openapi/requirements.txt

export PYTHONDONTWRITEBYTECODE=1
"$venv/bin/python" -m pytest -p no:cacheprovider -o pythonpath=tests/clients tests/clients/openapi "$@"
