#include "partialfc/formats/json.h"

#include <gtest/gtest.h>

#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

TEST(Json, ParsesAndWritesBack) {
  const auto value = parse_json(R"( {"b": [1, {"b": "x"}], "a": 18446744073709551615} )", "here");
  EXPECT_EQ(json_text(value, -1, "here"), R"({"a":18446744073709551615,"b":[1,{"b":"x"}]})");
  EXPECT_EQ(json_text(value["b"][1], 2, "here"), "{\n  \"b\": \"x\"\n}");
}

TEST(Json, AKeyThatIsThereTwiceIsRefusedAtAnyDepth) {
  EXPECT_EQ(message_of([] { parse_json(R"({"a": 1, "b": 2, "a": 3})", "x.json"); }),
            "x.json: the key \"a\" is there twice");
  EXPECT_EQ(message_of([] { parse_json(R"([{"o": {"k": 1, "k": 1}}])", "x.json"); }),
            "x.json: the key \"k\" is there twice");
  EXPECT_EQ(message_of([] { parse_json(R"({"a": {"k": 1}, "b": {"k": 1}, "k": 2})", "x.json"); }),
            "no error");
}

TEST(Json, DamagedTextNamesTheFile) {
  for (const char* text : {"", "{", "{\"a\": 1} x", "{\"a\": \"\xff\"}"})
    EXPECT_EQ(message_of([&] { parse_json(text, "x.json"); }).find("x.json: not valid JSON"), 0u);
  EXPECT_EQ(message_of([] { json_text("\xff", -1, "x.json"); }).find("x.json: cannot be written"), 0u);
}

TEST(Json, FieldsAreChecked) {
  const auto value = parse_json(R"({"n": 5, "minus": -5, "half": 0.5, "s": "t"})", "x");
  EXPECT_EQ(json_count(value, "n", "x"), 5);
  EXPECT_EQ(json_string(value, "s", "x"), "t");
  EXPECT_EQ(message_of([&] { json_count(value, "m", "x"); }), "x: the key \"m\" is missing");
  EXPECT_EQ(message_of([&] { json_count(value, "minus", "x"); }),
            "x: \"minus\" is -5, not a whole number from 0 to 2^63 - 1");
  EXPECT_THROW(json_count(value, "half", "x"), Error);
  EXPECT_THROW(json_count(value, "s", "x"), Error);
  EXPECT_EQ(message_of([&] { json_string(value, "n", "x"); }), "x: \"n\" is 5, not a string");
  EXPECT_EQ(message_of([&] { json_string(value["n"], "n", "x"); }),
            "x: expected a JSON object, found number");
}

}  // namespace
}  // namespace partialfc
