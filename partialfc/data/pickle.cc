#include "partialfc/data/pickle.h"

#include <fmt/format.h>

#include <cstring>
#include <string>
#include <unordered_map>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/data/pickle_calls.h"
#include "partialfc/data/pickle_text.h"
#include "partialfc/data/text_lines.h"

namespace partialfc {

namespace {

using Kind = PickleValue::Kind;

// The stack machine. Opcodes are those of CPython's pickletools, where each is described.
class Machine {
 public:
  Machine(std::span<const std::byte> input, PickleStore& store) : input_(input), store_(store) {}

  const PickleValue* run();
  size_t position() const { return at_; }

 private:
  // Input.
  std::span<const std::byte> take(uint64_t count);
  template <class T>
  T take_number();
  std::string_view take_line();

  // Stack.
  void push(PickleValue value) { stack_.push_back(store_.add(std::move(value))); }
  void push(Kind kind, int64_t integer) { push({.kind = kind, .integer = integer}); }
  void push(Kind kind, std::span<const std::byte> bytes) { push({.kind = kind, .bytes = bytes}); }
  PickleValue* top();
  PickleValue* pop();
  std::vector<const PickleValue*> pop_to_mark();
  void push_tuple(size_t count);
  void append(std::vector<const PickleValue*> items);
  void remember(uint64_t key) { memo_[key] = top(); }
  void recall(uint64_t key);

  // Each runs `opcode` if it is one of its kind.
  bool run_number(char opcode);
  bool run_string(char opcode);
  bool run_container(char opcode);
  bool run_memo(char opcode);
  bool run_call(char opcode);
  bool run_framing(char opcode);

  std::span<const std::byte> input_;
  size_t at_ = 0;
  PickleStore& store_;
  std::vector<PickleValue*> stack_;
  std::unordered_map<uint64_t, PickleValue*> memo_;
};

const PickleValue* Machine::run() {
  for (;;) {
    const char opcode = take_number<char>();
    if (opcode == '.') return pop();
    if (!run_number(opcode) && !run_string(opcode) && !run_container(opcode) && !run_memo(opcode) &&
        !run_call(opcode) && !run_framing(opcode))
      fail("refuses opcode {:#04x}: data need no such thing", static_cast<uint8_t>(opcode));
  }
}

std::span<const std::byte> Machine::take(uint64_t count) {
  if (count > input_.size() - at_)
    fail("{} bytes are needed, {} are left; it is cut short", count, input_.size() - at_);
  const auto bytes = input_.subspan(at_, count);
  at_ += count;
  return bytes;
}

template <class T>
T Machine::take_number() {
  T value;
  std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
  return value;
}

std::string_view Machine::take_line() {
  const std::string_view rest(reinterpret_cast<const char*>(input_.data()) + at_, input_.size() - at_);
  const size_t length = rest.find('\n');
  if (length == std::string_view::npos) fail("a line has no end; it is cut short");
  at_ += length + 1;
  return rest.substr(0, length);
}

PickleValue* Machine::top() {
  if (stack_.empty() || stack_.back()->kind == Kind::kMark) fail("a value is missing");
  return stack_.back();
}

PickleValue* Machine::pop() {
  PickleValue* value = top();
  stack_.pop_back();
  return value;
}

std::vector<const PickleValue*> Machine::pop_to_mark() {
  size_t mark = stack_.size();
  do {
    if (mark == 0) fail("a mark is missing");
    --mark;
  } while (stack_[mark]->kind != Kind::kMark);
  std::vector<const PickleValue*> items(stack_.begin() + mark + 1, stack_.end());
  stack_.resize(mark);
  return items;
}

void Machine::push_tuple(size_t count) {
  std::vector<const PickleValue*> items(count);
  while (count > 0) items[--count] = pop();
  push({.kind = Kind::kTuple, .items = std::move(items)});
}

void Machine::append(std::vector<const PickleValue*> items) {
  PickleValue* list = top();
  if (list->kind != Kind::kList) fail("refuses to append to anything but a list");
  list->items.insert(list->items.end(), items.begin(), items.end());
}

void Machine::recall(uint64_t key) {
  const auto found = memo_.find(key);
  if (found == memo_.end()) fail("value {} is asked for before it is there", key);
  stack_.push_back(found->second);
}

// A line an opcode.
// clang-format off
bool Machine::run_number(char opcode) {
  const auto push_line = [&](std::string_view digits) {
    int64_t value = 0;
    if (!parse_number(digits, value)) fail("\"{}\" is not a whole number", digits.substr(0, 40));
    push(Kind::kInteger, value);
  };
  switch (static_cast<uint8_t>(opcode)) {
    case 'N': push(Kind::kNone, 0); return true;
    case 0x88: push(Kind::kBool, 1); return true;
    case 0x89: push(Kind::kBool, 0); return true;
    case 'K': push(Kind::kInteger, take_number<uint8_t>()); return true;
    case 'M': push(Kind::kInteger, take_number<uint16_t>()); return true;
    case 'J': push(Kind::kInteger, take_number<int32_t>()); return true;
    case 'I': {  // protocol 0 writes True as "01", False as "00"
      const std::string_view line = take_line();
      if (line == "00" || line == "01")
        push(Kind::kBool, line == "01");
      else
        push_line(line);
      return true;
    }
    case 'L': {
      std::string_view line = take_line();
      if (line.ends_with('L')) line.remove_suffix(1);
      push_line(line);
      return true;
    }
    case 0x8a: {  // two's complement of up to 8 bytes
      const auto bytes = take(take_number<uint8_t>());
      if (bytes.size() > 8) fail("refuses a whole number of {} bytes", bytes.size());
      const bool negative = !bytes.empty() && (bytes.back() & std::byte{0x80}) != std::byte{0};
      int64_t value = negative ? -1 : 0;
      std::memcpy(&value, bytes.data(), bytes.size());
      push(Kind::kInteger, value);
      return true;
    }
  }
  return false;
}

bool Machine::run_string(char opcode) {
  switch (static_cast<uint8_t>(opcode)) {
    case 'C': case 'U': push(Kind::kBytes, take(take_number<uint8_t>())); return true;
    case 'B': case 'T': push(Kind::kBytes, take(take_number<uint32_t>())); return true;
    case 0x8e: case 0x96: push(Kind::kBytes, take(take_number<uint64_t>())); return true;
    case 'S': push(Kind::kBytes, unquote(store_, take_line())); return true;
    case 0x8c: push(Kind::kText, take(take_number<uint8_t>())); return true;
    case 'X': push(Kind::kText, take(take_number<uint32_t>())); return true;
    case 0x8d: push(Kind::kText, take(take_number<uint64_t>())); return true;
    case 'V': push(Kind::kText, unescape_unicode(store_, take_line())); return true;
  }
  return false;
}

bool Machine::run_container(char opcode) {
  switch (static_cast<uint8_t>(opcode)) {
    case '(': push(Kind::kMark, 0); return true;
    case ']':
      push({.kind = Kind::kList});
      return true;
    case 'l':
      push({.kind = Kind::kList, .items = pop_to_mark()});
      return true;
    case ')': push_tuple(0); return true;
    case 0x85: push_tuple(1); return true;
    case 0x86: push_tuple(2); return true;
    case 0x87: push_tuple(3); return true;
    case 't':
      push({.kind = Kind::kTuple, .items = pop_to_mark()});
      return true;
    case 'e': append(pop_to_mark()); return true;
    case 'a':
      append({pop()});
      return true;
  }
  return false;
}

bool Machine::run_memo(char opcode) {
  const auto line_key = [&] {
    uint64_t key = 0;
    const std::string_view line = take_line();
    if (!parse_number(line, key)) fail("\"{}\" is not a memo number", line.substr(0, 40));
    return key;
  };
  switch (static_cast<uint8_t>(opcode)) {
    case 'p': remember(line_key()); return true;
    case 'q': remember(take_number<uint8_t>()); return true;
    case 'r': remember(take_number<uint32_t>()); return true;
    case 0x94: remember(memo_.size()); return true;
    case 'g': recall(line_key()); return true;
    case 'h': recall(take_number<uint8_t>()); return true;
    case 'j': recall(take_number<uint32_t>()); return true;
  }
  return false;
}

bool Machine::run_call(char opcode) {
  switch (static_cast<uint8_t>(opcode)) {
    case 'c': {
      const std::string_view module = take_line();
      push(find_global(module, take_line()));
      return true;
    }
    case 0x93: {
      const PickleValue* name = pop();
      const PickleValue* module = pop();
      if (name->kind != Kind::kText || module->kind != Kind::kText) fail("a name is not text");
      push(find_global(module->text(), name->text()));
      return true;
    }
    case 'R': {
      const PickleValue* arguments = pop();
      const PickleValue* global = pop();
      if (global->kind != Kind::kGlobal) fail("refuses to call what is not a known name");
      stack_.push_back(call_global(store_, *global, *arguments));
      return true;
    }
    case 'b': {
      const PickleValue* state = pop();
      set_state(*top(), *state);
      return true;
    }
  }
  return false;
}

bool Machine::run_framing(char opcode) {
  switch (static_cast<uint8_t>(opcode)) {
    case 0x80:
      if (const int protocol = take_number<uint8_t>(); protocol > 5)
        fail("refuses protocol {}: 0 to 5 are known", protocol);
      return true;
    case 0x95: take(sizeof(uint64_t)); return true;  // the length of a frame, of use to streams
  }
  return false;
}
// clang-format on

}  // namespace

PickleValue* PickleStore::add(PickleValue value) { return &values_.emplace_back(std::move(value)); }

std::vector<std::byte>& PickleStore::add_bytes(size_t count) {
  if (count > decoded_left_) fail("refuses text that grows beyond what the file can mean");
  decoded_left_ -= count;
  return decoded_.emplace_back(count);
}

// Text of protocol 0 may double as UTF-8 and is then encoded once: no sound pickle needs more than 4 times its size.
Pickle::Pickle(std::vector<std::byte> contents)
    : contents_(std::move(contents)), store_(4 * contents_.size()) {
  Machine machine(contents_, store_);
  try {
    root_ = machine.run();
  } catch (const Error& error) {
    fail("at byte {} of the pickle: {}", machine.position(), error.what());
  }
}

}  // namespace partialfc
