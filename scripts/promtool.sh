#!/usr/bin/env bash
# Prints a PATH on which promtool is, Prometheus' own checker of rules: the installed one, else that of Debian's package,
# unpacked into target/tools. Where there is neither, it says so and prints the PATH as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'promtool: %s\n' "$*" >&2; }

# Unpacked, not installed: the package would start a server.
unpack() {
  local work=$1
  cd "$work"
  # The lists of packages may be missing, or name a version that is gone.
  apt-get download -qq prometheus 2>/dev/null || {
    { ((EUID == 0)) && apt-get update -qq && apt-get download -qq prometheus; } >&2
  } || return 1
  dpkg-deb --extract prometheus_*.deb .
}

tools=target/tools/promtool
if ! command -v promtool >/dev/null; then
  if [[ ! -x $tools/promtool ]]; then
    if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
      mkdir -p "$tools"
      work=$(mktemp -d target/tools/promtool.XXXXXX)
      trap 'rm -rf "$work"' EXIT
      say 'not found: unpacking that of the package prometheus'
      if (unpack "$work"); then mv "$work/usr/bin/promtool" "$tools"; fi
    fi
    if [[ ! -x $tools/promtool ]]; then say 'not found, and not to be had: alerts are parsed and not evaluated'; fi
  fi
  PATH=$PATH:$PWD/$tools
fi
printf '%s\n' "$PATH"
