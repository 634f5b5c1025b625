#include "examples/glyphs/design_families.h"

#include <algorithm>

namespace partialfc {

namespace {

enum class Use { kFull, kSmall, kUnfit };  // kSmall: in the small set and in the full one

struct Row {
  std::string_view prefix;  // of the font's family name; the longest that fits counts
  std::string_view design;
  Use use = Use::kFull;
};

constexpr Row kTable[] = {
    {"Noto Sans CJK", "Noto Sans CJK", Use::kSmall},
    {"Noto Sans Mono CJK", "Noto Sans CJK", Use::kUnfit},  // the characters of Noto Sans CJK
    {"Noto Serif CJK", "Noto Serif CJK", Use::kSmall},
    {"WenQuanYi Zen Hei", "WQY Zen Hei", Use::kSmall},  // its Hangul: Un Dotum
    {"WenQuanYi Zen Hei Mono", "WQY Zen Hei", Use::kUnfit},
    {"WenQuanYi Zen Hei Sharp", "WQY Zen Hei", Use::kUnfit},

    {"WenQuanYi Micro Hei", "Droid", Use::kSmall},
    {"WenQuanYi Micro Hei Mono", "Droid", Use::kUnfit},  // the characters of WenQuanYi Micro Hei
    {"Droid Sans Fallback", "Droid"},
    {"SetoFont", "Seto", Use::kSmall},

    {"AR PL UMing", "Arphic Sung", Use::kSmall},
    {"AR PL Mingti2L", "Arphic Sung"},
    {"AR PL SungtiL", "Arphic Sung"},
    {"BabelStone Han", "Arphic Sung"},
    {"AR PL UKai", "Arphic Kai", Use::kSmall},
    {"AR PL KaitiM", "Arphic Kai"},
    {"cwTeXKai", "Arphic Kai", Use::kSmall},   // its Hangul: Un Gungseo
    {"cwTeXMing", "cwTeX Ming", Use::kSmall},  // its Hangul: Un Batang
    {"cwTeXFangSong", "cwTeX FangSong", Use::kSmall},
    {"cwTeXYen", "cwTeX Yen", Use::kSmall},
    {"cwTeXHeiBold", "cwTeX Hei", Use::kUnfit},  // each Hangul syllable is drawn as one further on

    {"IPA", "IPA Gothic"},
    {"IPAexGothic", "IPA Gothic", Use::kSmall},
    {"IPAexMincho", "IPA Mincho", Use::kSmall},
    {"IPAMincho", "IPA Mincho"},
    {"IPAPMincho", "IPA Mincho"},
    {"IPAmjMincho", "IPA Mincho"},
    {"TakaoGothic", "IPA Gothic"},
    {"TakaoPGothic", "IPA Gothic"},
    {"TakaoExGothic", "IPA Gothic"},
    {"TakaoMincho", "IPA Mincho"},
    {"TakaoPMincho", "IPA Mincho"},
    {"TakaoExMincho", "IPA Mincho"},
    {"Monapo", "IPA Gothic"},
    {"BIZ UDGothic", "IPA Gothic"},  // of the foundry that drew the IPA fonts
    {"BIZ UDPGothic", "IPA Gothic"},
    {"BIZ UDMincho", "IPA Mincho"},
    {"BIZ UDPMincho", "IPA Mincho"},
    {"VL Gothic", "M PLUS", Use::kSmall},
    {"VL PGothic", "M PLUS"},
    {"M PLUS", "M PLUS"},
    {"MigMix", "M PLUS"},  // rare characters: IPA Gothic
    {"Migu", "M PLUS"},
    {"Ricty", "M PLUS"},
    {"Konatu", "Konatu", Use::kSmall},
    {"Konatu Tohaba", "Konatu"},
    {"Komatuna", "Konatu"},
    {"Ume", "Ume Gothic"},
    {"Ume Mincho", "Ume Mincho"},
    {"Ume P Mincho", "Ume Mincho"},
    {"Motoya", "Motoya"},
    {"Klee", "Klee"},
    {"LXGW WenKai", "Klee"},
    {"kiloji", "Kiloji"},
    {"HanaMin", "Hanazono"},
    {"TW-Kai", "TW Kai"},
    {"TW-Sung", "TW Sung"},
    {"Unifont", "Unifont"},

    {"Nanum", "Nanum Gothic"},
    {"NanumMyeongjo", "Nanum Myeongjo"},
    {"NanumBarunpen", "Nanum Barunpen"},
    {"Nanum Pen", "Nanum Pen"},
    {"Nanum Brush", "Nanum Brush"},
    {"D2Coding", "Nanum Gothic", Use::kSmall},
    {"D2Coding ligature", "Nanum Gothic", Use::kUnfit},  // the characters of D2Coding
    {"BM HANNA", "BM Hanna"},
    {"BM EULJIRO", "BM Euljiro"},
    {"BM Euljiro", "BM Euljiro"},
    {"UnJamo", "UnJamo"},
    {"UnPen", "UnPen"},
    {"UnPilgi", "UnPilgi"},
    {"Bandal", "Bandal", Use::kSmall},
    {"Bangwool", "Bangwool", Use::kSmall},
    {"Eunjin", "Eunjin", Use::kSmall},
    {"Guseul", "Guseul", Use::kUnfit},  // Han are drawn as the Hangul they are read as
};

}  // namespace

DesignFamily design_family(std::string_view font_family) {
  const Row* best = nullptr;
  for (const Row& row : kTable) {
    if (font_family.starts_with(row.prefix) && (!best || row.prefix.size() > best->prefix.size()))
      best = &row;
  }
  if (!best) return {std::string(font_family)};
  return {std::string(best->design), best->use == Use::kSmall, best->use == Use::kUnfit};
}

std::vector<std::string> small_set_fonts() {
  std::vector<std::string> fonts;
  for (const Row& row : kTable) {
    if (row.use == Use::kSmall) fonts.emplace_back(row.prefix);
  }
  std::sort(fonts.begin(), fonts.end());
  return fonts;
}

const std::vector<std::string>& held_out_families() {
  static const std::vector<std::string> families = {"Droid", "Seto"};
  return families;
}

}  // namespace partialfc
