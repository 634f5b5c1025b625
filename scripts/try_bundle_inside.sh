# What scripts/try_bundle does where nothing else is to be found: bash try_bundle_inside.sh BUNDLE BUILD_FOLDER [--all]
set -euo pipefail
source "$(dirname "$0")/setup.sh"
bundle=$1 tree=$2 program=$2/bin/partialfc
cd "$project"

for name in mpirun ninja pkg-config; do
  ! command -v "$name" >&2 || { echo "$name is in sight" >&2; exit 1; }
done
for name in boost/version.hpp CLI/CLI.hpp fmt/format.h gtest/gtest.h hwy/highway.h nlohmann/json.hpp png.h; do
  [ ! -e "/usr/include/$name" ] || { echo "/usr/include/$name is in sight" >&2; exit 1; }
done

# refuses WORDS COMMAND …: ends with 2 and those words
refuses() {
  local said code=0
  said=$("${@:2}" 2>&1) || code=$?
  echo "$said"
  [ "$code" = 2 ] && [[ "$said" == *"$1"* ]] || { echo "ended with $code, and not with: $1" >&2; exit 1; }
}

say "Configuring $tree"
options=(-G 'Unix Makefiles' "-DCMAKE_PREFIX_PATH=$bundle")
if [ "${3:-}" != --all ]; then
  # A layer at a time and not optimised: a quarter of the time. CUDA is left out, though a configuration before had found nvcc.
  options+=(-DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0 -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=0
            -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -DPARTIALFC_CUDA=OFF -DCUDAToolkit_NVCC_EXECUTABLE=/usr/bin/nvcc)
fi
cmake -S . -B "$tree" "${options[@]}" | tee "$tree/configured"
grep -q '^-- Open MPI: not found' "$tree/configured"
grep -q "^-- CUDA $([ "${3:-}" = --all ] || echo '12 or 13 with nvcc: left out')" "$tree/configured"

say "Building"
if [ "${3:-}" = --all ]; then
  cmake --build "$tree" -j2
else
  cmake --build "$tree" -j2 --target partialfc_program device_test device_kernels_test
fi

say "Running"
"$program" bench head --classes 20000 --batch 64 --dim 64 --steps 3
nvidia-smi >&2 || refuses "no GPU can be used" "$program" bench head --device cuda
refuses "launch: partialfc was built without MPI" "$program" launch -np 2 -- train my.toml
refuses "started as one of 2 ranks (OMPI_COMM_WORLD_SIZE): partialfc was built without MPI" \
  env OMPI_COMM_WORLD_SIZE=2 "$program" bench head
"$program" check

cat >"$tree/drawn.toml" <<'EOT'
[data]
source = "synthetic"
classes = 1000
[backbone]
name = "small"
[train]
steps = 6
global_batch = 12
EOT
if [ "${3:-}" = --all ]; then
  "$program" train "$tree/drawn.toml" --output "$tree/run" --overwrite
  ctest --test-dir "$tree" --output-on-failure --no-tests=error -j 3
else
  refuses "built without libtorch" "$program" train "$tree/drawn.toml" --output "$tree/run"
  ctest --test-dir "$tree" --output-on-failure --no-tests=error -j 3 -R '^device_(kernels_)?test/seed0$'
fi
