// Which characters may become classes: kana, bopomofo, Hangul syllables and Han ideographs.
//
// Compatibility ideographs, radicals and half- and full-width forms are left out: they are drawn
// like the characters they stand for. So are alphabets, whose letters are drawn alike across
// scripts (A: Latin, Greek, Cyrillic).
#pragma once

#include <string>

namespace partialfc {

bool is_class_candidate(char32_t character);

// "U+4E00"
std::string code_point_name(char32_t character);

// The character in UTF-8.
std::string to_utf8(char32_t character);

}  // namespace partialfc
