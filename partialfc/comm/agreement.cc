#include "partialfc/comm/agreement.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "partialfc/base/fingerprint.h"
#include "partialfc/comm/gather_texts.h"

namespace partialfc {
namespace {

using Values = std::vector<NamedValue>;

int64_t fingerprint_of(std::span<const NamedValue> values) {
  Fingerprint fingerprint;
  for (const NamedValue& value : values) fingerprint.add(value.name), fingerprint.add(value.value);
  return static_cast<int64_t>(fingerprint.value());
}

// "LENGTH:text" for each name and each value.
std::string to_text(std::span<const NamedValue> values) {
  std::string text;
  for (const NamedValue& value : values)
    text += fmt::format("{}:{}{}:{}", value.name.size(), value.name, value.value.size(), value.value);
  return text;
}

Values from_text(std::string_view text) {
  const auto next = [&] {
    const size_t colon = text.find(':');
    const size_t length = std::stoul(std::string(text.substr(0, colon)));
    std::string part(text.substr(colon + 1, length));
    text.remove_prefix(colon + 1 + length);
    return part;
  };
  Values values;
  while (!text.empty()) {
    std::string name = next();
    values.push_back({std::move(name), next()});
  }
  return values;
}

std::optional<std::string> value_of(const Values& values, const std::string& name) {
  const auto found = std::ranges::find(values, name, &NamedValue::name);
  return found == values.end() ? std::nullopt : std::optional(found->value);
}

// The names under which they differ: in the order of `a`, then those that `b` alone has.
std::vector<std::string> differences(const Values& a, const Values& b) {
  std::vector<std::string> names;
  for (const NamedValue& value : a)
    if (value_of(b, value.name) != value.value) names.push_back(value.name);
  for (const NamedValue& value : b)
    if (!value_of(a, value.name)) names.push_back(value.name);
  return names;
}

std::string describe(const std::optional<std::string>& value, int rank, const Communicator& comm) {
  return fmt::format("{} on rank {} (host {})",
                     !value           ? "not given"
                     : value->empty() ? "empty"
                                      : *value,
                     rank, comm.host_of(rank));
}

}  // namespace

void require_agreement(Communicator& comm, std::span<const NamedValue> values, const std::string& remedy) {
  const int64_t mine = fingerprint_of(values);
  std::vector<int64_t> all(comm.size());
  comm.all_gather(std::span(&mine, 1), std::span(all)).wait();
  const auto other = std::ranges::find_if(all, [&](int64_t fingerprint) { return fingerprint != all[0]; });
  if (other == all.end()) return;

  const int rank = static_cast<int>(other - all.begin());
  const std::vector<std::string> texts = gather_texts(comm, to_text(values));
  const Values first = from_text(texts[0]), second = from_text(texts[rank]);
  const std::vector<std::string> names = differences(first, second);
  PFC_CHECK(!names.empty(), "ranks 0 and {} give the same values in another order", rank);
  const std::string& name = names[0];
  throw DisagreementError(fmt::format(
      "{} is {} and {}{}: {}", name, describe(value_of(first, name), 0, comm),
      describe(value_of(second, name), rank, comm),
      names.size() == 1 ? ""
                        : fmt::format("; {} more differ{}", names.size() - 1, names.size() == 2 ? "s" : ""),
      remedy));
}

}  // namespace partialfc
