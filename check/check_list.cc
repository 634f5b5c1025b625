#include "check/check_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "partialfc/base/error.h"
#include "partialfc/formats/json.h"

namespace partialfc {

namespace {

constexpr size_t kWidth = 80, kNameWidth = 20, kIndent = 6 + kNameWidth + 1;

struct StatusNames {
  const char *mark, *name;
};
StatusNames names_of(CheckStatus status) {
  constexpr std::array<StatusNames, 3> kNames = {{{"[X]", "ok"}, {"[ ]", "absent"}, {"[!]", "wrong"}}};
  return kNames[static_cast<size_t>(status)];
}

// Columns of a UTF-8 text: its bytes but for those that go on with a letter.
size_t columns_of(const std::string& text) {
  return std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; });
}

// `text` as lines of at most kWidth columns, the first behind what is in its line, all begun at kIndent.
std::string wrapped(const std::string& text) {
  std::string all;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!all.empty()) all += "\n" + std::string(kIndent, ' ');
    std::istringstream words(line);
    size_t column = kIndent;
    for (std::string word; words >> word;) {
      const bool first = column == kIndent;
      if (!first && column + 1 + columns_of(word) > kWidth) {
        all += "\n" + std::string(kIndent, ' ') + word;
        column = kIndent + columns_of(word);
      } else {
        all += (first ? "" : " ") + word;
        column += (first ? 0 : 1) + columns_of(word);
      }
    }
  }
  return all + "\n";
}

}  // namespace

void CheckList::ok(const std::string& name, const std::string& found, std::map<std::string, double> figures) {
  lines_.push_back({section_, name, CheckStatus::kOk, found, "", std::move(figures)});
}

void CheckList::absent(const std::string& name, const std::string& found) {
  lines_.push_back({section_, name, CheckStatus::kAbsent, found});
}

void CheckList::wrong(const std::string& name, const std::string& found, const std::string& remedy,
                      std::map<std::string, double> figures) {
  lines_.push_back({section_, name, CheckStatus::kWrong, found, remedy, std::move(figures)});
}

bool CheckList::attempt(const std::string& name, const std::function<void()>& action) {
  try {
    action();
    return true;
  } catch (const Error& error) {
    wrong(name, error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    wrong(name, fmt::format("{}: {}", error.path1().string(), error.code().message()));
  }
  return false;
}

int CheckList::wrong_lines() const {
  return static_cast<int>(std::ranges::count(lines_, CheckStatus::kWrong, &CheckLine::status));
}

std::string check_text(const CheckList& list) {
  std::string text = "partialfc " PARTIALFC_VERSION "\n", section;
  for (const CheckLine& line : list.lines()) {
    if (line.section != section) text += fmt::format("\n{}\n", section = line.section);
    text +=
        fmt::format("  {} {:<{}} {}", names_of(line.status).mark, line.name, kNameWidth, wrapped(line.found));
    if (!line.remedy.empty()) text += std::string(kIndent, ' ') + wrapped("→ " + line.remedy);
  }
  const int wrong = list.wrong_lines();
  if (wrong == 0) return text + "\nnothing is wrong\n";
  return text + fmt::format("\n{} line{} with [!]: wrong\n", wrong, wrong == 1 ? "" : "s");
}

std::string check_json(const CheckList& list) {
  nlohmann::json checks = nlohmann::json::array();
  for (const CheckLine& line : list.lines())
    checks.push_back({{"section", line.section},
                      {"name", line.name},
                      {"status", names_of(line.status).name},
                      {"found", line.found},
                      {"remedy", line.remedy},
                      {"figures", line.figures}});
  return json_text({{"version", PARTIALFC_VERSION},
                    {"ok", list.wrong_lines() == 0},
                    {"wrong", list.wrong_lines()},
                    {"checks", checks}},
                   2, "check") +
         "\n";
}

std::string bytes_text(double bytes) {
  for (const auto& [unit, size] : {std::pair{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}})
    if (bytes >= size) return fmt::format("{:.3g} {}", bytes / size, unit);
  return fmt::format("{:.0f} bytes", bytes);
}

}  // namespace partialfc
