// Reads the small part of Python's pickle format (protocols 0 to 5) that data files are made of: None, truth values,
// whole numbers, bytes, text, lists, tuples, and numpy arrays, types and scalars of truth values and whole numbers.
//
// A pickle is a program for a stack machine, and in Python it can call anything. This machine calls nothing: it knows a
// handful of names (pickle_calls.h) and refuses every other, by name, as it refuses every other opcode. It does not
// recurse, and takes memory in proportion to the file's size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

namespace partialfc {

struct PickleValue {
  enum class Kind {
    kNone,
    kBool,     // integer
    kInteger,  // integer
    kBytes,    // bytes; also the str of Python 2
    kText,     // bytes: UTF-8
    kList,     // items
    kTuple,    // items
    kArray,    // numpy.ndarray: bytes of its elements, items[0] its shape (a tuple), items[1] its
               // type
    kType,     // numpy.dtype: bytes are its name ("u1"), little-endian
    kGlobal,   // a known name: integer is its place in pickle_calls.cc's table
    kMark,
  };
  Kind kind = Kind::kNone;
  int64_t integer = 0;
  std::span<const std::byte> bytes;  // owned by the Pickle
  std::vector<const PickleValue*> items;

  std::string_view text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
};

// Owns all values of one pickle.
class PickleStore {
 public:
  explicit PickleStore(size_t max_decoded) : decoded_left_(max_decoded) {}
  PickleValue* add(PickleValue value);
  // Memory for `bytes` that are not in the file as they are; Error when it is more than the file can mean.
  std::vector<std::byte>& add_bytes(size_t count);

 private:
  std::deque<PickleValue> values_;
  std::deque<std::vector<std::byte>> decoded_;
  size_t decoded_left_;
};

class Pickle {
 public:
  // Error says what is wrong at which byte; it knows no file: callers add that.
  explicit Pickle(std::vector<std::byte> contents);
  Pickle(const Pickle&) = delete;

  const PickleValue& root() const { return *root_; }
  size_t size() const { return contents_.size(); }  // bytes

 private:
  std::vector<std::byte> contents_;
  PickleStore store_;
  const PickleValue* root_ = nullptr;
};

// Element i of an array of truth values or whole numbers.
int64_t array_size(const PickleValue& array);
int64_t array_element(const PickleValue& array, int64_t i);

}  // namespace partialfc
