#include "partialfc/head/partial_fc_options.h"

#include "partialfc/base/error.h"

namespace partialfc {

void PartialFCOptions::validate() const {
  if (num_classes < 1) fail_usage("{} classes: there must be at least one", num_classes);
  if (dim < 1) fail_usage("{} dimensions: there must be at least one", dim);
  if (max_batch < 1) fail_usage("a batch of at most {} rows on a rank: must be at least 1", max_batch);
  (void)resolve_margin(margin);
  optimizer.validate();
}

}  // namespace partialfc
