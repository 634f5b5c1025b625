#include "trainer/start_agreement.h"

#include <gmock/gmock.h>

#include <concepts>
#include <functional>
#include <map>
#include <set>

#include "trainer/recipe_fields.h"
#include "trainer/trainer_fixture.h"

namespace partialfc {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;

// What `action` tells each of the ranks.
std::vector<std::string> told(int ranks, const std::function<void(Communicator&)>& action) {
  std::vector<std::string> messages(ranks);
  run_ranks(ranks, [&](Communicator& world) {
    try {
      action(world);
    } catch (const DisagreementError& error) {
      messages[world.rank()] = error.what();
    }
  });
  return messages;
}

void change(bool& field) { field = !field; }
void change(std::integral auto& field) { field += 1; }
void change(double& field) { field += 0.125; }
void change(std::string& field) { field += "x"; }
void change(std::vector<int64_t>& field) { field.push_back(7); }
void change(std::map<std::string, std::string>& field) { field["more"] = "more.bin"; }
void change(std::optional<double>& field) { field = 0.125; }
void change(std::optional<std::string>& field) { field = "cosface"; }

TEST(StartAgreement, EveryKeyIsComparedButPathsAndWhatIsOfAHost) {
  std::set<std::string> not_compared;
  Recipe recipe;
  for_each_field(recipe, [&](const char* name, auto& field, const Limits&, const char*) {
    const auto before = field;
    change(field);
    const std::vector<std::string> messages = told(2, [&](Communicator& world) {
      agreed(world.rank() == 0 ? Recipe{} : recipe, Precision::kFloat32, world);
    });
    const bool of_margin = std::set<std::string>{"head.margin", "head.m1", "head.m3"}.contains(name);
    const std::string told_of = of_margin ? "head.margin" : name;  // other values are another margin
    if (messages[0].empty())
      not_compared.insert(name);
    else
      EXPECT_THAT(messages,
                  Each(AllOf(testing::StartsWith(told_of + " is "), HasSubstr(" on rank 1 (host "),
                             HasSubstr(": all ranks must be started with the same recipe and options"))));
    field = before;
  });
  EXPECT_THAT(not_compared,
              testing::UnorderedElementsAre("data.path", "data.cache_folder", "data.threads", "data.prefetch",
                                            "head.frame_memory", "head.kept_memory", "head.store_folder",
                                            "head.store_memory"));
}

TEST(StartAgreement, PacksMayLieElsewhereUnderTheSameNames) {
  Recipe one, other;
  one.verification.packs = {{"lfw", "/a/lfw.bin"}};
  other.verification.packs = {{"lfw", "/b/lfw.bin"}};
  EXPECT_EQ(shared_values(one).size(), shared_values(other).size());
  EXPECT_THAT(
      told(2,
           [&](Communicator& world) { agreed(world.rank() == 0 ? one : other, Precision::kFloat32, world); }),
      Each(""));
}

TEST(StartAgreement, WhatAutoMeansIsCompared) {
  EXPECT_THAT(told(3,
                   [&](Communicator& world) {
                     agreed({}, world.rank() == 2 ? Precision::kBFloat16 : Precision::kFloat32, world);
                   }),
              Each(AllOf(HasSubstr("train.precision = 'auto' is fp32 on rank 0 "),
                         HasSubstr("and bf16 on rank 2 "), HasSubstr("set train.precision to 'fp32'"))));
}

TEST(StartAgreement, DataIsCompared) {
  const FoundData data{.num_classes = 40, .images = 80, .fingerprint = 5, .packs = {{"lfw", "6000 pairs"}}};
  const auto told_with = [&](const FoundData& of_last) {
    return told(3,
                [&](Communicator& world) { require_same_data(world.rank() == 2 ? of_last : data, world); });
  };
  EXPECT_THAT(told_with(data), Each(""));
  FoundData other = data;
  other.num_classes = 41;
  EXPECT_THAT(told_with(other), Each(HasSubstr("data.classes is 40 on rank 0 ")));
  other = data, other.images = 79;
  EXPECT_THAT(told_with(other), Each(HasSubstr("and 79 on rank 2 ")));
  other = data, other.fingerprint = 6;
  EXPECT_THAT(told_with(other),
              Each(HasSubstr("data.path's list of images (fingerprint) is 0000000000000005 ")));
  other = data, other.packs[0].value = "3000 pairs";
  EXPECT_THAT(told_with(other), Each(HasSubstr("verification.packs.lfw is 6000 pairs on rank 0 ")));
}

TEST(StartAgreement, TheProgramHasAVersionACompilerABuildAndALibtorch) {
  EXPECT_EQ(program_values().size(), 4u);
  for (const NamedValue& value : program_values()) EXPECT_NE(value.value, "") << value.name;
}

class AgreementOfTrainers : public TrainerTest {
 protected:
  // What the trainers tell the ranks, the last of which has another recipe.
  std::vector<std::string> told_by_trainers(int ranks, const Recipe& of_last) {
    return told(ranks, [&](Communicator& world) {
      const Trainer trainer(world.rank() == ranks - 1 ? of_last : recipe_, world,
                            {.output = scratch_ / "run"});
    });
  }
};

TEST_F(AgreementOfTrainers, AnotherRecipeIsToldBeforeDataIsLookedFor) {
  Recipe other = recipe_;  // of a set that is not there
  other.optimizer.learning_rate = 0.25;
  for (const int ranks : {2, 3, 4})
    EXPECT_THAT(
        told_by_trainers(ranks, other),
        Each(AllOf(HasSubstr("optimizer.learning_rate is 0.1 on rank 0 "), HasSubstr("and 0.25 on rank "))));
  EXPECT_FALSE(std::filesystem::exists(scratch_ / "run"));
}

TEST_F(AgreementOfTrainers, AnotherSetIsToldBeforeAnythingIsMade) {
  write_images(draw_classes(kClasses, 2));
  create_folders(scratch_ / "other");
  std::vector<LabelledImage> one_less = draw_classes(kClasses, 2);
  one_less.pop_back();
  write_set(scratch_ / "other", one_less, kClasses);
  Recipe other = recipe_;
  other.data.path = (scratch_ / "other/train.rec").string();
  EXPECT_THAT(told_by_trainers(2, other),
              Each(AllOf(HasSubstr("data.images is 80 on rank 0 "), HasSubstr("and 79 on "),
                         HasSubstr(": all hosts must hold the same data"))));
  EXPECT_FALSE(std::filesystem::exists(scratch_ / "run"));
}

TEST_F(AgreementOfTrainers, ACopyOfTheSetElsewhereIsTheSameSet) {
  write_images(draw_classes(kClasses, 2));
  std::filesystem::copy(scratch_ / "set", scratch_ / "copy");
  Recipe other = recipe_;
  other.data.path = (scratch_ / "copy/train.rec").string();
  other.data.threads = 2;
  EXPECT_THAT(told_by_trainers(2, other), Each(""));
}

}  // namespace
}  // namespace partialfc
