#include "partialfc/data/verification_pack.h"

#include <string_view>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/data/pickle.h"
#include "partialfc/data/staged_file.h"

namespace partialfc {

namespace {

using Kind = PickleValue::Kind;

// A pair may share its images with others; this bounds the memory that a small hostile file can ask for.
constexpr size_t kMaxGrowth = 64;

std::vector<std::byte> to_image(const PickleValue& value, size_t index) {
  const bool array = value.kind == Kind::kArray && value.items.size() == 2;
  if (array && value.items[1]->text() != "u1")
    fail("image {} is an array of type \"{}\", not uint8", index, value.items[1]->text());
  if (!array && value.kind != Kind::kBytes) fail("image {} is neither bytes nor a numpy array", index);
  return {value.bytes.begin(), value.bytes.end()};
}

uint8_t to_truth(int64_t value, size_t index) {
  if (value != 0 && value != 1) fail("pair {} has the truth value {}", index, value);
  return static_cast<uint8_t>(value);
}

std::vector<uint8_t> to_truths(const PickleValue& value) {
  std::vector<uint8_t> same;
  if (value.kind == Kind::kArray && value.items.size() == 2) {
    for (int64_t i = 0; i < array_size(value); ++i) same.push_back(to_truth(array_element(value, i), i));
    return same;
  }
  if (value.kind != Kind::kList && value.kind != Kind::kTuple)
    fail("issame is neither a list nor a numpy array");
  for (const PickleValue* item : value.items) {
    if (item->kind != Kind::kBool && item->kind != Kind::kInteger)
      fail("pair {} has no truth value", same.size());
    same.push_back(to_truth(item->integer, same.size()));
  }
  return same;
}

}  // namespace

VerificationPack parse_verification_pack(std::vector<std::byte> contents) {
  const Pickle pickle(std::move(contents));
  const PickleValue& root = pickle.root();
  const bool pair = (root.kind == Kind::kTuple || root.kind == Kind::kList) && root.items.size() == 2;
  if (!pair || (root.items[0]->kind != Kind::kList && root.items[0]->kind != Kind::kTuple))
    fail("not a pair (list of images, list of truth values)");
  VerificationPack pack{.same = to_truths(*root.items[1])};
  const auto& images = root.items[0]->items;
  if (images.size() != 2 * pack.same.size())
    fail("{} images, but {} truth values; each needs two", images.size(), pack.same.size());
  size_t bytes = 0;
  for (const PickleValue* image : images) {
    bytes += image->bytes.size();
    if (bytes > kMaxGrowth * pickle.size())
      fail("its images repeat to more than {} times the file", kMaxGrowth);
    pack.images.push_back(to_image(*image, pack.images.size()));
  }
  return pack;
}

VerificationPack read_verification_pack(const std::filesystem::path& path) {
  try {
    return parse_verification_pack(read_binary_file(path));
  } catch (const Error& error) {
    fail("{}: not a verification pack that can be read: {}", path.string(), error.what());
  }
}

void write_verification_pack(const std::filesystem::path& path, const VerificationPack& pack) {
  PFC_CHECK(pack.images.size() == 2 * pack.same.size(), "{} images, {} pairs", pack.images.size(),
            pack.same.size());
  StagedFile file(path);
  OutputFile& out = file.out();
  out.write(std::string_view("\x80\x03](", 4));  // protocol 3, empty list, mark
  for (const auto& image : pack.images) {
    if (image.size() > UINT32_MAX) fail("{}: an image of {} bytes is too large", path.string(), image.size());
    out.write("B");  // bytes with a 32-bit length
    out.write(bytes_of(static_cast<uint32_t>(image.size())));
    out.write(image);
  }
  out.write("e](");                                                        // append all; empty list, mark
  for (const uint8_t same : pack.same) out.write(same ? "\x88" : "\x89");  // True, False
  out.write("e\x86.");                                                     // append all, pair, stop
  file.commit();
}

}  // namespace partialfc
