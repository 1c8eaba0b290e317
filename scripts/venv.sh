#!/usr/bin/env bash
# Makes a Python virtual environment that holds the given packages, unless it is there already.
#
#   scripts/venv.sh DIRECTORY PACKAGE==VERSION...
#   scripts/venv.sh --python        only prints the Python that would be used
set -euo pipefail

say() { printf 'venv: %s\n' "$*" >&2; }

# Prints the first Python that is new enough and can make environments: Debian ships it without.
find_python() {
  local candidate
  for candidate in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9 python; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  say 'no Python 3.9 or newer with the venv module found. Install one:'
  say '  Debian, Ubuntu  apt-get install python3-venv'
  say '  others          https://www.python.org/downloads/'
  return 1
}

python=$(find_python)
if [[ ${1-} == --python ]]; then
  echo "$python"
  exit
fi
directory=$1
shift

# What the directory was made of; written last, so that half an environment is made anew.
wanted="$("$python" --version) at $PWD/$directory: $*"
if [[ -f $directory/made-of && $(<"$directory/made-of") == "$wanted" ]]; then exit; fi

say "installing $* into $directory"
rm -rf "$directory"
"$python" -m venv "$directory"
# Wheels only: a package that has none for this machine should say so, not compile for 20 minutes.
"$directory/bin/python" -m pip --disable-pip-version-check --quiet install --only-binary :all: "$@"
printf '%s\n' "$wanted" >"$directory/made-of"
