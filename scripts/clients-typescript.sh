#!/usr/bin/env bash
# The TypeScript part of scripts/clients.sh, which runs this. Arguments go to `node --test`.
#
#   scripts/clients-typescript.sh --node    only says which Node and npm would be used
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

oldest_node=20
say() { printf 'clients: %s\n' "$*" >&2; }

# Debian has npm as a package of its own.
check_node() {
  local found major
  if ! found=$(node --version 2>/dev/null); then
    say "no Node.js found: $oldest_node or newer is needed, with npm. Install it:"
  elif major=${found#v} && ((${major%%.*} < oldest_node)); then
    say "Node.js $found is too old: $oldest_node or newer is needed, with npm. Install it:"
  elif ! npm --version >/dev/null 2>&1; then
    say "Node.js $found has no npm. Install it:"
  else
    echo "Node.js $found, npm $(npm --version 2>/dev/null)"
    return
  fi
  say '  Debian 13, Ubuntu 25.04  apt-get install nodejs npm'
  say '  others                   https://nodejs.org/en/download'
  return 1
}

check_node
if [[ ${1-} == --node ]]; then exit; fi

source=tests/clients/typescript
work=target/clients/typescript
mkdir -p "$work"

# What was installed; written last, so that half an installation is made anew.
wanted="$(node --version) at $PWD/$work: $(cat "$source/package-lock.json")"
if [[ ! -f $work/made-of || $(<"$work/made-of") != "$wanted" ]]; then
  say "installing $source/package-lock.json into $work"
  rm -rf "$work"
  mkdir -p "$work"
  cp "$source"/package*.json "$work"
  # No scripts: none of these packages needs its own. The cache is here, since HOME may be read-only.
  npm ci --prefix "$work" --cache "$PWD/$work/cache" \
    --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
  rm -rf "$work/cache"
  printf '%s\n' "$wanted" >"$work/made-of"
fi

# The sources stand beside node_modules and gen, as they would in a project of their own.
rm -rf "$work/gen" "$work/js" "$work"/*.ts
mkdir -p "$work/gen"
cp "$source"/*.ts "$source/tsconfig.json" "$work"
# The program that docs/JETSTREAM.md shows.
awk '/^```ts$/ { inside = 1; next } /^```$/ { inside = 0 } inside' docs/JETSTREAM.md >"$work/jetstream-consumer.ts"

google=$("$CLIENTS_VENV/bin/python" -c 'import google.rpc; print(list(google.rpc.__path__)[0])')
"$CLIENTS_VENV/bin/python" -m grpc_tools.protoc --proto_path=proto --proto_path="${google%/google/rpc}" \
  --plugin=protoc-gen-ts_proto="$work/node_modules/.bin/protoc-gen-ts_proto" \
  --ts_proto_out="$work/gen" --ts_proto_opt="$(paste -sd , "$source/ts-proto.options")" \
  proto/wagroups/v1/*.proto "$google/status.proto" "$google/error_details.proto"

# Checks all types, and writes JavaScript only if they are right: Node 20 does not take types away itself.
cd "$work"
node_modules/.bin/tsc
node --test --test-reporter=spec "$@" js/*.test.js
