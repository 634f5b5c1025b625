// Progress of a job of known length, on standard error: a line that is rewritten on a terminal, one every 10 % elsewhere.
#pragma once

#include <cstdint>
#include <string>

namespace partialfc {

class ProgressLine {
 public:
  explicit ProgressLine(std::string what);
  ~ProgressLine() { finish(); }
  void show(int64_t done, int64_t total);
  void finish();  // ends the line; nothing more is shown

 private:
  std::string what_;
  bool terminal_;
  bool drawn_ = false;
  int64_t next_tenth_ = 1;
};

}  // namespace partialfc
