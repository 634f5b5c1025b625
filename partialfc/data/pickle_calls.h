// The names that pickle.h's machine knows, and what it does in place of calling them. Private to pickle.cc.
#pragma once

#include <string_view>

#include "partialfc/data/pickle.h"

namespace partialfc {

// The value of kind kGlobal for module.name; Error "refuses module.name" for any name but those of the table.
PickleValue find_global(std::string_view module, std::string_view name);

// What `global` gives for `arguments`, as Python and numpy would.
PickleValue* call_global(PickleStore& store, const PickleValue& global, const PickleValue& arguments);

// Gives a numpy array or type its state (__setstate__).
void set_state(PickleValue& object, const PickleValue& state);

}  // namespace partialfc
