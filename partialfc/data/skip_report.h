// Images that could not be used: counted by kind, the first few kept with file and reason, and too many refused.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace partialfc {

enum class SkipKind { kUnreadable, kBadLabel, kUndecodable };

class SkipReport {
 public:
  static constexpr size_t kMaxExamples = 10;
  static constexpr int64_t kAlwaysAllowed = 100;  // skipped images, whatever the share

  void add_seen(int64_t images) { seen_ += images; }
  void add_skipped(SkipKind kind, std::string message);

  int64_t seen() const { return seen_; }  // skipped ones included
  int64_t skipped() const;
  int64_t skipped(SkipKind kind) const { return counts_[static_cast<size_t>(kind)]; }
  const std::vector<std::string>& examples() const { return examples_; }

  // "3 of 200 images skipped: 1 unreadable, …", then one line an example.
  std::string summary() const;
  // Error with the summary, where more than max(kAlwaysAllowed, max_share · seen) images were skipped.
  void check(double max_share) const;

 private:
  int64_t seen_ = 0;
  std::array<int64_t, 3> counts_{};
  std::vector<std::string> examples_;
};

}  // namespace partialfc
