#!/usr/bin/env bash
# Changes the rules one at a time, and says how many of the changes a unit test catches: cargo-mutants over `domain`,
# `app/log` and the window of deliveries.
#
#   scripts/mutants.sh                 a part of them, another one each day (MUTANTS_PARTS, 24 by default)
#   scripts/mutants.sh --shard 0/1     all of them, which takes hours
#
# It fails where less than 85 % of the changes in `domain` are caught.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=27.1.0
least=85
parts=${MUTANTS_PARTS:-24}
folder=target/mutants

if ! command -v cargo-mutants >/dev/null; then
  PATH="$PATH:$PWD/target/tools/bin"
fi
if ! command -v cargo-mutants >/dev/null; then
  echo "mutants: installing cargo-mutants $version into target/tools" >&2
  cargo install --quiet --locked --root target/tools "cargo-mutants@$version"
fi

if (($# == 0)); then
  # Every n-th change, and not a stretch of them: else a part would be about one file.
  set -- --sharding round-robin --shard "$((10#$(date +%j) % parts))/$parts"
fi

rm -rf "$folder"
mkdir -p "$folder"
# Of all that is built only this crate is, once a change: what it depends on stays, and nobody debugs these programs.
export CARGO_TARGET_DIR=$PWD/target/mutants-build CARGO_INCREMENTAL=1
export CARGO_PROFILE_DEV_DEBUG=none CARGO_PROFILE_TEST_DEBUG=none
# A change that nothing catches is the result, not a failure of the run.
cargo mutants --output "$folder" --no-shuffle --timeout 120 --build-timeout 900 \
  --file 'src/domain/**/*.rs' --file 'src/app/log/**/*.rs' --file src/app/delivery_window.rs \
  "$@" -- --lib || [[ $? -eq 2 || $? -eq 3 ]]

"$(scripts/venv.sh --python)" - "$folder/mutants.out" "$least" <<'PYTHON'
import pathlib
import sys

folder, least = pathlib.Path(sys.argv[1]), int(sys.argv[2])


def lines(name):
    return [line for line in (folder / name).read_text().splitlines() if line]


caught, missed = lines("caught.txt") + lines("timeout.txt"), lines("missed.txt")
for line in missed:
    print(f"not caught: {line}")
failed = False
for part in ["src/domain/", "src/app/log/", "src/app/delivery_window.rs"]:
    good, bad = (sum(line.startswith(part) for line in found) for found in (caught, missed))
    if good + bad == 0:
        continue
    score = 100 * good / (good + bad)
    print(f"mutants: {part} {good} of {good + bad} caught, {score:.0f} %")
    failed |= part == "src/domain/" and score < least
if failed:
    sys.exit(f"mutants: less than {least} % of the changes in domain are caught by unit tests")
PYTHON
