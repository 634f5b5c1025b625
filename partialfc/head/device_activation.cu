#include <algorithm>
#include <vector>

#include "partialfc/device/block.h"
#include "partialfc/head/device_activation.h"

namespace partialfc {

namespace {

constexpr int kThreads = 128;      // of kernels that a thread a sample or a block a block of classes runs
constexpr int kPlanThreads = 512;  // of the one block that plans

// slot_of[n] ← the slot of the class of sample n, or −1. class_of[n] ← −1.
__global__ void find_slots(const int64_t* labels, int samples, RandomPermutation placement, int64_t first,
                           int64_t last, int32_t* slot_of, int32_t* class_of) {
  const int n = blockIdx.x * blockDim.x + threadIdx.x;
  if (n >= samples) return;
  int32_t slot = -1;
  if (labels[n] >= 0) {
    const int64_t position = placement(labels[n]);
    if (position >= first && position < last) slot = static_cast<int32_t>(position - first);
  }
  slot_of[n] = slot;
  class_of[n] = -1;  // until its class is drawn here
}

// Sorts the samples whose class is here by (slot, n): the place of each is how many come before it.
__global__ void rank_samples(const int32_t* slot_of, int samples, int32_t* sorted_samples,
                             int32_t* sorted_slots) {
  __shared__ int32_t tile[kThreads];
  const int n = blockIdx.x * blockDim.x + threadIdx.x;
  const int32_t mine = n < samples ? slot_of[n] : -1;
  int before = 0;
  for (int first = 0; first < samples; first += kThreads) {
    __syncthreads();
    const int m = first + threadIdx.x;
    tile[threadIdx.x] = m < samples ? slot_of[m] : -1;
    __syncthreads();
    for (int i = 0; i < min(kThreads, samples - first); ++i)
      before += tile[i] >= 0 && (tile[i] < mine || (tile[i] == mine && first + i < n));
  }
  if (mine < 0) return;
  sorted_samples[before] = n;
  sorted_slots[before] = mine;
}

struct Plan {
  const int32_t *slot_of, *sorted_slots, *block_first, *shares;
  int samples, blocks;
  bool all;  // every class is active
  int32_t *positives, *first_sample, *offsets, *first_positive, *count;
};

// One block: the distinct positives, and where each block of classes begins among them and among the active classes.
__global__ void plan_blocks(Plan plan) {
  __shared__ int32_t warp_sums[kWarp];
  __shared__ int32_t here;
  if (threadIdx.x == 0) here = 0;
  __syncthreads();
  for (int n = threadIdx.x; n < plan.samples; n += blockDim.x)
    if (plan.slot_of[n] >= 0) atomicAdd(&here, 1);
  __syncthreads();
  const int samples_here = here;
  int positives = 0, total = 0;
  for (int first = 0; first < samples_here; first += blockDim.x) {
    const int i = first + threadIdx.x;
    const bool is_new = i < samples_here && (i == 0 || plan.sorted_slots[i] != plan.sorted_slots[i - 1]);
    const int k = positives + block_prefix_sum(is_new, warp_sums, total);
    if (is_new) {
      plan.positives[k] = plan.sorted_slots[i];
      plan.first_sample[k] = i;
    }
    positives += total;
    __syncthreads();
  }
  if (threadIdx.x == 0) plan.first_sample[positives] = samples_here;
  __syncthreads();  // the positives are read by other threads than those that wrote them
  int active = 0;
  for (int first = 0; first <= plan.blocks; first += blockDim.x) {
    const int b = first + threadIdx.x;
    int size = 0;
    if (b <= plan.blocks) {
      const int begin = lower_bound(plan.positives, positives, plan.block_first[b]);
      plan.first_positive[b] = begin;
      if (b < plan.blocks) {
        const int end = lower_bound(plan.positives, positives, plan.block_first[b + 1]);
        size = plan.all ? plan.block_first[b + 1] - plan.block_first[b] : max(plan.shares[b], end - begin);
      }
    }
    const int offset = active + block_prefix_sum(size, warp_sums, total);
    if (b <= plan.blocks) plan.offsets[b] = offset;
    active += total;
    __syncthreads();
  }
  if (threadIdx.x == 0) *plan.count = active;
}

struct Draw {
  const int32_t *positives, *first_sample, *samples, *block_first, *offsets, *first_positive;
  uint64_t key;  // of this step
  int64_t first_block;
  int blocks, capacity;
  bool all;
  int32_t *slots, *positive_of, *class_of;
};

// A block of threads a block of classes, and one more for the places behind S. Positives first, then negatives: draws that
// are no positives, in their order, until the share is full. Of as many draws as the share has that always holds enough.
__global__ void draw_classes(Draw draw) {
  __shared__ int32_t warp_sums[kWarp];
  const int b = blockIdx.x;
  const int offset = draw.offsets[b];
  if (b == draw.blocks) {
    for (int j = offset + threadIdx.x; j < draw.capacity; j += blockDim.x) {
      draw.slots[j] = -1;
      draw.positive_of[j] = -1;
    }
    return;
  }
  const int32_t first_slot = draw.block_first[b];
  const int classes = draw.block_first[b + 1] - first_slot, active = draw.offsets[b + 1] - offset;
  const int first_k = draw.first_positive[b], positives = draw.first_positive[b + 1] - first_k;
  const int32_t* const own = draw.positives + first_k;
  for (int k = threadIdx.x; k < positives; k += blockDim.x) {
    const int j = draw.all ? own[k] - first_slot : k;
    for (int i = draw.first_sample[first_k + k]; i < draw.first_sample[first_k + k + 1]; ++i)
      draw.class_of[draw.samples[i]] = offset + j;
    if (draw.all) continue;
    draw.slots[offset + k] = own[k];
    draw.positive_of[offset + k] = first_k + k;
  }
  if (draw.all) {
    for (int j = threadIdx.x; j < active; j += blockDim.x) {
      const int k = lower_bound(own, positives, first_slot + j);
      draw.slots[offset + j] = first_slot + j;
      draw.positive_of[offset + j] = k < positives && own[k] == first_slot + j ? first_k + k : -1;
    }
    return;
  }
  const RandomPermutation permutation(max(classes, 1),
                                      mix(draw.key, static_cast<uint64_t>(draw.first_block + b)));
  for (int first = 0, filled = positives; filled < active; first += blockDim.x) {
    const int i = first + threadIdx.x;
    int32_t slot = 0;
    bool is_negative = i < classes;
    if (is_negative) {
      slot = first_slot + static_cast<int32_t>(permutation(i));
      const int k = lower_bound(own, positives, slot);
      is_negative = k == positives || own[k] != slot;
    }
    int total = 0;
    const int j = filled + block_prefix_sum(is_negative, warp_sums, total);
    if (is_negative && j < active) {
      draw.slots[offset + j] = slot;
      draw.positive_of[offset + j] = -1;
    }
    filled += total;
    __syncthreads();
  }
}

void fill_from(std::vector<int32_t> values, DeviceBuffer<int32_t>& buffer) {
  Stream stream;
  PinnedBuffer<int32_t> pinned(std::ssize(values));
  std::copy(values.begin(), values.end(), pinned.span().begin());
  buffer = DeviceBuffer<int32_t>(std::ssize(values));
  copy<int32_t>(pinned.span(), buffer.span(), stream);
  stream.synchronize();
}

unsigned blocks_for(int64_t threads, int64_t of_block) {
  return static_cast<unsigned>((threads + of_block - 1) / of_block);
}

}  // namespace

// Each positive beyond a share adds one: all shares, and as many more as there can be samples.
int64_t DeviceActivation::capacity_of(const ClassPlacement& placement, Range blocks,
                                      const ClassSampler& sampler, int64_t max_samples) {
  int64_t all = 0, shares = 0;
  for (int64_t b = blocks.first; b < blocks.last; ++b) {
    const Range positions = placement.positions_of_block(b);
    const int64_t share = sampler.share_of(positions);
    shares += share;
    all += std::min(positions.size(), share + max_samples);
  }
  return std::min(all, shares + max_samples);
}

DeviceActivation::DeviceActivation(const ClassPlacement& placement, Range blocks, const ClassSampler& sampler,
                                   int64_t max_samples)
    : placement_(placement),
      blocks_(blocks),
      positions_(placement.positions_of_blocks(blocks)),
      sampler_(sampler),
      max_samples_(max_samples),
      capacity_(capacity_of(placement, blocks, sampler, max_samples)) {
  std::vector<int32_t> firsts, shares;
  for (int64_t b = blocks.first; b < blocks.last; ++b) {
    const Range positions = placement.positions_of_block(b);
    firsts.push_back(static_cast<int32_t>(positions.first - positions_.first));
    shares.push_back(static_cast<int32_t>(sampler.share_of(positions)));
  }
  firsts.push_back(static_cast<int32_t>(positions_.size()));
  fill_from(firsts, block_first_);
  fill_from(shares, shares_);
  slots_ = DeviceBuffer<int32_t>(capacity_);
  positive_of_ = DeviceBuffer<int32_t>(capacity_);
  class_of_ = DeviceBuffer<int32_t>(max_samples);
  samples_ = DeviceBuffer<int32_t>(max_samples);
  first_sample_ = DeviceBuffer<int32_t>(max_samples + 1);
  slot_of_ = DeviceBuffer<int32_t>(max_samples);
  sorted_ = DeviceBuffer<int32_t>(max_samples);
  positives_ = DeviceBuffer<int32_t>(max_samples);
  offsets_ = DeviceBuffer<int32_t>(blocks.size() + 1);
  first_positive_ = DeviceBuffer<int32_t>(blocks.size() + 1);
}

DeviceActiveClasses DeviceActivation::active() const {
  return {slots_.span(), positive_of_.span(), class_of_.span(), samples_.span(), first_sample_.span()};
}

void DeviceActivation::activate(int64_t step, DeviceSpan<const int64_t> labels, DeviceSpan<int32_t> count,
                                Stream& stream) {
  PFC_CHECK(labels.size == max_samples_ && count.size == 1);
  const int samples = static_cast<int>(labels.size), blocks = static_cast<int>(blocks_.size());
  const int32_t *block_first = block_first_.span().address, *sorted = sorted_.span().address;
  launch("find_slots", find_slots, blocks_for(samples, kThreads), kThreads, 0, stream, labels.address,
         samples, placement_.permutation(), positions_.first, positions_.last, slot_of_.span().address,
         class_of_.span().address);
  launch("rank_samples", rank_samples, blocks_for(samples, kThreads), kThreads, 0, stream,
         slot_of_.span().address, samples, samples_.span().address, sorted_.span().address);
  launch("plan_blocks", plan_blocks, 1, kPlanThreads, 0, stream,
         Plan{.slot_of = slot_of_.span().address,
              .sorted_slots = sorted,
              .block_first = block_first,
              .shares = shares_.span().address,
              .samples = samples,
              .blocks = blocks,
              .all = sampler_.takes_all(),
              .positives = positives_.span().address,
              .first_sample = first_sample_.span().address,
              .offsets = offsets_.span().address,
              .first_positive = first_positive_.span().address,
              .count = count.address});
  launch("draw_classes", draw_classes, blocks + 1, kThreads, 0, stream,
         Draw{.positives = positives_.span().address,
              .first_sample = first_sample_.span().address,
              .samples = samples_.span().address,
              .block_first = block_first,
              .offsets = offsets_.span().address,
              .first_positive = first_positive_.span().address,
              .key = sampler_.key_of_step(step),
              .first_block = blocks_.first,
              .blocks = blocks,
              .capacity = static_cast<int>(capacity_),
              .all = sampler_.takes_all(),
              .slots = slots_.span().address,
              .positive_of = positive_of_.span().address,
              .class_of = class_of_.span().address});
}

}  // namespace partialfc
