# What the scripts share: installing packages and building. Sourced, not run.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=$project/build/release/bin/partialfc

# Why something that a machine may lack was not tried: an exit code of its own.
not_run() { echo "not run: $*" >&2; exit 77; }

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }

# Packages named in the given list files that are not installed yet.
missing_packages() {
  local package
  sed 's/#.*//' "$@" | while read -r package; do
    [ -z "$package" ] && continue
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

can_install_packages() {
  command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }
}

# Installs what is missing with apt, as root or through sudo.
install_packages() {
  local missing as_root=()
  missing=$(missing_packages "$@")
  [ -z "$missing" ] && return
  if ! command -v apt-get >/dev/null; then
    echo "This script installs Debian packages with apt-get, which is not here. Needed:" $missing >&2
    exit 1
  fi
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "Neither root nor sudo: ask an administrator to run: apt-get install" $missing >&2
      exit 1
    fi
    as_root=(sudo)
  fi
  say "Installing:" $missing
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends $missing >&2
}

# The folder that scripts/bundle made, where there is one.
bundle_folder() {
  local folder
  for folder in "$project"/{,build/}bundle; do
    [ ! -d "$folder" ] || { echo "$folder"; return; }
  done
  return 1
}

# From it is built what packages are missing for, and with pip's CMake and Ninja where there are no others.
use_bundle() {
  PATH=$PATH:$project/build/venv/bin
  if [ -n "$(missing_packages "$project"/scripts/packages.txt)" ] && bundle_folder >/dev/null; then
    export CMAKE_PREFIX_PATH=$(bundle_folder)
  fi
}

find_nvcc() {
  local nvcc
  for nvcc in "${CUDAToolkit_ROOT:+$CUDAToolkit_ROOT/bin/nvcc}" "$(command -v nvcc)" /usr/local/cuda/bin/nvcc; do
    [ ! -x "$nvcc" ] || { echo "$nvcc"; return; }
  done
  return 1
}

# build PRESET [TARGET ...]: configures and builds to build/PRESET.
build() {
  local preset=$1
  shift
  cmake -S "$project" -B "$project/build/$preset" --preset "$preset" >&2
  cmake --build "$project/build/$preset" ${1:+--target "$@"} >&2
}

# mpirun for ranks on this machine. Open MPI refuses to run as root unless told twice.
run_ranks() {
  local ranks=$1
  shift
  OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
    mpirun --oversubscribe --bind-to none -np "$ranks" "$@"
}
