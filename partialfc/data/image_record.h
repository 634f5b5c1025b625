// The payload of an image in a RecordIO file:
//
//   uint32 flag, float32 label, uint64 id, uint64 id2, then `flag` float32 labels, then the encoded image
//
// flag = 0: `label` is the only label. flag = n > 0: n labels follow and `label` means nothing. Little-endian. A record
// may hold no image: sets in the InsightFace layout begin with one (see record_source.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace partialfc {

struct ImageRecord {
  std::vector<float> labels;  // one or more
  uint64_t id = 0;
  uint64_t id2 = 0;
  std::span<const std::byte> image;  // JPEG or PNG; a view, its owner is elsewhere
};

// The record's image is a view into `payload`. Error where the payload is too short; it knows no file: callers add
// that.
ImageRecord parse_image_record(std::span<const std::byte> payload);

// A payload for RecordWriter::write. One label is written as a scalar (flag 0), several as a list.
std::vector<std::byte> build_image_record(const ImageRecord& record);

}  // namespace partialfc
