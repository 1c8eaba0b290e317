#!/usr/bin/env bash
# Changes the rules one at a time, and says how many of the changes a unit test catches: cargo-mutants over `domain`,
# `app/log` and the window of deliveries.
#
#   scripts/mutants.sh                 a part of them, another one each day (MUTANTS_PARTS, 24 by default)
#   scripts/mutants.sh --shard 0/1     all of them, which takes hours
#
# It fails where less than 85 % of the changes in `domain` are caught.
#
# `domain` uses nothing else of ours, so it is built and tested as a crate of its own, which target/mutants-domain is
# made to be each time: a change takes seconds there, and most of a minute in the whole program.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=27.1.0
least=85
parts=${MUTANTS_PARTS:-24}
folder=target/mutants
domain=target/mutants-domain

if ! command -v cargo-mutants >/dev/null; then
  PATH="$PATH:$PWD/target/tools/bin"
fi
if ! command -v cargo-mutants >/dev/null; then
  echo "mutants: installing cargo-mutants $version into target/tools" >&2
  cargo install --quiet --locked --root target/tools "cargo-mutants@$version"
fi
python=$(scripts/venv.sh --python)

if (($# == 0)); then
  # Every n-th change, and not a stretch of them: else a part would be about one file.
  set -- --sharding round-robin --shard "$((10#$(date +%j) % parts))/$parts"
fi

# Prints the Cargo.toml of a crate that has nothing but `domain`: with those of our dependencies that it names.
domain_manifest() {
  "$python" - <<'PYTHON'
import pathlib
import re

code = "\n".join(path.read_text() for path in pathlib.Path("src/domain").rglob("*.rs"))
section = ""
print('[package]\nname = "domain"\nversion = "0.0.0"\npublish = false')
for line in pathlib.Path("Cargo.toml").read_text().splitlines():
    name = re.match(r"([\w-]+) = ", line)
    if line.startswith("["):
        section = line
        if section.endswith("dependencies]"):
            print(f"\n{section}")
    elif name and section == "[package]" and name[1] == "edition":
        print(line)
    elif name and section.endswith("dependencies]") and re.search(rf"\b{name[1].replace('-', '_')}::", code):
        print(line)
print("\n[workspace]")
PYTHON
}

# What is built stays from one run to the next, and what did not change keeps its time.
rm -rf "$folder" "$domain"
mkdir -p "$folder/domain" "$folder/app" "$domain/src"
domain_manifest >"$domain/Cargo.toml"
echo 'pub mod domain;' >"$domain/src/lib.rs"
cp -p Cargo.lock "$domain"
cp -pR src/domain "$domain/src"
cp -pR proto "$domain"

# Of all that is built only one crate is, once a change: what it depends on stays, and nobody debugs these programs.
export CARGO_TARGET_DIR=$PWD/target/mutants-build CARGO_INCREMENTAL=1
export CARGO_PROFILE_DEV_DEBUG=none CARGO_PROFILE_TEST_DEBUG=none
# Random cases that catch a change are among the first, and those that caught one are no test of the next.
export PROPTEST_CASES=256 PROPTEST_DISABLE_FAILURE_PERSISTENCE=1

# A change that nothing catches is the result, not a failure of the run.
cargo mutants --dir "$domain" --in-place --output "$folder/domain" --no-shuffle --timeout 60 --build-timeout 600 \
  "$@" -- --lib || [[ $? -eq 2 || $? -eq 3 ]]
cargo mutants --output "$folder/app" --no-shuffle --timeout 120 --build-timeout 900 \
  --file 'src/app/log/**/*.rs' --file src/app/delivery_window.rs \
  "$@" -- --lib || [[ $? -eq 2 || $? -eq 3 ]]

"$python" - "$folder" "$least" <<'PYTHON'
import pathlib
import sys

folder, least = pathlib.Path(sys.argv[1]), int(sys.argv[2])


def lines(name):
    files = folder.glob(f"*/mutants.out/{name}")
    return [line for file in files for line in file.read_text().splitlines() if line]


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
