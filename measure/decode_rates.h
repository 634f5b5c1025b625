// How fast images come out of their encoding and out of the loader, where they are in memory already.
#pragma once

#include <memory>
#include <optional>

#include "measure/io_rate.h"
#include "partialfc/data/loader.h"

namespace partialfc {

struct DecodeRates {
  IoRate decode;  // on one core, as are the next two
  std::optional<IoRate>
      bare_decode;       // libjpeg-turbo alone, in turn with decode; none where images are not JPEG
  IoRate augment;        // and resizing
  IoRate decode_on_all;  // decode, on all threads at once
  IoRate loader;         // the whole loader, on all threads
};

// Of all images of `source`, a few thousand at most, which are in the system's cache; each rate takes about `seconds`.
// All are measured in turn, several rounds, so that each meets the same disturbances.
DecodeRates measure_decoding(const std::shared_ptr<const ImageSource>& source, const LoaderOptions& loader,
                             double seconds);

}  // namespace partialfc
