// Why a rank of the group is lost: said by whichever thread finds out, and known to all others at once, even where one
// of them hangs in MPI.
#pragma once

#include <mutex>
#include <string>

namespace partialfc {

class Loss {
 public:
  // The first one counts.
  void declare(const std::string& why) {
    std::lock_guard lock(mutex_);
    if (why_.empty()) why_ = why;
  }
  // Empty: none is lost.
  std::string why() const {
    std::lock_guard lock(mutex_);
    return why_;
  }

 private:
  mutable std::mutex mutex_;
  std::string why_;
};

}  // namespace partialfc
