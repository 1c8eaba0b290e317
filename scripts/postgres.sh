#!/usr/bin/env bash
# Runs a command beside a throw-away PostgreSQL cluster.
#
#   scripts/postgres.sh run -- COMMAND [ARGUMENT]...
#
# The command finds a superuser's URL in WAGROUPS_TEST_POSTGRES_URL. The cluster is stopped and
# removed whatever happens to the command, whose exit code is the script's.
set -euo pipefail

say() { printf 'postgres: %s\n' "$*" >&2; }

has_server() { [[ -x $1/initdb && -x $1/pg_ctl && -x $1/postgres ]]; }

# Prints the directory of the server's binaries: the one on PATH, else the newest of Debian's, else
# the one that pg_config knows (it belongs to the client library, so it may have no server).
find_server() {
  local found dir
  if found=$(command -v initdb); then
    # A link's own directory may lack what initdb looks for beside itself.
    dir=$(dirname "$(readlink -f "$found")")
    if has_server "$dir"; then echo "$dir" && return; fi
  fi
  while read -r dir; do
    if has_server "$dir"; then echo "$dir" && return; fi
  done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -t / -k 5,5 -nr)
  if dir=$(pg_config --bindir 2>/dev/null) && has_server "$dir"; then echo "$dir" && return; fi
  return 1
}

install_server() {
  local root=()
  if ! command -v apt-get >/dev/null; then
    say 'no server binaries (initdb, pg_ctl, postgres) found. Install them and run this again:'
    say '  Fedora, RHEL   dnf install postgresql-server'
    say '  Arch           pacman -S postgresql'
    say '  Alpine         apk add postgresql'
    say '  macOS          brew install postgresql@17, and put the bin directory that it names on PATH'
    say '  others         https://www.postgresql.org/download/, then put its bin directory on PATH'
    return 1
  fi
  if ((EUID != 0)); then
    if ! sudo -n true 2>/dev/null; then
      say 'no server binaries found, and no right to install them. Run this first:'
      say '  sudo apt-get install postgresql'
      return 1
    fi
    root=(sudo -n)
  fi
  say 'no server binaries found: installing the package postgresql'
  ${root[@]+"${root[@]}"} apt-get update -qq >&2
  ${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends postgresql </dev/null >&2
}

# PostgreSQL refuses to run as root, so there its cluster belongs to another user.
as_owner() {
  # The owner may not be able to enter the caller's directory, and initdb wants to know where it is.
  cd "$cluster"
  if ((EUID != 0)); then
    env LC_ALL=C "$@"
  elif command -v runuser >/dev/null; then
    runuser -u "$owner" -- env LC_ALL=C "$@"
  else
    # shellcheck disable=SC2016 # the inner shell expands it
    su -s /bin/sh "$owner" -c 'LC_ALL=C exec "$0" "$@"' -- "$@"
  fi
}

start_cluster() {
  local try out
  # `C` sorts the same everywhere; --no-sync because nothing in the cluster is worth a wait yet.
  out=$(as_owner "$bin/initdb" --pgdata="$cluster/data" --username=wagroups --auth=trust \
    --encoding=UTF8 --locale=C --no-sync 2>&1) || {
    say "$bin/initdb failed: $out"
    return 1
  }
  cat >>"$cluster/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$cluster'
max_connections = 300
# The crash tests measure durability, so a commit is a real one. What only costs time is off:
# nobody restores, replicates or checkpoints a cluster that lives for one run.
fsync = on
synchronous_commit = on
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 8GB
checkpoint_timeout = 1h
shared_buffers = 256MB
jit = off
log_checkpoints = off
CONF
  for try in 1 2 3 4 5 6 7 8 9 10; do
    # Below the ports that systems give to outgoing connections, which come and go by themselves.
    port=$((20000 + RANDOM % 12000))
    # Its output goes to a file: the server keeps what it is given open, and `$(…)` would wait for it.
    if (as_owner "$bin/pg_ctl" start --silent --wait --timeout=60 --pgdata="$cluster/data" \
      --log="$cluster/data/log" --options="-p $port") >"$cluster/start" 2>&1 </dev/null; then
      return
    fi
    # Somebody else's port is the one failure that another try can mend.
    grep -q 'could not create any TCP/IP sockets' "$cluster/data/log" || break
  done
  say "the server did not start (try $try):"
  cat "$cluster/start" "$cluster/data/log" >&2 || true
  return 1
}

clean_up() {
  trap - EXIT
  trap '' HUP INT TERM
  # The command's whole group: a stopped `cargo test` leaves its test processes behind.
  if [[ -n $job ]]; then kill -TERM -- "-$job" 2>/dev/null || true; fi
  if [[ -f $cluster/data/postmaster.pid ]]; then
    (as_owner "$bin/pg_ctl" stop --silent --wait --mode=immediate --pgdata="$cluster/data") >/dev/null 2>&1 ||
      say "could not stop the server in $cluster"
  fi
  rm -rf "$cluster"
}

if [[ ${1-} != run || ${2-} != -- || $# -lt 3 ]]; then
  echo 'usage: scripts/postgres.sh run -- COMMAND [ARGUMENT]...' >&2
  exit 64
fi
shift 2

# Another server's settings in the environment must reach neither the cluster nor the command.
# shellcheck disable=SC2086 # a list of names
unset ${!PG@}

bin=$(find_server) || { install_server && bin=$(find_server); } || exit 1

job=
if ((EUID == 0)); then
  # Not TMPDIR: root's may be closed to others.
  cluster=$(mktemp -d /tmp/wagroups-pg.XXXXXX)
  owner=nobody
  if id postgres >/dev/null 2>&1; then owner=postgres; fi
else
  cluster=$(mktemp -d "${TMPDIR:-/tmp}/wagroups-pg.XXXXXX")
fi
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
if ((EUID == 0)); then chown "$owner" "$cluster"; fi

start_cluster
export WAGROUPS_TEST_POSTGRES_URL="postgres://wagroups@127.0.0.1:$port/postgres"
say "$("$bin/postgres" --version | cut -d ' ' -f 3) at $WAGROUPS_TEST_POSTGRES_URL"

if [[ -t 0 ]]; then
  # A terminal sends Ctrl-C to the command too, and the command may want to read from it.
  "$@"
else
  # Bash answers a signal only when the command in front has ended, which may be half an hour; so
  # the command goes behind, in a process group of its own that can be stopped as a whole.
  set -m
  "$@" <&0 &
  job=$!
  set +m
  status=0
  wait "$job" || status=$?
  job=
  exit "$status"
fi
