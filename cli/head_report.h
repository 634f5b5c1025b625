// What `partialfc bench head` prints: a table of 80 columns, or one JSON object.
#pragma once

#include <cstdint>
#include <string>

#include "measure/head_measurement.h"

namespace partialfc {

struct HeadReport {
  HeadMeasurementOptions options;
  int64_t samples = 0;  // S that was asked for
  HeadFigures figures;
};

std::string head_text(const HeadReport& report);
std::string head_json(const HeadReport& report);

}  // namespace partialfc
