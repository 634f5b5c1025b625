#include "partialfc/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

constexpr size_t kWriteBuffer = 1 << 20;

[[noreturn]] void fail_on(const std::filesystem::path& path, const char* action) {
  const int code = errno;
  fail("{}: cannot {}: {}", path.string(), action, errno_text(code));
}

void write_fully(int descriptor, const std::filesystem::path& path, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_on(path, "write");
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

}  // namespace

InputFile::InputFile(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail_on(path_, "open");
  struct stat status;
  const bool known = ::fstat(descriptor_, &status) == 0;
  if (known && S_ISREG(status.st_mode)) {
    size_ = static_cast<uint64_t>(status.st_size);
    return;
  }
  const int code = errno;
  ::close(descriptor_);
  if (!known) fail("{}: cannot open: {}", path_.string(), errno_text(code));
  fail("{}: not a regular file", path_.string());
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}

size_t InputFile::read_at(uint64_t offset, std::span<std::byte> out) const {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got =
        ::pread(descriptor_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_on(path_, "read");
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

void InputFile::read_exactly(uint64_t offset, std::span<std::byte> out) const {
  const size_t got = read_at(offset, out);
  if (got != out.size())
    fail("{}: wanted {} bytes at offset {}, the file ends after {}; it is cut short", path_.string(),
         out.size(), offset, got);
}

OutputFile::OutputFile(std::filesystem::path path, bool append) : path_(std::move(path)) {
  const int mode = append ? O_APPEND : O_TRUNC;
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | mode, 0666);
  if (descriptor_ < 0) fail_on(path_, "create");
  buffer_.reserve(kWriteBuffer);
}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  try {
    flush();
  } catch (const Error&) {
    // Whoever cares calls close().
  }
  ::close(descriptor_);
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      position_(other.position_),
      buffer_(std::move(other.buffer_)) {}

void OutputFile::write(std::span<const std::byte> bytes) {
  if (buffer_.size() + bytes.size() > kWriteBuffer) flush();
  position_ += bytes.size();
  if (bytes.size() >= kWriteBuffer) {
    write_fully(descriptor_, path_, bytes);
    return;
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

void OutputFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void OutputFile::flush() {
  write_fully(descriptor_, path_, std::exchange(buffer_, {}));
  buffer_.reserve(kWriteBuffer);
}

void OutputFile::sync() {
  flush();
  if (::fsync(descriptor_) != 0) fail_on(path_, "sync");
}

void OutputFile::close() {
  if (descriptor_ < 0) return;
  flush();
  if (::close(std::exchange(descriptor_, -1)) != 0) fail_on(path_, "close");
}

std::string read_text_file(const std::filesystem::path& path) {
  InputFile file(path);
  std::string text(file.size(), '\0');
  file.read_exactly(0, std::as_writable_bytes(std::span(text)));
  return text;
}

std::vector<std::byte> read_binary_file(const std::filesystem::path& path) {
  InputFile file(path);
  std::vector<std::byte> bytes(file.size());
  file.read_exactly(0, bytes);
  return bytes;
}

void write_file_atomically(const std::filesystem::path& path, std::string_view contents) {
  const std::filesystem::path aside = path.string() + ".part";
  OutputFile file(aside);
  file.write(contents);
  file.sync();
  file.close();
  std::error_code code;
  std::filesystem::rename(aside, path, code);
  if (code) fail("{}: cannot rename to {}: {}", aside.string(), path.string(), code.message());
  sync_folder(path.parent_path().empty() ? "." : path.parent_path());
}

void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail_on(folder, "open");
  const bool synced = ::fsync(descriptor) == 0;
  const int code = errno;
  ::close(descriptor);
  if (!synced) fail("{}: cannot sync: {}", folder.string(), errno_text(code));
}

void create_folders(const std::filesystem::path& folder) {
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  if (code) fail("{}: cannot create the folder: {}", folder.string(), code.message());
}

}  // namespace partialfc
