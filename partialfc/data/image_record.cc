#include "partialfc/data/image_record.h"

#include <algorithm>
#include <cstring>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"

namespace partialfc {

namespace {

struct Header {
  uint32_t flag;
  float label;
  uint64_t id;
  uint64_t id2;
};
static_assert(sizeof(Header) == 24);

}  // namespace

ImageRecord parse_image_record(std::span<const std::byte> payload) {
  Header header;
  if (payload.size() < sizeof(header))
    fail("an image record needs {} bytes, this one has {}", sizeof(header), payload.size());
  std::memcpy(&header, payload.data(), sizeof(header));
  payload = payload.subspan(sizeof(header));

  ImageRecord record{.labels = {header.label}, .id = header.id, .id2 = header.id2};
  if (header.flag > 0) {
    const uint64_t label_bytes = uint64_t{header.flag} * sizeof(float);
    if (payload.size() < label_bytes)
      fail("an image record of {} labels needs {} bytes for them, this one has {}", header.flag, label_bytes,
           payload.size());
    record.labels.resize(header.flag);
    std::memcpy(record.labels.data(), payload.data(), label_bytes);
    payload = payload.subspan(label_bytes);
  }
  record.image = payload;
  return record;
}

std::vector<std::byte> build_image_record(const ImageRecord& record) {
  PFC_CHECK(!record.labels.empty());
  const bool scalar = record.labels.size() == 1;
  const Header header{.flag = scalar ? 0 : static_cast<uint32_t>(record.labels.size()),
                      .label = scalar ? record.labels[0] : 0.0f,
                      .id = record.id,
                      .id2 = record.id2};
  const auto labels = std::as_bytes(std::span(record.labels)).first(header.flag * sizeof(float));
  std::vector<std::byte> payload(sizeof(header) + labels.size() + record.image.size());
  auto out = payload.begin();
  for (const auto part : {bytes_of(header), labels, record.image}) out = std::ranges::copy(part, out).out;
  return payload;
}

}  // namespace partialfc
