#include "partialfc/models/activation_memory.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace partialfc {

namespace {

using Kind = Operation::Kind;

// As trainer/patch_convolution.h has it: few output positions, or a strided 1×1 kernel.
bool runs_on_patches(const Operation& conv) {
  constexpr int64_t kFewPositions = 49;
  return conv.groups == 1 && (conv.output.height * conv.output.width <= kFewPositions ||
                              (conv.kernel_height == 1 && conv.stride > 1));
}

class Walk {
 public:
  Walk(const Graph& graph, int64_t batch, Precision precision)
      : graph_(graph),
        operations_(graph.operations()),
        batch_(batch),
        number_(size_of(precision)),
        first_reader_(operations_.size(), kNone),
        last_reader_(operations_.size(), kNone),
        first_keeper_(operations_.size(), kNone),
        exists_(operations_.size(), true) {
    for (const Operation& operation : operations_) weights_.push_back(weights_of(operation));
    find_readers();
    find_fused();
    find_keepers();
  }

  ActivationMemory measure() const {
    ActivationMemory result;
    for (int i = 0; i < size(); ++i) {
      result.kept += first_keeper_[i] != kNone ? bytes(i) : 0;
      result.kept += cast_weights(i);
    }
    int64_t kept = 0;  // of the operations so far
    for (int i = 0; i < size(); ++i) {
      result.peak = std::max(result.peak, kept + passing(i) + workspace(i));
      kept += (first_keeper_[i] != kNone ? bytes(i) : 0) + cast_weights(i);
    }
    for (int i = size() - 1; i > 0; --i)
      result.peak = std::max(result.peak, held_in_backward(i) + gradients(i) + workspace(i));
    return result;
  }

 private:
  static constexpr int kNone = -1;

  int size() const { return static_cast<int>(operations_.size()); }

  // Bytes of an operation's output.
  int64_t bytes(int i) const { return exists_[i] ? batch_ * operations_[i].output.elements() * number_ : 0; }

  void find_readers() {
    for (int i = 0; i < size(); ++i)
      for (const int input : operations_[i].inputs) {
        if (first_reader_[input] == kNone) first_reader_[input] = i;
        last_reader_[input] = i;
      }
  }

  // A BatchNorm that one PReLU or addition alone reads makes no tensor; an addition takes in one.
  void find_fused() {
    for (const Operation& operation : operations_) {
      if (operation.kind != Kind::kPRelu && operation.kind != Kind::kAdd) continue;
      for (const int input : operation.inputs) {
        if (operations_[input].kind != Kind::kBatchNorm || first_reader_[input] != last_reader_[input])
          continue;
        exists_[input] = false;
        break;
      }
    }
  }

  void find_keepers() {
    for (int i = 0; i < size(); ++i) {
      const Kind kind = operations_[i].kind;
      if (kind != Kind::kConv && kind != Kind::kBatchNorm && kind != Kind::kLinear && kind != Kind::kPRelu)
        continue;
      const int input = operations_[i].inputs[0];
      if (exists_[input] && first_keeper_[input] == kNone) first_keeper_[input] = i;
    }
  }

  // Numbers of the weight of a convolution or linear layer.
  int64_t weights_of(const Operation& operation) const {
    if (operation.kind != Kind::kConv && operation.kind != Kind::kLinear) return 0;
    const std::vector<int64_t> shape = graph_.tensors_of(operation)[0].shape;
    return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
  }
  int64_t cast_weights(int i) const { return number_ == 4 ? 0 : weights_[i] * number_; }

  // Beside what is kept, while operation i runs in forward: its output, and outputs before it that are not kept and are
  // still to be read.
  int64_t passing(int i) const {
    int64_t sum = bytes(i);
    for (int j = 0; j < i; ++j)
      if (first_keeper_[j] == kNone && last_reader_[j] >= i) sum += bytes(j);
    return sum;
  }

  // Kept tensors that backward has not passed yet when it is at operation i.
  int64_t held_in_backward(int i) const {
    int64_t sum = 0;
    for (int j = 0; j < size(); ++j) {
      if (first_keeper_[j] != kNone && first_keeper_[j] <= i) sum += bytes(j);
      if (j <= i) sum += cast_weights(j);
    }
    return sum;
  }

  // Gradients that there are while backward is at operation i: of tensors that are made at or before i and read at or
  // after it. What an addition hands on is the gradient that it got.
  int64_t gradients(int i) const {
    int64_t sum = 0;
    for (int j = 1; j <= i; ++j)
      if (last_reader_[j] >= i || j == size() - 1) sum += bytes(j);
    return operations_[i].kind == Kind::kAdd ? sum - bytes(i) : sum;
  }

  int64_t workspace(int i) const {
    const Operation& operation = operations_[i];
    int64_t sum = weights_[i] * (number_ + 4);  // reordered, and their gradient in float32
    if (operation.kind == Kind::kConv && runs_on_patches(operation)) {
      const int64_t patch =
          operation.kernel_height * operation.kernel_width * operations_[operation.inputs[0]].output.channels;
      sum += batch_ * operation.output.height * operation.output.width * patch * number_;
    }
    return sum;
  }

  const Graph& graph_;
  const std::vector<Operation>& operations_;
  const int64_t batch_, number_;  // bytes of a number
  std::vector<int64_t> weights_;
  // By operation, of its output; kNone: there is none.
  std::vector<int> first_reader_, last_reader_, first_keeper_;
  std::vector<bool> exists_;
};

}  // namespace

ActivationMemory activation_memory(const Graph& graph, int64_t batch, Precision precision) {
  return Walk(graph, batch, precision).measure();
}

}  // namespace partialfc
