// Texts of different lengths, from every rank to every rank.
#pragma once

#include <string>
#include <vector>

#include "partialfc/comm/communicator.h"

namespace partialfc {

// Collective. The texts of all ranks, without zero bytes, in the order of the ranks.
std::vector<std::string> gather_texts(Communicator& comm, const std::string& mine);

}  // namespace partialfc
