#include "partialfc/formats/tensorboard.h"

#include <bit>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <span>

#include "partialfc/base/error.h"
#include "partialfc/base/host_name.h"
#include "partialfc/formats/crc32c.h"
#include "partialfc/formats/json.h"
#include "tensorboard_event.pb.h"

namespace partialfc {

namespace {

static_assert(std::endian::native == std::endian::little);

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

uint32_t masked_crc(std::span<const std::byte> bytes) { return std::rotr(crc32c(bytes), 15) + 0xA282EAD8u; }

}  // namespace

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& folder)
    : file_(folder /
                fmt::format("events.out.tfevents.{:.0f}.{}", std::floor(seconds_since_1970()), host_name()),
            /*append=*/true) {
  tensorboard::Event event;
  event.set_wall_time(seconds_since_1970());
  event.set_file_version("brain.Event:2");
  write_record(event.SerializeAsString());
}

void TensorBoardWriter::add_scalars(int64_t step, const std::vector<TaggedScalar>& scalars) {
  tensorboard::Event event;
  event.set_wall_time(seconds_since_1970());
  event.set_step(step);
  for (const TaggedScalar& scalar : scalars) {
    // Throws where the tag is not UTF-8: readers would reject the file.
    json_text(scalar.tag, -1, path().string());
    tensorboard::Summary::Value* value = event.mutable_summary()->add_value();
    value->set_tag(scalar.tag);
    value->set_simple_value(scalar.value);
  }
  write_record(event.SerializeAsString());
}

void TensorBoardWriter::write_record(const std::string& payload) {
  const uint64_t length = payload.size();
  file_.write(bytes_of(length));
  file_.write(bytes_of(masked_crc(bytes_of(length))));
  file_.write(payload);
  file_.write(bytes_of(masked_crc(std::as_bytes(std::span(payload)))));
  file_.flush();
}

void TensorBoardWriter::close() { file_.close(); }

}  // namespace partialfc
