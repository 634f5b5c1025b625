#include "examples/glyphs/test_font.h"

#include "partialfc/base/file.h"

namespace partialfc {

namespace {

// Big-endian, as all of TrueType.
class Table {
 public:
  Table& u16(int64_t value) {
    bytes_ += static_cast<char>(value >> 8);
    bytes_ += static_cast<char>(value);
    return *this;
  }
  Table& u32(int64_t value) { return u16(value >> 16).u16(value); }
  Table& zeros(size_t count) {
    bytes_.append(count, '\0');
    return *this;
  }
  Table& append(const std::string& bytes) {
    bytes_ += bytes;
    return *this;
  }
  Table& pad() { return zeros((4 - bytes_.size() % 4) % 4); }
  const std::string& bytes() const { return bytes_; }
  int64_t size() const { return static_cast<int64_t>(bytes_.size()); }

 private:
  std::string bytes_;
};

// One contour a box; its points are on the curve, clockwise, as differences in 16 bits.
Table glyph_description(const BoxGlyph& glyph) {
  Table table;
  if (glyph.empty()) return table;
  table.u16(std::ssize(glyph)).u16(0).u16(0).u16(1000).u16(1000);
  for (int64_t box = 0; box < std::ssize(glyph); ++box) table.u16(4 * box + 3);
  table.u16(0);  // no instructions
  table.append(std::string(4 * glyph.size(), '\1'));
  int x = 0, y = 0;
  for (const Box& box : glyph) {
    for (const int next : {box.left, box.left, box.right, box.right}) table.u16(next - x), x = next;
  }
  for (const Box& box : glyph) {
    for (const int next : {box.bottom, box.top, box.top, box.bottom}) table.u16(next - y), y = next;
  }
  return table.pad();
}

Table character_map(const TestFont& font) {
  Table table;
  const auto count = std::ssize(font.characters);
  table.u16(0).u16(1).u16(3).u16(10).u32(12);
  table.u16(12).u16(0).u32(16 + 12 * count).u32(0).u32(count);
  int64_t glyph = 1;
  for (const auto& [character, boxes] : font.characters) table.u32(character).u32(character).u32(glyph++);
  return table;
}

Table names(const TestFont& font) {
  Table text;
  for (const char c : font.family) text.u16(c);
  Table table;
  table.u16(0).u16(1).u16(18);
  table.u16(3).u16(1).u16(0x409).u16(1).u16(text.size()).u16(0);
  return table.append(text.bytes());
}

}  // namespace

void write_test_font(const std::filesystem::path& path, const TestFont& font) {
  Table outlines, places;
  places.u32(0);
  outlines.append(glyph_description(font.missing).bytes());
  for (const auto& [character, glyph] : font.characters) {
    places.u32(outlines.size());
    outlines.append(glyph_description(glyph).bytes());
  }
  places.u32(outlines.size());
  const auto glyphs = std::ssize(font.characters) + 1;

  Table head, horizontal, metrics, limits, post;
  head.u32(0x10000).u32(0x10000).u32(0).u32(0x5F0F3CF5).u16(0).u16(1000).zeros(16);
  head.u16(0).u16(0).u16(1000).u16(1000).u16(0).u16(8).u16(2).u16(1).u16(0);
  horizontal.u32(0x10000).u16(1000).u16(0).u16(0).u16(1000).zeros(22).u16(1);
  metrics.u16(1000).u16(0).zeros(2 * (glyphs - 1));
  limits.u32(0x10000).u16(glyphs).u16(400).u16(100).zeros(4).u16(1).zeros(16);
  post.u32(0x30000).zeros(28);

  const std::map<std::string, Table> tables = {{"cmap", character_map(font)},
                                               {"glyf", outlines},
                                               {"head", head},
                                               {"hhea", horizontal},
                                               {"hmtx", metrics},
                                               {"loca", places},
                                               {"maxp", limits},
                                               {"name", names(font)},
                                               {"post", post}};
  Table file;
  file.u32(0x10000).u16(std::ssize(tables)).u16(128).u16(3).u16(16);
  int64_t offset = 12 + 16 * std::ssize(tables);
  for (const auto& [tag, table] : tables) {
    file.append(tag).u32(0).u32(offset).u32(table.size());
    offset += (table.size() + 3) / 4 * 4;
  }
  for (const auto& [tag, table] : tables) file.append(table.bytes()).pad();
  write_file_atomically(path, file.bytes());
}

}  // namespace partialfc
