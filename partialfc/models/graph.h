// A backbone as a graph of standard operations with names and shapes: the one source from which libtorch runs it, FLOPs
// are counted and parameter names are taken. It holds no weights.
//
// Names are those of a PyTorch module, so that files of weights go both ways: operation `layer1.0.bn1` has parameters
// `layer1.0.bn1.weight`, `.bias` and buffers `.running_mean`, `.running_var`, `.num_batches_tracked`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace partialfc {

// Of one sample's activation. A flat vector of n is (n, 1, 1).
struct Shape {
  int64_t channels = 0, height = 1, width = 1;
  int64_t elements() const { return channels * height * width; }
  bool operator==(const Shape&) const = default;
};

struct Operation {
  enum class Kind { kInput, kConv, kBatchNorm, kPRelu, kAdd, kFlatten, kDropout, kLinear };

  Kind kind = Kind::kInput;
  std::string name;
  std::vector<int> inputs;  // indices of earlier operations
  Shape output;
  int64_t kernel_height = 0, kernel_width = 0, stride = 1, padding = 0, groups = 1;  // kConv, without bias
  bool bias = false;                                                                 // kLinear
  bool trainable_weight = true;  // kBatchNorm: false keeps weight at 1
  double rate = 0;               // kDropout
};

constexpr double kBatchNormEpsilon = 1e-5;
constexpr double kBatchNormMomentum = 0.1;  // of the running statistics: new = 0.9 · old + 0.1 · batch

// A parameter or buffer of an operation.
struct TensorSpec {
  enum class Init {
    kZero,
    kOne,
    kQuarter,  // PReLU's slope, 0.25
    kNormal,   // N(0, sigma)
    kUniform,  // U(−bound, bound)
  };
  std::string name;
  std::vector<int64_t> shape;  // convolution: (out, in / groups, kH, kW); linear: (out, in)
  Init init = Init::kZero;
  double spread = 0;  // sigma or bound
  bool trainable = true;
  bool is_buffer = false;   // running statistics: saved, not trained
  bool is_integer = false;  // num_batches_tracked, int64
};

class Graph {
 public:
  // How weights start.
  enum class WeightInit {
    kIResNet,   // convolutions N(0, 0.1); linear U(±1/sqrt(fan_in))
    kHeFanOut,  // both N(0, sqrt(2 / fan_out)) (He et al. 2015)
  };

  explicit Graph(Shape input, WeightInit weight_init);

  // Each adds an operation on operation `input` and returns its index. Shapes that do not fit throw UsageError.
  int conv(int input, std::string name, int64_t channels, int64_t kernel, int64_t stride, int64_t padding,
           int64_t groups = 1);
  int conv_to_point(int input, std::string name);  // depthwise, kernel = whole height × width
  int batch_norm(int input, std::string name, bool trainable_weight = true);
  int prelu(int input, std::string name);
  int add(int a, int b);
  int flatten(int input);
  int dropout(int input, std::string name, double rate);
  int linear(int input, std::string name, int64_t features, bool bias);

  const std::vector<Operation>& operations() const { return operations_; }  // in the order of execution
  Shape input() const { return operations_.front().output; }
  int64_t embedding() const { return operations_.back().output.elements(); }

  // Parameters and buffers of one operation, and of all in order.
  std::vector<TensorSpec> tensors_of(const Operation& operation) const;
  std::vector<TensorSpec> tensors() const;
  int64_t parameter_count() const;  // trainable numbers
  // Of convolutions and linear layers, per sample; a multiply-add is two. Of one operation, and of all.
  int64_t forward_flops_of(const Operation& operation) const;
  int64_t forward_flops() const;

 private:
  int append(Operation operation);
  const Shape& shape_of(int index) const { return operations_[index].output; }

  WeightInit weight_init_;
  std::vector<Operation> operations_;
};

}  // namespace partialfc
