#include "partialfc/data/pickle_calls.h"

#include <array>
#include <cstring>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

using Kind = PickleValue::Kind;

enum class Call : int64_t { kEncode, kBytes, kReconstruct, kScalar, kFromBuffer, kArray, kType };

struct Known {
  std::string_view module, name;
  Call call;
};

constexpr std::array kKnown = {
    Known{"_codecs", "encode", Call::kEncode},    // bytes in protocols 0 to 2
    Known{"__builtin__", "bytes", Call::kBytes},  // empty bytes in protocols 0 to 2
    Known{"builtins", "bytes", Call::kBytes},
    Known{"numpy.core.multiarray", "_reconstruct", Call::kReconstruct},
    Known{"numpy._core.multiarray", "_reconstruct", Call::kReconstruct},
    Known{"numpy.core.multiarray", "scalar", Call::kScalar},
    Known{"numpy._core.multiarray", "scalar", Call::kScalar},
    Known{"numpy.core.numeric", "_frombuffer", Call::kFromBuffer},
    Known{"numpy._core.numeric", "_frombuffer", Call::kFromBuffer},
    Known{"numpy", "ndarray", Call::kArray},
    Known{"numpy", "dtype", Call::kType},
};

// True where `tuple` has at least the given kinds, in order.
bool begins_with(const PickleValue& tuple, std::initializer_list<Kind> kinds) {
  if (tuple.kind != Kind::kTuple || tuple.items.size() < kinds.size()) return false;
  size_t i = 0;
  for (const Kind kind : kinds)
    if (tuple.items[i++]->kind != kind) return false;
  return true;
}

void expect(bool condition, std::string_view what) {
  if (!condition) fail("{} is not used as numpy or Python use it", what);
}

// Truth values and whole numbers only.
bool is_type_name(std::string_view name) {
  for (const std::string_view known : {"b1", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8"})
    if (name == known) return true;
  return false;
}

int64_t item_size(const PickleValue& type) { return type.text()[1] - '0'; }

// Text whose characters are all below 256 → these as bytes.
PickleValue encode_latin1(PickleStore& store, std::span<const std::byte> utf8) {
  std::vector<std::byte>& out = store.add_bytes(utf8.size());
  size_t count = 0;
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto lead = static_cast<uint8_t>(utf8[i]);
    if (lead < 0x80) {
      out[count++] = utf8[i];
      continue;
    }
    const auto next = i + 1 < utf8.size() ? static_cast<uint8_t>(utf8[i + 1]) : 0;
    if ((lead != 0xc2 && lead != 0xc3) || (next & 0xc0) != 0x80)
      fail("text to be encoded as Latin-1 holds other characters");
    out[count++] = static_cast<std::byte>((lead & 3) << 6 | (next & 0x3f));
    ++i;
  }
  return {.kind = Kind::kBytes, .bytes = std::span(out).first(count)};
}

void check_array(const PickleValue& array) {
  constexpr size_t kMaxDimensions = 64;  // numpy's own
  expect(array.items[0]->items.size() <= kMaxDimensions, "an array's shape");
  int64_t bytes = item_size(*array.items[1]);
  const auto has = static_cast<int64_t>(array.bytes.size());
  for (const PickleValue* extent : array.items[0]->items) {
    expect(extent->kind == Kind::kInteger && extent->integer >= 0, "an array's shape");
    if (extent->integer != 0 && bytes > has / extent->integer)
      fail("an array of {} bytes is too short for its shape", has);
    bytes *= extent->integer;
  }
  if (bytes != has) fail("an array of {} bytes has a shape of {}", has, bytes);
}

PickleValue make_array(const PickleValue* shape, const PickleValue* type, std::span<const std::byte> bytes) {
  PickleValue array{.kind = Kind::kArray, .bytes = bytes, .items = {shape, type}};
  check_array(array);
  return array;
}

PickleValue read_scalar(const PickleValue& type, std::span<const std::byte> bytes) {
  const PickleValue no_shape{.kind = Kind::kTuple};
  const PickleValue single = make_array(&no_shape, &type, bytes);
  return {.kind = type.text() == "b1" ? Kind::kBool : Kind::kInteger, .integer = array_element(single, 0)};
}

PickleValue make_type(const PickleValue& arguments) {
  const bool named = begins_with(arguments, {Kind::kText}) || begins_with(arguments, {Kind::kBytes});
  expect(named, "numpy.dtype");
  const PickleValue& name = *arguments.items[0];
  if (!is_type_name(name.text()))
    fail("refuses arrays of type \"{}\": only truth values and whole numbers are read",
         name.text().substr(0, 40));
  return {.kind = Kind::kType, .bytes = name.bytes};
}

}  // namespace

PickleValue find_global(std::string_view module, std::string_view name) {
  for (const Known& known : kKnown)
    if (known.module == module && known.name == name)
      return {.kind = Kind::kGlobal, .integer = static_cast<int64_t>(known.call)};
  fail("refuses {}.{}: data need no such thing, and a pickle that asks for it may be an attack",
       module.substr(0, 80), name.substr(0, 80));
}

PickleValue* call_global(PickleStore& store, const PickleValue& global, const PickleValue& arguments) {
  const auto& items = arguments.items;
  switch (static_cast<Call>(global.integer)) {
    case Call::kEncode: {  // (text, "latin1")
      expect(begins_with(arguments, {Kind::kText, Kind::kText}), "_codecs.encode");
      const std::string_view coding = items[1]->text();
      if (coding != "latin1" && coding != "latin-1")
        fail("refuses the encoding \"{}\"", coding.substr(0, 40));
      return store.add(encode_latin1(store, items[0]->bytes));
    }
    case Call::kBytes:
      expect(arguments.kind == Kind::kTuple && items.empty(), "bytes");
      return store.add({.kind = Kind::kBytes});
    case Call::kReconstruct:  // (ndarray, (0,), b"b"); set_state() follows
      expect(begins_with(arguments, {Kind::kGlobal, Kind::kTuple}) &&
                 static_cast<Call>(items[0]->integer) == Call::kArray,
             "numpy's _reconstruct");
      return store.add({.kind = Kind::kArray});
    case Call::kScalar:  // (dtype, bytes)
      expect(begins_with(arguments, {Kind::kType, Kind::kBytes}), "numpy's scalar");
      return store.add(read_scalar(*items[0], items[1]->bytes));
    case Call::kFromBuffer:  // (bytes, dtype, shape, order)
      expect(begins_with(arguments, {Kind::kBytes, Kind::kType, Kind::kTuple}), "numpy's _frombuffer");
      return store.add(make_array(items[2], items[1], items[0]->bytes));
    case Call::kType:  // (name, align, copy)
      return store.add(make_type(arguments));
    case Call::kArray:
      break;
  }
  fail("numpy.ndarray is not used as numpy uses it");
}

void set_state(PickleValue& object, const PickleValue& state) {
  if (object.kind == Kind::kType) {
    // (version, byte order, …); the rest describes fields, which types of one name have none of.
    const bool known = state.kind == Kind::kTuple && state.items.size() >= 2;
    expect(known, "the state of a numpy.dtype");
    const std::string_view order = state.items[1]->text();
    if (order != "<" && order != "|") fail("refuses arrays of byte order \"{}\"", order.substr(0, 40));
  } else if (object.kind == Kind::kArray && object.items.empty()) {
    // (version, shape, dtype, is_fortran, bytes)
    expect(begins_with(state, {Kind::kInteger, Kind::kTuple, Kind::kType, Kind::kBool, Kind::kBytes}),
           "the state of a numpy.ndarray");
    object = make_array(state.items[1], state.items[2], state.items[4]->bytes);
  } else {
    fail("refuses to set the state of anything but a new numpy array or type");
  }
}

int64_t array_size(const PickleValue& array) {
  return static_cast<int64_t>(array.bytes.size()) / item_size(*array.items[1]);
}

int64_t array_element(const PickleValue& array, int64_t i) {
  const int64_t size = item_size(*array.items[1]);
  uint64_t value = 0;
  std::memcpy(&value, array.bytes.data() + i * size, size);
  if (array.items[1]->text()[0] == 'i') {
    const int unused = 64 - 8 * static_cast<int>(size);
    return static_cast<int64_t>(value << unused) >> unused;
  }
  return static_cast<int64_t>(value);
}

}  // namespace partialfc
