#include "partialfc/formats/json.h"

#include <limits>
#include <set>
#include <vector>

#include "partialfc/base/error.h"

namespace partialfc {

nlohmann::json parse_json(std::string_view text, std::string_view where) {
  using Event = nlohmann::json::parse_event_t;
  std::vector<std::set<std::string>> keys;  // seen so far, of each object that is open
  const auto refuse_duplicates = [&](int, Event event, nlohmann::json& parsed) {
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(parsed.get<std::string>()).second)
      fail("{}: the key \"{}\" is there twice", where, parsed.get<std::string>());
    return true;
  };
  try {
    return nlohmann::json::parse(text, refuse_duplicates);
  } catch (const nlohmann::json::exception& error) {
    fail("{}: not valid JSON: {}", where, error.what());
  }
}

std::string json_text(const nlohmann::json& value, int indent, std::string_view where) {
  try {
    return value.dump(indent);
  } catch (const nlohmann::json::exception& error) {
    fail("{}: cannot be written as JSON: {}", where, error.what());
  }
}

const nlohmann::json& json_field(const nlohmann::json& object, const char* key, std::string_view where) {
  if (!object.is_object()) fail("{}: expected a JSON object, found {}", where, object.type_name());
  const auto field = object.find(key);
  if (field == object.end()) fail("{}: the key \"{}\" is missing", where, key);
  return *field;
}

int64_t json_count(const nlohmann::json& object, const char* key, std::string_view where) {
  const nlohmann::json& field = json_field(object, key, where);
  if (!field.is_number_unsigned() || field.get<uint64_t>() > std::numeric_limits<int64_t>::max())
    fail("{}: \"{}\" is {}, not a whole number from 0 to 2^63 - 1", where, key, field.dump());
  return field.get<int64_t>();
}

std::string json_string(const nlohmann::json& object, const char* key, std::string_view where) {
  const nlohmann::json& field = json_field(object, key, where);
  if (!field.is_string()) fail("{}: \"{}\" is {}, not a string", where, key, field.dump());
  return field.get<std::string>();
}

}  // namespace partialfc
