#include "partialfc/comm/gather_texts.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace partialfc {

std::vector<std::string> gather_texts(Communicator& comm, const std::string& mine) {
  std::array<int64_t, 1> longest = {std::ssize(mine)};
  comm.all_reduce(std::span<int64_t>(longest), ReduceOp::kMax).wait();
  std::vector<std::byte> sent(longest[0]), all(longest[0] * comm.size());  // padded with zeros
  std::copy_n(reinterpret_cast<const std::byte*>(mine.data()), mine.size(), sent.begin());
  comm.all_gather(std::span<const std::byte>(sent), std::span(all)).wait();
  std::vector<std::string> texts;
  for (int rank = 0; rank < comm.size(); ++rank) {
    const std::string padded(reinterpret_cast<const char*>(all.data()) + rank * longest[0], longest[0]);
    texts.push_back(padded.substr(0, padded.find('\0')));
  }
  return texts;
}

}  // namespace partialfc
