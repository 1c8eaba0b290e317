#!/usr/bin/env bash
# Writes docs/REFERENCE.md from proto/; with --check it only says whether that would change it.
# Needs buf on the PATH.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

page=docs/REFERENCE.md
work=target/reference
scripts/venv.sh "$work" protobuf==6.33.5
descriptors=$work/contract.binpb
buf build --path proto/wagroups --output "$descriptors"
if [[ ${1-} == --check ]]; then
  "$work/bin/python" scripts/reference.py "$descriptors" --check "$page"
else
  "$work/bin/python" scripts/reference.py "$descriptors" >"$page.new"
  mv "$page.new" "$page"
fi
