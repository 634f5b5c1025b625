// Resizing: bilinear when enlarging; when shrinking, the triangle widens with the factor, so that each result is a
// weighted mean over all the pixels it stands for (antialiased).
//
//   out(i) = Σ_j w_ij in(j),   w_ij ∝ max(0, 1 − |(j + ½) − (i + ½)·f| / max(f, 1)),   f = size in
//   / size out
//
// in each direction, with weights that sum to one; pixels beyond the border are left out.
#pragma once

#include "partialfc/data/image.h"

namespace partialfc {

// height, width >= 1. An image that has the size already is returned as it is.
Image resize(Image image, int height, int width);

}  // namespace partialfc
