#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <type_traits>

#include "partialfc/base/file.h"
#include "trainer/recipe_fields.h"
#include "trainer/recipe_fixture.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

TEST(Recipe, EveryTypeIsRead) {
  const Recipe recipe = parse(R"(
data.shuffle = false
data.channels = 1
[optimizer]
name = "adamw"
learning_rate = 1
weight_decay = 1e-2
[schedule]
milestones = [30, 40]
[verification.packs]
lfw = "lfw.bin"
"a b" = "/packs/ab.bin"
)");
  EXPECT_FALSE(recipe.data.shuffle);
  EXPECT_EQ(recipe.data.channels, 1);
  EXPECT_EQ(recipe.optimizer.name, "adamw");
  EXPECT_EQ(recipe.optimizer.learning_rate, 1.0);  // an integer is a number
  EXPECT_EQ(recipe.optimizer.weight_decay, 0.01);
  EXPECT_EQ(recipe.schedule.milestones, (std::vector<int64_t>{30, 40}));
  EXPECT_EQ(recipe.verification.packs,
            (std::map<std::string, std::string>{{"lfw", "/sets/faces/lfw.bin"}, {"a b", "/packs/ab.bin"}}));
  EXPECT_EQ(recipe.train.steps, 10);
  EXPECT_EQ(recipe.head.scale, 64);  // not given: its default
}

TEST(Recipe, AnUnknownKeyIsRefusedWithTheNearestOne) {
  EXPECT_EQ(refusal("[head]\nsampel_rate = 0.1\n"),
            "r.toml:4: unknown key 'head.sampel_rate'; did you mean 'head.sample_rate'?");
  EXPECT_EQ(refusal("[haed]\nscale = 1\n"), "r.toml:3: unknown key 'haed'; did you mean 'head'?");
  EXPECT_EQ(refusal("sample_rate = 0.1\n"),
            "r.toml:3: unknown key 'sample_rate'; did you mean 'head.sample_rate'?");
  EXPECT_EQ(refusal("zzzzzz = 1\n"),
            "r.toml:3: unknown key 'zzzzzz'; see `partialfc train --help` for all keys");
  EXPECT_EQ(refusal("", {"head.sampel_rate=0.1"}),
            "--head.sampel_rate=0.1: unknown key 'head.sampel_rate'; did you mean 'head.sample_rate'?");
}

TEST(Recipe, AWrongTypeIsRefused) {
  EXPECT_EQ(refusal("data.shuffle = 1\n"),
            "r.toml:3: data.shuffle = 1: needs true or false, this is of type integer");
  EXPECT_THAT(refusal("data.height = 1.5\n"), HasSubstr("data.height = 1.5: needs an integer"));
  EXPECT_THAT(refusal("head.scale = \"64\"\n"), HasSubstr("needs a number"));
  EXPECT_THAT(refusal("backbone.name = 50\n"), HasSubstr("backbone.name = 50: needs a string"));
  EXPECT_THAT(refusal("schedule.milestones = 3\n"), HasSubstr("needs an array of integers"));
  EXPECT_THAT(refusal("schedule.milestones = [3, 4.5]\n"), HasSubstr("needs an integer"));
  EXPECT_THAT(refusal("verification.packs = \"x.bin\"\n"), HasSubstr("needs a table of NAME = \"FILE\""));
  EXPECT_THAT(refusal("verification.packs.lfw = 3\n"), HasSubstr("needs a string"));
  EXPECT_THAT(refusal("[head.scale]\nx = 1\n"), HasSubstr("needs a number"));
  EXPECT_THAT(refusal("head = 64\n"), HasSubstr("r.toml:3: head = 64: needs a table of its keys"));
}

TEST(Recipe, WhatIsOutOfRangeIsRefusedWithTheRange) {
  EXPECT_EQ(refusal("data.height = 0\n"), "r.toml:3: data.height = 0: must be 1 to 4096");
  EXPECT_THAT(refusal("data.height = 4097\n"), HasSubstr("must be 1 to 4096"));
  EXPECT_THAT(refusal("augment.fill = 256\n"), HasSubstr("must be 0 to 255"));
  EXPECT_THAT(refusal("head.sample_rate = 0\n"), HasSubstr("head.sample_rate = 0"));
  EXPECT_THAT(refusal("head.sample_rate = nan\n"), HasSubstr("must be"));
  EXPECT_THAT(refusal("train.seed = -1\n"), HasSubstr("must be 0 to"));
  EXPECT_THAT(refusal("schedule.milestones = [3, -4]\n"), HasSubstr("= -4: must be"));
  EXPECT_THAT(refusal("data.channels = 2\n"), HasSubstr("data.channels = 2: must be 1 or 3"));
  EXPECT_EQ(parse("augment.fill = 255\ndata.height = 4096\n").augment.fill, 255);
}

TEST(Recipe, AWrongChoiceIsRefusedWithTheChoices) {
  EXPECT_EQ(refusal("optimizer.name = \"adam\"\n"),
            "r.toml:3: optimizer.name = 'adam': must be one of sgd, adamw; did you mean 'adamw'?");
  EXPECT_THAT(refusal("backbone.name = \"iresnet51\"\n"), HasSubstr("did you mean 'iresnet50'?"));
  EXPECT_THAT(refusal("", {"train.precision=int8"}),
              HasSubstr("--train.precision=int8: train.precision = 'int8': must be one of auto, fp32, bf16"));
}

TEST(Recipe, WhatIsNotTomlIsRefusedWithTheLine) {
  EXPECT_THAT(refusal("[head\nscale = 64\n"), HasSubstr("r.toml:3: "));
  EXPECT_THAT(refusal("head.scale = 1\nhead.scale = 2\n"), HasSubstr("r.toml:4: "));
}

TEST(Recipe, OverridesNeedNoQuotes) {
  const Recipe recipe =
      parse("head.scale = 10\nverification.packs.old = \"old.bin\"\n",
            {"head.scale=32", "backbone.name=small", "data.shuffle=false", "schedule.milestones=[1, 2]",
             "data.path=/odd #1/a\"b\\c.rec", "verification.packs.lfw=x.bin"});
  EXPECT_EQ(recipe.head.scale, 32);
  EXPECT_EQ(recipe.backbone.name, "small");
  EXPECT_FALSE(recipe.data.shuffle);
  EXPECT_EQ(recipe.schedule.milestones, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(recipe.data.path, "/odd #1/a\"b\\c.rec");
  EXPECT_EQ(recipe.verification.packs.at("lfw"), (std::filesystem::current_path() / "x.bin").string());
  EXPECT_EQ(recipe.verification.packs.at("old"), "/sets/faces/old.bin");
}

TEST(Recipe, AWholeTableReplacesTheTableAndAKeyOfItIsAdded) {
  const std::string packs = "verification.packs = {old = \"/old.bin\", lfw = \"/lfw.bin\"}\n";
  using Packs = std::map<std::string, std::string>;
  const auto with = [&](const std::vector<std::string>& overrides) {
    return parse(packs, overrides).verification.packs;
  };
  EXPECT_EQ(with({"verification.packs={}"}), Packs{});
  EXPECT_EQ(with({"verification={packs={}}"}), Packs{});
  EXPECT_EQ(with({"verification.packs={new=\"/new.bin\"}"}), (Packs{{"new", "/new.bin"}}));
  EXPECT_EQ(with({"verification.packs={}", "verification.packs.new=/new.bin"}), (Packs{{"new", "/new.bin"}}));
  EXPECT_EQ(with({"verification.packs.new=/new.bin"}),
            (Packs{{"old", "/old.bin"}, {"lfw", "/lfw.bin"}, {"new", "/new.bin"}}));
}

TEST(Recipe, BadOverridesAreRefusedByName) {
  EXPECT_EQ(refusal("", {"train.steps"}), "--train.steps: overrides are --key.sub=value");
  EXPECT_EQ(refusal("", {"=3"}), "--=3: overrides are --key.sub=value");
  EXPECT_EQ(refusal("", {"train.steps=ten"}),
            "--train.steps=ten: train.steps = 'ten': needs an integer, this is of type string");
  EXPECT_THAT(refusal("", {"train..steps=3"}), HasSubstr("--train..steps"));
}

TEST(Recipe, PathsOfAFileAreRelativeToItsFolder) {
  ScratchFolder folder;
  create_folders(folder / "recipes");
  write_file_atomically(folder / "recipes/r.toml",
                        "train.epochs = 2\ndata.path = \"../set\"\nverification.packs.a = \"/abs.bin\"\n");
  const Recipe recipe = read_recipe(folder / "recipes/r.toml", {});
  EXPECT_EQ(recipe.data.path, (folder / "set").lexically_normal().string());
  EXPECT_EQ(recipe.verification.packs.at("a"), "/abs.bin");
  EXPECT_EQ(read_recipe(folder / "recipes/r.toml", std::vector<std::string>{"data.path=set"}).data.path,
            (std::filesystem::current_path() / "set").string());
}

TEST(Recipe, WhatIsMissingOrContradictoryIsRefused) {
  const auto whole = [](const std::string& text) {
    return message_of([&] { parse_recipe(text, "r.toml", "/", {}); });
  };
  EXPECT_THAT(whole("train.steps = 1\n"), HasSubstr("r.toml: data.path is missing"));
  EXPECT_THAT(whole("train.steps = 1\ndata.source = \"synthetic\"\n"), HasSubstr("data.classes is missing"));
  EXPECT_THAT(whole("data.path = \"x\"\n"), HasSubstr("either train.steps or train.epochs"));
  EXPECT_THAT(refusal("train.epochs = 2\n"), HasSubstr("(steps = 10, epochs = 2)"));
  EXPECT_THAT(refusal("train.global_batch = 4\ntrain.batch_per_rank = 5\n"),
              HasSubstr("r.toml: give either train.global_batch or train.batch_per_rank, the other is 0 "
                        "(global_batch = 4, batch_per_rank = 5)"));
  EXPECT_THAT(refusal("train.global_batch = 0\n"), HasSubstr("(global_batch = 0, batch_per_rank = 0)"));
  EXPECT_THAT(refusal("data.cache = \"ram\"\ndata.source = \"synthetic\"\ndata.classes = 9\n"),
              HasSubstr("data.cache = 'ram' copies files"));
  EXPECT_THAT(refusal("data.order = \"shards\"\ndata.shuffle = false\n"),
              HasSubstr("data.order = 'shards' shuffles"));
  EXPECT_THAT(message_of([] { read_recipe("/nowhere/r.toml", {}); }), HasSubstr("/nowhere/r.toml"));
}

// Another value than the default's, inside the limits.
struct ChangeField {
  void change(bool& field, const Limits&) { field = !field; }
  template <class T>
  requires std::is_arithmetic_v<T>
  void change(T& field, const Limits& limits) {
    const T before = field;
    for (const double value : {3.0, 2.0, 1.0, 0.25, limits.low})
      if (field == before && value >= limits.low && value <= limits.high) field = static_cast<T>(value);
  }
  void change(std::string& field, const Limits& limits) {
    if (limits.is_path) field = "/odd '#\"\\ path/x";
    if (!limits.choices.empty()) field = limits.choices[field == limits.choices[0] ? 1 : 0];
  }
  template <class T>
  void change(std::optional<T>& field, const Limits& limits) {
    change(field.emplace(), limits);
  }
  void change(std::vector<int64_t>& field, const Limits&) { field = {7, 3}; }
  void change(std::map<std::string, std::string>& field, const Limits&) {
    field = {{"lfw", "/lfw.bin"}, {"a \"b\".c", "/odd 'name'.bin"}};
  }
  void operator()(const char*, auto& field, const Limits& limits, const char*) { change(field, limits); }
};

std::map<std::string, std::string> values_of(const Recipe& recipe) {
  std::map<std::string, std::string> values;
  for_each_field(recipe, [&](const char* name, const auto& field, const Limits&, const char*) {
    if constexpr (requires { field.has_value(); })
      values[name] = field ? fmt::format("{}", *field) : "";
    else
      values[name] = fmt::format("{}", field);
  });
  return values;
}

TEST(Recipe, EveryFieldGoesThroughTomlAndBack) {
  Recipe changed;
  for_each_field(changed, ChangeField{});
  changed.data.channels = 1;
  changed.train.epochs = 0;  // these do not go with steps, a global batch, synthetic data and no shuffling
  changed.train.batch_per_rank = 0;
  changed.data.cache = "none", changed.data.order = "full";
  changed.head.margin = "combined";  // the one that takes all three values
  const std::set<std::string> others = {"train.epochs", "train.batch_per_rank", "data.cache", "data.order"};
  auto values = values_of(changed);
  for (const auto& [name, value] : values_of(Recipe{}))
    if (!others.contains(name)) {
      EXPECT_NE(values.at(name), value) << name;
    }
  EXPECT_EQ(values_of(parse_recipe(to_toml(changed), "r.toml", "/elsewhere", {})), values);

  changed.train.epochs = 1.0 / 3;  // all digits
  changed.train.steps = 0;
  changed.train.batch_per_rank = 5;
  changed.train.global_batch = 0;
  changed.data.source = "files", changed.data.cache = "ram";
  changed.data.shuffle = true, changed.data.order = "shards";
  values = values_of(changed);
  EXPECT_EQ(values_of(parse_recipe(to_toml(changed), "r.toml", "/elsewhere", {})), values);
}

TEST(Recipe, ABatchPerRankTakesThePlaceOfTheDefaultGlobalBatch) {
  EXPECT_EQ(parse("").train.global_batch, 128);
  EXPECT_EQ(parse("train.batch_per_rank = 64\n").train.global_batch, 0);
  EXPECT_EQ(parse("train.global_batch = 96\n", {"train.batch_per_rank=64", "train.global_batch=0"})
                .train.batch_per_rank,
            64);
  EXPECT_THAT(refusal("train.global_batch = 96\n", {"train.batch_per_rank=64"}),
              HasSubstr("(global_batch = 96, batch_per_rank = 64)"));
}

TEST(Recipe, HelpNamesEveryKeyWithItsDefault) {
  const std::string help = recipe_help();
  for (const auto& [name, value] : values_of(Recipe{})) EXPECT_THAT(help, HasSubstr("  " + name + " "));
  EXPECT_THAT(help, HasSubstr("head.scale                     64.0 "));
  EXPECT_THAT(help, HasSubstr("head.m2                        - "));
  EXPECT_THAT(help, HasSubstr("[sgd, adamw]"));
}

TEST(Recipe, ItsPageIsTheCommittedOne) {
  EXPECT_EQ(read_text_file(std::filesystem::path(PARTIALFC_SOURCE) / "docs/recipe.md"), recipe_page())
      << "build/release/bin/partialfc train --help-recipe > docs/recipe.md";
}

TEST(Recipe, BackboneOptionsAreAllHandedOn) {
  const BackboneOptions options = parse(R"(
data.height = 20
data.width = 24
data.channels = 1
backbone = {name = "small", embedding = 7, dropout = 0.25, width = 5, stages = 2, depth = 3, stem_stride = 2}
)")
                                      .backbone_options();
  EXPECT_EQ(options.name, "small");
  EXPECT_EQ(options.input, (Shape{1, 20, 24}));
  EXPECT_EQ(options.embedding, 7);
  EXPECT_EQ(options.dropout, 0.25);
  EXPECT_EQ(options.width, 5);
  EXPECT_EQ(options.stages, 2);
  EXPECT_EQ(options.depth, 3);
  EXPECT_EQ(options.stem_stride, 2);
}

}  // namespace
}  // namespace partialfc
