// The recipe of a run: everything that decides what is trained and how, read from TOML and the command line.
//
// Every field is listed once, in recipe_fields.h; reading, checking, printing and help follow from that list.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "partialfc/comm/agreement.h"
#include "partialfc/data/augment.h"
#include "partialfc/head/margin.h"
#include "partialfc/models/backbones.h"
#include "trainer/schedule.h"

namespace partialfc {

struct Recipe {
  struct Data {
    std::string source = "files";  // files | synthetic
    std::string path;              // .rec, folder or list
    int64_t classes = 0;           // 0: as many as the data says
    int64_t height = 112, width = 112, channels = 3;
    bool shuffle = true;
    std::string order = "full";  // full | shards
    int64_t shard_megabytes = 64, window_shards = 16;
    std::string cache = "none";  // none | ram
    std::string cache_folder = "/dev/shm";
    int64_t threads = 0;   // of a rank's loader; 0: half of the rank's threads
    int64_t prefetch = 4;  // batches
    double max_skipped = 0.001;
  } data;
  AugmentOptions augment{.mirror = 0.5};
  struct Backbone {
    std::string name = "iresnet50";
    int64_t embedding = 512;
    double dropout = 0;
    int64_t width = 32, stages = 4, depth = 1, stem_stride = 1;  // of `small`
  } backbone;
  struct Head {
    double sample_rate = 1;
    double scale = 64;
    std::optional<std::string> margin;  // and its values: head/margin.h
    std::optional<double> m1, m2, m3;
    bool detached = false;
    double filter_above = 1;
    std::string precision = "fp32";  // fp32 | bf16
    double kept_memory = 4;          // GiB of a rank
    std::string store = "memory";    // memory | file
    std::string store_folder;        // empty: the run's
    double store_memory = 4;         // GiB of a rank
    double frame_memory = 0;         // GiB of a GPU; 0: all rows lie there
  } head;
  struct Optimizer {
    std::string name = "sgd";  // sgd | adamw
    double learning_rate = 0.1;
    int64_t reference_batch =
        0;  // learning_rate is for this batch: scaled by global_batch over it; 0: not scaled
    double momentum = 0.9, weight_decay = 5e-4;
    double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
    double clip_norm = 5;  // of the backbone's gradient; 0: none
  } optimizer;
  ScheduleOptions schedule;
  struct Train {
    int64_t steps = 0;  // or
    double epochs = 0;
    int64_t global_batch = 128;  // over all ranks; or
    int64_t batch_per_rank = 0;  // times the ranks there are
    int64_t micro_batches =
        1;  // a rank's batch goes through the backbone in so many parts; 0: as memory asks
    std::string precision = "auto";  // fp32 | bf16 | auto
    std::string device = "auto";     // auto | cpu | cuda | cuda:N
    bool channels_last = true;
    int64_t seed = 1;
    int64_t log_every = 10;  // steps
  } train;
  struct Verification {
    int64_t every = 2000;                      // steps; 0: at the end only
    int64_t batch = 256;                       // images at once on each rank
    bool mirror = true;                        // add the embedding of the mirror image
    std::map<std::string, std::string> packs;  // name → .bin
  } verification;
  struct Checkpoint {
    int64_t every = 2000;  // steps; 0: at the end only
    int64_t keep = 3;
  } checkpoint;

  BackboneOptions backbone_options() const;
  MarginOptions margin_options() const;
};

// Reads `path`, then applies overrides "key.sub=value". Paths in the file are relative to its folder. Throws
// UsageError that names the key: unknown (with the nearest), of a wrong type, out of range, or missing. What is read
// has its margin by name, with that margin's values alone; a margin named in an override keeps of the file's values
// those that it has.
Recipe read_recipe(const std::filesystem::path& path, std::span<const std::string> overrides);
Recipe parse_recipe(const std::string& toml, const std::string& where,
                    const std::filesystem::path& base_folder, std::span<const std::string> overrides);

// The recipe as TOML, every field with its value, the margin by name: what a run folder keeps.
std::string to_toml(const Recipe& recipe);

// What all ranks of a run must have alike: every key with its value, as in to_toml(), but paths and what a host may
// decide for itself (Limits::per_host); of verification.packs the names.
std::vector<NamedValue> shared_values(const Recipe& recipe);

// A recipe with its margin by name, and those values alone that the name takes. Throws UsageError where the values
// and the name exclude each other.
Recipe with_named_margin(Recipe recipe);

// Every key with its default and what it means, one a line.
std::string recipe_help();
// docs/recipe.md: the same with types and ranges, in Markdown.
std::string recipe_page();

}  // namespace partialfc
