// Functions of a library that was loaded with dlopen.
#pragma once

#include <dlfcn.h>

#include "partialfc/base/error.h"

namespace partialfc {

// function ← the one of that name. Throws Error, with the name of the library ("libnccl") and of the function, where it has
// none.
template <class Function>
void find_function(void* library, const char* library_name, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  if (function == nullptr) fail("{} has no {}: {}", library_name, name, dlerror());
}

}  // namespace partialfc
