#!/usr/bin/env bash
# Trains on the hosts of a hostfile with plain mpirun, a rank a slot:
#   bash examples/run.sh HOSTFILE RECIPE [train's options]
# The program is $PARTIALFC, or this project's build.
set -euo pipefail

if [ $# -lt 2 ]; then
  echo "usage: bash $0 HOSTFILE RECIPE [train's options], e.g. bash $0 examples/hosts/host_8 my.toml" >&2
  exit 2
fi
hostfile=$1
shift
program=${PARTIALFC:-$(cd "$(dirname "$0")/.." && pwd)/build/release/bin/partialfc}
flags=(--hostfile "$hostfile" --map-by slot --bind-to none --tag-output --mca btl ^openib -x PATH)
[ -z "${LD_LIBRARY_PATH:-}" ] || flags+=(-x LD_LIBRARY_PATH)
[ "$(id -u)" != 0 ] || flags+=(--allow-run-as-root)
exec mpirun "${flags[@]}" "$program" train "$@"
