#include "partialfc/base/host_name.h"

#include <unistd.h>

#include <array>
#include <cerrno>

#include "partialfc/base/error.h"

namespace partialfc {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0)
    fail("cannot tell this host's name: {}", errno_text(errno));
  return name.data();
}

}  // namespace partialfc
