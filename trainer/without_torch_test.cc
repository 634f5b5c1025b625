// A program without libtorch: what runs a backbone says why it cannot.
#include <gmock/gmock.h>

#include "partialfc/base/test_support.h"
#include "partialfc/models/backbones.h"
#include "trainer/backbone_pass.h"
#include "trainer/load_model.h"
#include "trainer/torch_runtime.h"

namespace partialfc {
namespace {

TEST(WithoutTorch, WhatRunsABackboneIsRefused) {
  const auto why = testing::StartsWith("partialfc was built without libtorch: ");
  EXPECT_THAT(message_of([] { load_model("runs/my"); }), why);
  EXPECT_THAT(message_of([] { set_torch_threads(1); }), why);
  EXPECT_THAT(message_of([] { BackbonePass(make_backbone({}), Precision::kFloat32, false); }), why);
  EXPECT_THROW(load_model("runs/my"), UsageError);
  EXPECT_EQ(torch_versions().built, "");
}

}  // namespace
}  // namespace partialfc
