// Random pixels and uniform labels, made once and handed out again and again, with no I/O: to measure speed without the
// input, and to try 100 million classes without having them.
#pragma once

#include "partialfc/data/batch_stream.h"

namespace partialfc {

class SyntheticStream : public BatchStream {
 public:
  SyntheticStream(const StreamOptions& options, int64_t num_classes);

  void next(Batch& batch) override;
  double wait_seconds() const override { return 0; }
  const SkipReport& skipped() const override { return skipped_; }

 private:
  int64_t global_batch_;
  Batch batch_;
  SkipReport skipped_;
};

}  // namespace partialfc
