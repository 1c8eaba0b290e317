#!/usr/bin/env bash
# Attacks the service on this machine, as the chart starts it, beside a well-behaved client at each listener, and prints
# what was held: memory, descriptors, processor time, and the client's calls. Each attack ends by itself.
#
#   scripts/abuse.sh                     every attack, on the release build; half an hour
#   scripts/abuse.sh "k sessions" m      those whose names begin so
#   scripts/abuse.sh --ci                a part of them, shorter, on the debug build; three minutes
#
# `WAGROUPS_BIN` names a program that was built elsewhere.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ $(uname) != Linux ]]; then
  echo 'abuse: needs Linux, for /proc and for 127.0.0.2' >&2
  exit 1
fi

build=release
if [[ " $* " == *' --ci '* ]]; then build=debug; fi
# One that was built elsewhere is taken as it is.
if [[ -z ${WAGROUPS_BIN-} ]]; then
  case $build in
    release) cargo build --release --bin wagroups ;;
    debug) cargo build --bin wagroups ;;
  esac
  WAGROUPS_BIN=$(cd "${CARGO_TARGET_DIR:-target}/$build" && pwd)/wagroups
fi
export WAGROUPS_BIN

venv=target/abuse/venv
scripts/venv.sh "$venv" --requirement tests/abuse/requirements.txt

gen=target/abuse/gen
rm -rf "$gen"
mkdir -p "$gen"
"$venv/bin/python" -m grpc_tools.protoc --proto_path=proto \
  --python_out="$gen" --pyi_out="$gen" --grpc_python_out="$gen" \
  proto/wagroups/v1/*.proto

# As the kernel allows: an attack holds thousands of connections, and so does the service that lets them in.
ulimit -S -n "$(ulimit -H -n)"

export PYTHONPATH=$PWD/tests/abuse:$PWD/tests/clients:$PWD/tests/clients/python:$PWD/$gen PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" tests/abuse/main.py "$@"
