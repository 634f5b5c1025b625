// JSON that comes from a file: damaged text, a key that is there twice, a field that is missing or of another
// type are Errors that say where.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace partialfc {

// Parses `text`. `where` names its origin in messages, e.g. the file's path.
nlohmann::json parse_json(std::string_view text, std::string_view where);

// The text of `value`, indented by `indent` spaces a level, or on one line where indent is −1. Throws Error
// where a string in it is not UTF-8.
std::string json_text(const nlohmann::json& value, int indent, std::string_view where);

// object[key], which has to be there; `where` as above.
const nlohmann::json& json_field(const nlohmann::json& object, const char* key, std::string_view where);

// object[key] as an integer in 0 … 2^63 − 1, or as a string.
int64_t json_count(const nlohmann::json& object, const char* key, std::string_view where);
std::string json_string(const nlohmann::json& object, const char* key, std::string_view where);

}  // namespace partialfc
