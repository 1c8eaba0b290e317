#!/usr/bin/env bash
# Runs the group calls of WAHA's Python SDK (waha-py), as its authors publish it, against the REST gateway in
# the shapes normalized, gows and noweb; and messages and groups through one address. Arguments go to pytest:
#
#   scripts/waha-clients.sh -k invite
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo build --bin wagroups
WAGROUPS_BIN=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)/wagroups
export WAGROUPS_BIN

# The versions of what waha-py stands on are the newest that still run on Python 3.9.
venv=target/clients/waha/venv
scripts/venv.sh "$venv" waha-py==2026.9.2 httpx==0.28.1 pydantic==2.12.5 pytest==8.4.2

export PYTHONDONTWRITEBYTECODE=1
"$venv/bin/python" -m pytest -p no:cacheprovider -o pythonpath=tests/clients tests/clients/waha "$@"
