// Curves for TensorBoard: an event file of scalars.
//
// The file events.out.tfevents.TIME.HOST is a row of TFRecords,
//     uint64 length | uint32 masked CRC-32C of the length | payload | uint32 masked CRC-32C of the payload
// (little-endian; masked(c) = rotate_right(c, 15) + 0xA282EAD8), whose payloads are TensorBoard's Event messages in
// Protocol Buffers' wire format: first one with file_version "brain.Event:2", then one for each add_scalars().
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "partialfc/base/file.h"

namespace partialfc {

struct TaggedScalar {
  std::string tag;  // e.g. "train/loss"; TensorBoard groups by what comes before the slash. UTF-8
  float value = 0;  // NaN and infinities are written as such
};

class TensorBoardWriter {
 public:
  // Starts an event file in `folder`, which has to exist. Within the second in which another was started it
  // goes on in that one.
  explicit TensorBoardWriter(const std::filesystem::path& folder);

  const std::filesystem::path& path() const { return file_.path(); }
  // Adds a point to each curve and hands it to the operating system, so that it is seen while training goes
  // on.
  void add_scalars(int64_t step, const std::vector<TaggedScalar>& scalars);
  void close();

 private:
  void write_record(const std::string& payload);

  OutputFile file_;
};

}  // namespace partialfc
