#include "partialfc/data/pack_images.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "partialfc/base/file.h"
#include "partialfc/base/parallel.h"
#include "partialfc/data/image_codec.h"
#include "partialfc/data/image_record.h"
#include "partialfc/data/record_index.h"
#include "partialfc/data/record_io.h"
#include "partialfc/data/record_source.h"
#include "partialfc/data/resize.h"

namespace partialfc {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kImagesPerThread = 64;  // between two meetings of the threads

fs::path with_extension(const fs::path& prefix, const char* extension) { return prefix.string() + extension; }

// An image ready to be written, or why there is none.
struct Packed {
  std::vector<std::byte> payload;
  int height = 0;
  int width = 0;
  SkipKind skip_kind = SkipKind::kUnreadable;
  std::string skip_reason;
};

std::vector<std::byte> encode(const Image& image, const PackOptions& options) {
  if (options.encoding == PackEncoding::kJpeg) return encode_jpeg(image, options.quality);
  return encode_png(image);
}

Packed pack_one(const ImageSource& source, int64_t index, const PackOptions& options) {
  Packed packed;
  try {
    EncodedImage encoded = source.read(index);
    packed.skip_kind = SkipKind::kBadLabel;
    if (encoded.label < 0 || encoded.label >= source.num_classes())
      fail("label {} is outside 0 … {}", encoded.label, source.num_classes() - 1);
    packed.skip_kind = SkipKind::kUndecodable;
    Image image = decode_image(encoded.bytes, options.channels);
    const bool resizes =
        options.height > 0 && (image.height != options.height || image.width != options.width);
    if (resizes) image = resize(std::move(image), options.height, options.width);
    if (resizes || options.encoding != PackEncoding::kKeep) encoded.bytes = encode(image, options);
    packed.height = image.height;
    packed.width = image.width;
    packed.payload = build_image_record({.labels = {static_cast<float>(encoded.label)},
                                         .id = static_cast<uint64_t>(index),
                                         .image = encoded.bytes});
  } catch (const SampleError& error) {
    packed.skip_kind = error.kind();
    packed.skip_reason = error.what();
  } catch (const Error& error) {
    packed.skip_reason = fmt::format("{}: {}", source.describe(index), error.what());
  }
  return packed;
}

void check_request(const ImageSource& source, const fs::path& prefix, const PackOptions& options) {
  if (source.num_classes() > kMaxRecordClasses)
    fail(
        "{} classes, but the float32 labels of a .rec file tell at most {} apart; train from the list itself",
        source.num_classes(), kMaxRecordClasses);
  if ((options.height > 0) != (options.width > 0) || options.height < 0 || options.width < 0)
    fail_usage("cannot resize to {} × {}: give both height and width, or neither", options.height,
               options.width);
  if (options.threads < 1) fail_usage("{} threads: must be 1 or more", options.threads);
  const fs::path own = with_extension(prefix, ".rec");
  for (const auto& entry : fs::directory_iterator(own.parent_path()))
    if (entry.path().extension() == ".rec" && entry.path().filename() != own.filename())
      fail("{}: the folder holds another set, {}; a folder has one `property`: choose one of its own",
           own.string(), entry.path().filename().string());
}

// Height and width of all images written, as long as they are the same.
class CommonSize {
 public:
  void add(int height, int width) {
    if (empty_) height_ = height, width_ = width, empty_ = false;
    if (height != height_ || width != width_) height_ = width_ = 0;
  }
  int height() const { return height_; }
  int width() const { return width_; }

 private:
  bool empty_ = true;
  int height_ = 0, width_ = 0;
};

void write_class_names(const ImageSource& source, const fs::path& path) {
  std::string text;
  for (int64_t label = 0; label < source.num_classes(); ++label)
    if (const std::string name = source.class_name(label); !name.empty())
      text += fmt::format("{}\t{}\n", label, name);
  std::error_code ignored;
  if (text.empty())
    fs::remove(path, ignored);  // of an older set
  else
    write_file_atomically(path, text);
}

}  // namespace

SkipReport pack_images(const ImageSource& source, const fs::path& prefix, const PackOptions& options,
                       const PackProgress& progress) {
  if (prefix.filename().empty())
    fail_usage("{}: names a folder; the name of the set is missing, as in {}train", prefix.string(),
               prefix.string());
  const fs::path folder = fs::absolute(prefix).parent_path();
  create_folders(folder);
  check_request(source, folder / prefix.filename(), options);

  RecordWriter writer(with_extension(prefix, ".rec"), with_extension(prefix, ".idx"));
  ThreadTeam team(options.threads);
  SkipReport report;
  CommonSize size;
  uint64_t key = 0;
  std::vector<Packed> chunk;
  for (int64_t first = 0; first < source.size(); first += static_cast<int64_t>(chunk.size())) {
    chunk.assign(std::min(kImagesPerThread * options.threads, source.size() - first), {});
    team.for_each_part(0, static_cast<int64_t>(chunk.size()), [&](int, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) chunk[i] = pack_one(source, first + i, options);
    });
    report.add_seen(static_cast<int64_t>(chunk.size()));
    for (Packed& packed : chunk) {
      if (packed.payload.empty()) {
        report.add_skipped(packed.skip_kind, std::move(packed.skip_reason));
        continue;
      }
      writer.write(key++, packed.payload);
      size.add(packed.height, packed.width);
    }
    report.check(options.max_skipped);
    if (progress) progress(report.seen(), source.size());
  }
  if (key == 0) fail("{}: no image could be packed\n{}", prefix.string(), report.summary());
  writer.close();
  write_class_names(source, with_extension(prefix, ".classes.txt"));
  write_property(folder / "property",
                 {.num_classes = source.num_classes(), .height = size.height(), .width = size.width()});
  return report;
}

}  // namespace partialfc
