// For tests of whole runs: the class centers that a checkpoint holds, whatever ranks wrote them.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <vector>

#include "partialfc/checkpoint/center_format.h"
#include "partialfc/checkpoint/manifest.h"
#include "partialfc/formats/safetensors.h"

namespace partialfc {

using Centers = std::map<int64_t, std::vector<float>>;  // class → record

inline std::vector<std::filesystem::path> files_of_centers(const std::filesystem::path& checkpoint) {
  return center_files(checkpoint, read_manifest(checkpoint));
}

inline Centers centers(const std::filesystem::path& checkpoint) {
  Centers centers;
  for (const std::filesystem::path& path : files_of_centers(checkpoint)) {
    const SafetensorsFile file(path);
    const auto classes = file.read<int64_t>("classes");
    const auto records = file.read<float>("records");
    const size_t size = file.at("records").shape[1];
    for (size_t i = 0; i < classes.size(); ++i)
      centers[classes[i]].assign(&records[i * size], &records[i * size] + size);
  }
  return centers;
}

inline void expect_near(const Centers& a, const Centers& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [label, record] : a)
    for (size_t i = 0; i < record.size(); ++i)
      EXPECT_NEAR(record[i], b.at(label).at(i), tolerance * (1 + std::abs(record[i]))) << "class " << label;
}

}  // namespace partialfc
