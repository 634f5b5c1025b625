// The arrays that kernels declare __shared__: static ones, which the attribute `noinit` gathers in a section of the
// program.
#pragma once

#include <cstddef>

namespace partialfc::simt {

// Fills them with 0xFF, as for a block that begins: NaN, −1.
void fill_static_shared();
// As much for other shared memory.
void fill_as_new(volatile unsigned char* begin, size_t bytes);

}  // namespace partialfc::simt
