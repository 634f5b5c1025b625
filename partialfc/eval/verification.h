// Face verification as it is reported for LFW, CFP-FP, AgeDB-30 and the like: are the two images of a pair of
// one identity?
//
// A pair is accepted where d = ‖x̂_a − x̂_b‖² < t, x̂ = x/‖x‖. The pairs are cut, in order, into 10 folds
// whose sizes differ by at most one (the first P mod 10 are the larger). For each fold a threshold is chosen
// on the other nine:
//     accuracy      the first of t = 0, 0.01, … 3.99 with the highest accuracy
//     TAR@FAR 1e-3  the t at which their FAR reaches 1e-3, linear between the values at t = 0, 0.001, … 3.999:
//                   from the last of these with FAR <= 1e-3 to the next; 0 where FAR stays below 1e-3.
//                   A fold without same pairs, or one beside which all pairs are same, has no such rate and
//                   takes no part in the mean
// and applied to the fold itself. These are the rules of the InsightFace evaluation, so figures compare.
#pragma once

#include <cstdint>
#include <span>

#include "partialfc/base/matrix.h"

namespace partialfc {

struct VerificationResult {
  int64_t pairs = 0;
  int64_t same_pairs = 0;
  double accuracy = 0;        // mean over folds
  double accuracy_std = 0;    // over folds (squares divided by 10)
  double tar_at_far_1e3 = 0;  // mean over folds that have it
  double xnorm = 0;           // mean ‖x‖ of the embeddings given; 0 from verify_distances
  double best_threshold = 0;  // the first of 0, 0.01, … 3.99 with the highest accuracy over all pairs, and
  double best_accuracy = 0;   //   that accuracy: what to deploy with, and a little too good to report
  double auc = 0;             // over all pairs; see roc.h
  double equal_error_rate = 0;  // likewise
};

// embeddings (2P, D): rows 2p and 2p + 1 are pair p, not normalised, usually each the sum of the embeddings
// of an image and of its mirror image; same (P): 1 one identity, 0 two. A row of zeros stays zero when
// normalised. Errors: P < 10, pairs of one kind only, an embedding that is not finite.
VerificationResult verify_pairs(MatrixView<const float> embeddings, std::span<const uint8_t> same);

// The same from squared distances (P) between normalised embeddings.
VerificationResult verify_distances(std::span<const double> distances, std::span<const uint8_t> same);

// same (P): the Error of verify_pairs() for P < 10 or pairs of one kind only.
void check_pairs(std::span<const uint8_t> same);

// Mean ‖x‖ over the rows of x (n, D), n > 0. The InsightFace evaluation prints as XNorm the mean over images
// and mirror images before they are summed.
double mean_norm(MatrixView<const float> x);

}  // namespace partialfc
