// A collective that fails on the device is heard of before the host waits for the device, which would wait for ever.
#include "partialfc/head/device_messages.h"

#include "partialfc/device/test_device.h"
#include "partialfc/head/device_visits.h"
#include "partialfc/head/partial_fc.h"
#include "partialfc/head/partial_fc_cases.h"

namespace partialfc {

namespace {

// Of a rank alone, whose collectives have nothing to do. One of them fails; the host hears of it where it waits for
// that one.
class FailingChannel final : public Communicator {
 public:
  FailingChannel(bool on_device, int failing)
      : Communicator("head"), on_device_(on_device), until_failure_(failing) {}

  int rank() const override { return 0; }
  int size() const override { return 1; }
  int ranks_on_host() const override { return 1; }
  const std::string& host_of(int) const override { return name(); }
  bool on_device() const override { return on_device_; }
  std::unique_ptr<Watch> watch(const CollectiveCall&) override { return nullptr; }

 protected:
  Request start(const CollectiveCall&) override {
    return Request(std::make_unique<Operation>(--until_failure_ == 0));
  }
  std::unique_ptr<Communicator> duplicate(const std::string&) override { return nullptr; }

 private:
  struct Operation final : Request::Operation {
    explicit Operation(bool fails) : fails(fails) {}
    bool finished() override { return wait(), true; }
    void wait() override {
      if (fails) throw TimeoutError("rank 1 is late");
    }
    void come_before(Stream&) override {}
    const bool fails;
  };

  const bool on_device_;
  int until_failure_;
};

// The call of a step that throws when its collective number `failing` does.
std::string heard_in(bool channel_on_device, bool batch_on_device, int failing) {
  constexpr int64_t kRows = 6, kDim = 24, kClasses = 100;
  const PartialFCOptions options = {.num_classes = kClasses, .dim = kDim, .max_batch = kRows};
  Stream stream;
  FailingChannel channel(channel_on_device, failing);
  PartialFC head(options, channel,
                 make_device_visits(options, {.blocks = {0, kClasses}},
                                    {.stream = &stream, .messages_on_device = channel_on_device}));
  const Matrix<float> x = random_features(kRows, kDim, 0);
  const std::vector<int64_t> labels = random_labels(kRows, kClasses, 0);
  Matrix<float> gradients(kRows, kDim);
  DeviceBuffer<float> x_there(kRows * kDim), gradients_there(kRows * kDim);
  DeviceBuffer<int64_t> labels_there(kRows);
  copy<float>(std::span(x.data(), x.size()), x_there.span(), stream);
  copy<int64_t>(labels, labels_there.span(), stream);

  const char* call = "forward";
  try {
    if (batch_on_device)
      head.forward(0,
                   {x_there.matrix(kRows, kDim), labels_there.span(), gradients_there.matrix(kRows, kDim)});
    else
      head.forward(0, x.view(), labels, gradients.view());
    call = "update";
    head.begin_update(kRate).wait();
  } catch (const TimeoutError&) {
    return call;
  }
  return "none";
}

TEST(DeviceMessages, AFailureIsHeardOfWhereTheHostWaits) {
  const bool on_device = true;
  for (const int failing : {1, 2, 3}) {
    SCOPED_TRACE(failing);
    EXPECT_EQ(heard_in(on_device, !on_device, failing), "forward");
    EXPECT_EQ(heard_in(on_device, on_device, failing), failing < 3 ? "forward" : "update");
  }
}

TEST(DeviceMessages, ThroughTheHostAFailureIsHeardOfAtOnce) {
  EXPECT_EQ(heard_in(false, false, 1), "forward");
}

}  // namespace
}  // namespace partialfc
