#include "cli/check_recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <set>

#include "cli/check_capacity.h"
#include "partialfc/base/error.h"
#include "partialfc/data/image_codec.h"
#include "partialfc/data/image_source.h"
#include "partialfc/data/verification_pack.h"
#include "partialfc/plan/memory_model.h"
#include "trainer/recipe.h"

namespace partialfc {

namespace {

constexpr int64_t kDecoded = 200;
constexpr std::chrono::seconds kLongestRead(20);

std::string count_of(int64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

// What is wrong with some of many: how many, and the first few.
class Findings {
 public:
  void add(const std::string& example) {
    constexpr size_t kExamples = 5;
    ++count_;
    if (examples_.size() < kExamples) examples_.push_back(example);
  }
  bool empty() const { return count_ == 0; }
  // "3 of 120 images …:" and a line an example.
  std::string text(int64_t of, const std::string& what) const {
    std::string all = fmt::format("{} of {} {}:", count_, of, what);
    for (const std::string& example : examples_) all += "\n" + example;
    if (count_ > std::ssize(examples_)) all += "\n…";
    return all;
  }

 private:
  int64_t count_ = 0;
  std::vector<std::string> examples_;
};

struct Records {
  int64_t read = 0, smallest = std::numeric_limits<int64_t>::max(), largest = -1;
  Findings unreadable, bad_labels;
};

// In 64 passes, so that what is read in time is spread over the data.
Records read_records(const ImageSource& source, int64_t classes) {
  constexpr int64_t kPasses = 64;
  const auto deadline = std::chrono::steady_clock::now() + kLongestRead;
  Records records;
  for (int64_t pass = 0; pass < kPasses; ++pass)
    for (int64_t i = pass; i < source.size(); i += kPasses) {
      if (std::chrono::steady_clock::now() > deadline) return records;
      ++records.read;
      try {
        const int64_t label = source.read(i).label;
        records.smallest = std::min(records.smallest, label);
        records.largest = std::max(records.largest, label);
        if (label < 0 || label >= classes)
          records.bad_labels.add(
              fmt::format("{}: label {}, of {} classes", source.describe(i), label, classes));
      } catch (const SampleError& error) {
        records.unreadable.add(error.what());
      }
    }
  return records;
}

void check_records(const ImageSource& source, int64_t classes, CheckList& list) {
  const Records records = read_records(source, classes);
  const std::string which = records.read == source.size()
                                ? fmt::format("all {}", count_of(records.read, "image"))
                                : fmt::format("{} of {} images, which took {} s", records.read, source.size(),
                                              kLongestRead.count());
  if (records.unreadable.empty())
    list.ok("records", "read: " + which);
  else
    list.wrong("records", records.unreadable.text(records.read, "images cannot be read"),
               "pack the set again; training passes them over, up to data.max_skipped");
  if (!records.bad_labels.empty())
    list.wrong(
        "labels", records.bad_labels.text(records.read, "images have a label that no class has"),
        fmt::format("set data.classes = {} or more (and `property` beside a .rec), or correct the labels; "
                    "training passes them over, up to data.max_skipped",
                    records.largest + 1));
  else if (records.largest >= 0)
    list.ok("labels", fmt::format("{} … {}, of {}", records.smallest, records.largest, which));
}

// `index` of `sample` numbers spread over 0 … count − 1, first and last among them.
int64_t spread(int64_t index, int64_t sample, int64_t count) {
  return sample < 2 ? 0 : index * (count - 1) / (sample - 1);
}

// What decodes a sample of `count` images finds. bytes_of(i) gives image i, describe(i) its name.
void check_decoding(const std::string& name, const Recipe& recipe, int64_t count, auto bytes_of,
                    auto describe, CheckList& list) {
  const int64_t sample = std::min(count, kDecoded);
  Findings damaged;
  std::set<std::string> sizes;
  for (int64_t n = 0; n < sample; ++n) {
    const int64_t i = spread(n, sample, count);
    try {
      const Image image = decode_image(bytes_of(i), static_cast<int>(recipe.data.channels));
      sizes.insert(fmt::format("{} x {}", image.height, image.width));
    } catch (const SampleError&) {  // told where all records are read
    } catch (const Error& error) {
      damaged.add(fmt::format("{}: {}", describe(i), error.what()));
    }
  }
  const std::string wanted = fmt::format("{} x {}", recipe.data.height, recipe.data.width);
  const std::string resized = sizes == std::set{wanted} ? "" : ", to be resized to " + wanted;
  const std::string size = sizes.size() == 1 ? *sizes.begin() : fmt::format("{} sizes", sizes.size());
  if (!damaged.empty())
    list.wrong(name, damaged.text(sample, "images cannot be decoded"), "replace these images");
  else if (!sizes.empty())
    list.ok(name, fmt::format("{} decoded: {}{}", count_of(sample, "image"), size, resized));
}

// Returns null where the data cannot be opened.
std::unique_ptr<ImageSource> check_data(const Recipe& recipe, CheckList& list) {
  std::unique_ptr<ImageSource> source;
  if (!list.attempt("data", [&] { source = open_image_source(recipe.data.path); })) return nullptr;
  list.ok("data", fmt::format("{} in {}", count_of(source->size(), "image"), recipe.data.path));
  const int64_t there = source->num_classes(), wanted = recipe.data.classes;
  const int64_t classes = wanted > 0 ? wanted : there;
  if (classes < there)
    list.wrong("classes", fmt::format("data.classes = {}, but {} has {}", wanted, recipe.data.path, there),
               fmt::format("set data.classes = {}, or 0: as many as the data says", there));
  else
    list.ok("classes", classes == there ? fmt::format("{}", there)
                                        : fmt::format("{}, of which the data has {}", classes, there));
  check_records(*source, classes, list);
  check_decoding(
      "images", recipe, source->size(), [&](int64_t i) { return source->read(i).bytes; },
      [&](int64_t i) { return source->describe(i); }, list);
  return source;
}

void check_pack(const std::string& name, const std::string& path, const Recipe& recipe, CheckList& list) {
  VerificationPack pack;
  if (!list.attempt("pack " + name, [&] { pack = read_verification_pack(path); })) return;
  check_decoding(
      "pack " + name, recipe, std::ssize(pack.images), [&](int64_t i) { return std::span(pack.images[i]); },
      [&](int64_t i) { return fmt::format("{}, image {}", path, i); }, list);
}

}  // namespace

void check_recipe(const RecipeCheck& check, CheckList& list) {
  list.begin_section("recipe " + check.recipe.string());
  Recipe recipe;
  if (!list.attempt("recipe", [&] { recipe = read_recipe(check.recipe, check.overrides); })) return;
  list.ok("recipe", "read");
  DataSize data{.classes = recipe.data.classes, .images = recipe.data.classes};  // of synthetic data
  bool is_known = true;
  if (recipe.data.source == "files") {
    const std::unique_ptr<ImageSource> source = check_data(recipe, list);
    is_known = source != nullptr;
    if (is_known) data.images = source->size();
    if (is_known && data.classes == 0) data.classes = source->num_classes();
  } else {
    list.ok("data", fmt::format("synthetic, {} classes", data.classes));
  }
  for (const auto& [name, path] : recipe.verification.packs) check_pack(name, path, recipe, list);
  check_writable("output", check.output, list);
  if (!is_known) return;
  list.attempt("ranks", [&] {
    TrainingShape shape = shape_of(recipe, data.classes, check.ranks, threads_of_rank(check.ranks_here));
    if (recipe.train.micro_batches == 0)
      shape.micro_batches = fewest_micro_batches(shape, memory_of_rank(1, check.ranks_here));
    check_cache(recipe, list);
    check_disk(recipe, shape, data, check.output, check.ranks_here, list);
    check_rank_memory(shape, check.ranks_here, list);
  });
}

}  // namespace partialfc
