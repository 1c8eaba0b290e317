#!/usr/bin/env bash
# Drives the operator's page and the page of the API in a headless Chromium, against a real server on the
# simulator. Arguments go to pytest:
#
#   scripts/pages.sh -k pause
#   scripts/pages.sh --chromium   only finds or installs the browser, and names it
#
# It leaves pictures of the pages in target/pages/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'pages: %s\n' "$*" >&2; }

find_chromium() {
  local candidate
  for candidate in "${CHROMIUM_BIN:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    if [[ -n $candidate ]] && command -v "$candidate"; then return; fi
  done
  return 1
}

install_chromium() {
  local root=()
  if ! command -v apt-get >/dev/null; then
    say 'no Chromium found. Install it, or name the program in CHROMIUM_BIN, and run this again:'
    say '  Fedora, RHEL   dnf install chromium'
    say '  Arch           pacman -S chromium'
    say '  macOS          brew install --cask chromium'
    return 1
  fi
  if ((EUID != 0)); then
    if ! sudo -n true 2>/dev/null; then
      say 'no Chromium found, and no right to install it. Run this first:'
      say '  sudo apt-get install chromium'
      return 1
    fi
    root=(sudo -n)
  fi
  say 'no Chromium found: installing the package chromium'
  ${root[@]+"${root[@]}"} apt-get update -qq >&2
  ${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core </dev/null >&2
}

# At once, not after a build.
find_chromium >/dev/null || install_chromium
CHROMIUM_BIN=$(find_chromium)
export CHROMIUM_BIN
# For those who want to know whether there is one.
if [[ ${1:-} == --chromium ]]; then
  printf '%s\n' "$CHROMIUM_BIN"
  exit
fi

cargo build --bin wagroups
WAGROUPS_BIN=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)/wagroups
export WAGROUPS_BIN

venv=target/clients/browser/venv
scripts/venv.sh "$venv" playwright==1.65.2 axe-playwright-python==0.1.8 pg8000==1.31.5 pytest==8.4.2

mkdir -p target/pages
export PAGES_PICTURES=$PWD/target/pages PYTHONDONTWRITEBYTECODE=1
"$venv/bin/python" -m pytest -p no:cacheprovider -o pythonpath=tests/clients tests/clients/browser "$@"
