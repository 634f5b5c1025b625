#include "partialfc/device/simt/static_shared.h"

#include <elf.h>
#include <link.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/device/simt/sanitizers.h"

namespace partialfc::simt {
namespace {

struct Range {
  volatile unsigned char* begin = nullptr;
  size_t bytes = 0;
};

// The section is in the program's file; the loader's first entry is the program, and says where it lies.
Range find_section() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const auto read = [&](uint64_t offset, void* to, size_t bytes) {
    if (!file.seekg(static_cast<std::streamoff>(offset))
             .read(static_cast<char*>(to), static_cast<std::streamsize>(bytes)))
      fail("/proc/self/exe: cannot read {} bytes at {}", bytes, offset);
  };
  ElfW(Ehdr) header;
  read(0, &header, sizeof header);
  std::vector<ElfW(Shdr)> sections(header.e_shnum);
  read(header.e_shoff, sections.data(), sections.size() * sizeof sections[0]);
  const auto& names_section = sections.at(header.e_shstrndx);
  std::string names(names_section.sh_size, '\0');
  read(names_section.sh_offset, names.data(), names.size());
  uintptr_t base = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* to) { return *static_cast<uintptr_t*>(to) = info->dlpi_addr, 1; },
      &base);
  for (const auto& section : sections)
    if (std::strcmp(names.c_str() + section.sh_name, ".noinit") == 0)
      return {reinterpret_cast<volatile unsigned char*>(base + section.sh_addr), section.sh_size};
  return {};
}

}  // namespace

void fill_static_shared() {
  static const Range shared = find_section();
  fill_as_new(shared.begin, shared.bytes);
}

// Stores that AddressSanitizer does not look at: the section also holds its red zones.
__attribute__((no_sanitize("address"))) void fill_as_new(volatile unsigned char* begin, size_t bytes) {
  size_t i = 0;
  for (; i + 8 <= bytes; i += 8) *reinterpret_cast<volatile uint64_t*>(begin + i) = ~uint64_t{0};
  for (; i < bytes; ++i) begin[i] = 0xff;
  forget(const_cast<unsigned char*>(begin), bytes);
}

}  // namespace partialfc::simt
