// The arrays that kernels declare __shared__: static ones, which the attribute `noinit` gathers in a section of the program.
#pragma once

namespace partialfc::simt {

// Fills them with 0xFF, as for a block that begins: NaN, −1.
void fill_static_shared();

}  // namespace partialfc::simt
