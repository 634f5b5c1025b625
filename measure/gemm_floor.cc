#include "measure/gemm_floor.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>

#include "measure/onednn.h"
#include "measure/openblas.h"
#include "partialfc/base/error.h"
#include "partialfc/base/matrix.h"
#include "partialfc/base/parallel.h"

namespace partialfc {

namespace {

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

struct GemmFloor::Operands {
  explicit Operands(const ProductFloorOptions& o)
      : n(o.batch), s(o.samples), d(o.dim), team(o.threads), is_float(o.precision == Precision::kFloat32) {
    for (auto* input : {&x, &w, &e}) {
      const int64_t size = input == &x ? n * d : input == &w ? s * d : n * s;
      input->resize((size * size_of(o.precision) + 3) / 4);
      fill(*input, size);
    }
    logits.resize(n * s);
    u.resize(n * d);
    gradient.resize(s * d);
    if (is_float) partial_u.resize(n * d * o.threads);
  }

  // Values like those of normalized rows; neither zero nor denormal.
  void fill(std::vector<float>& storage, int64_t size) {
    team.for_each_part(0, size, [&](int, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const float value = 0.001f * static_cast<float>(1 + i % 251);
        if (is_float)
          storage[i] = value;
        else
          reinterpret_cast<BFloat16*>(storage.data())[i] = to_bfloat16(value);
      }
    });
  }

  // task(thread, first, count) for each tile of `size` classes, a contiguous range of tiles a thread.
  void for_each_tile(int64_t size, const std::function<void(int, int64_t, int64_t)>& task) {
    set_openblas_threads(1);
    team.for_each_part(0, (s + size - 1) / size, [&](int thread, int64_t begin, int64_t end) {
      for (int64_t tile = begin; tile < end; ++tile)
        task(thread, tile * size, std::min(size, s - tile * size));
    });
  }

  // Each product by OpenBLAS on our threads. The tiles of logits and e are contiguous, one after the other.
  void run_in_tiles(int product, int64_t size) {
    if (product == 1) std::fill(partial_u.begin(), partial_u.end(), 0.0f);
    for_each_tile(size, [&](int thread, int64_t first, int64_t count) {
      if (product == 0) {
        openblas_product(false, true, n, count, d, x.data(), &w[first * d], 0, &logits[n * first]);
      } else if (product == 1) {
        openblas_product(false, false, n, d, count, &e[n * first], &w[first * d], 1,
                         &partial_u[thread * n * d]);
      } else {
        openblas_product(true, false, count, d, n, &e[n * first], x.data(), 0, &gradient[first * d]);
      }
    });
    if (product != 1) return;
    team.for_each_part(0, n * d, [&](int, int64_t begin, int64_t end) {
      std::copy(&partial_u[begin], &partial_u[end], &u[begin]);
      for (int thread = 1; thread < team.size(); ++thread)
        for (int64_t i = begin; i < end; ++i) u[i] += partial_u[thread * n * d + i];
    });
  }

  void run_openblas(int product) {
    set_openblas_threads(team.size());
    if (product == 0) openblas_product(false, true, n, s, d, x.data(), w.data(), 0, logits.data());
    if (product == 1) openblas_product(false, false, n, d, s, e.data(), w.data(), 0, u.data());
    if (product == 2) openblas_product(true, false, s, d, n, e.data(), x.data(), 0, gradient.data());
  }

  std::function<void()> by_onednn(int product) {
    const auto make = [&](bool transpose_a, bool transpose_b, int64_t m, int64_t columns, int64_t k, auto& a,
                          auto& b, auto& c) {
      return onednn_product(is_float ? Precision::kFloat32 : Precision::kBFloat16, team.size(), transpose_a,
                            transpose_b, m, columns, k, a.data(), b.data(), c.data());
    };
    if (product == 0) return make(false, true, n, s, d, x, w, logits);
    if (product == 1) return make(false, false, n, d, s, e, w, u);
    return make(true, false, s, d, n, e, x, gradient);
  }

  int64_t n, s, d;
  ThreadTeam team;
  bool is_float;
  std::vector<float> x, w, e;              // inputs, of the floor's precision: (N, D), (S, D), (N, S)
  std::vector<float> logits, u, gradient;  // results: (N, S), (N, D), (S, D)
  std::vector<float> partial_u;            // (threads, N, D)
};

std::vector<GemmFloor::Way> GemmFloor::ways_of(int product, const ProductFloorOptions& options) {
  std::vector<Way> ways;
  if (auto by_onednn = operands_->by_onednn(product)) ways.push_back({"oneDNN", std::move(by_onednn)});
  if (options.precision != Precision::kFloat32) {
    if (ways.empty())
      fail_usage(
          "bare products in bfloat16 are oneDNN's, and partialfc was built without it: leave them out (--no-floor)");
    return ways;
  }
  ways.push_back({"OpenBLAS", [this, product] { operands_->run_openblas(product); }});
  for (const int64_t tile : {256, 2048})
    ways.push_back({fmt::format("OpenBLAS, tiles of {}", tile),
                    [this, product, tile] { operands_->run_in_tiles(product, tile); }});
  return ways;
}

GemmFloor::GemmFloor(const ProductFloorOptions& options) : operands_(std::make_unique<Operands>(options)) {
  constexpr int kRounds = 4;  // the first is for warming up
  for (int product = 0; product < kProducts; ++product) {
    const std::vector<Way> ways = ways_of(product, options);
    std::vector<double> best(ways.size(), std::numeric_limits<double>::infinity());
    for (int round = 0; round < kRounds; ++round)
      for (size_t i = 0; i < ways.size(); ++i) {
        const double seconds = seconds_of(ways[i].run);
        if (round > 0) best[i] = std::min(best[i], seconds);
      }
    fastest_[product] = ways[std::min_element(best.begin(), best.end()) - best.begin()];
  }
  set_openblas_threads(1);
}

GemmFloor::~GemmFloor() = default;

std::array<double, GemmFloor::kProducts> GemmFloor::measure() {
  std::array<double, kProducts> seconds;
  for (int product = 0; product < kProducts; ++product) seconds[product] = seconds_of(fastest_[product].run);
  set_openblas_threads(1);
  // OpenBLAS's threads wait for more work by spinning this long: not on the time of what is measured next.
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  return seconds;
}

}  // namespace partialfc
