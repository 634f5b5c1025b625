// How the program ends.
#pragma once

namespace partialfc {

constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2, kStoppedAfterSaving = 75;

}  // namespace partialfc
