// What `partialfc check` finds: lines in sections, printed as a table or as JSON.
//
//     versions
//       [X] Open MPI              4.1.4
//       [ ] NCCL                  absent
//     recipe my.toml
//       [!] labels                3 of 120 images …
//                                 → what to do
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace partialfc {

enum class CheckStatus {
  kOk,      // [X] there and in order
  kAbsent,  // [ ] not there, and nothing that is asked for needs it
  kWrong,   // [!]
};

struct CheckLine {
  std::string section, name;
  CheckStatus status = CheckStatus::kOk;
  std::string found;
  std::string remedy;                     // what to do; empty where `found` says it
  std::map<std::string, double> figures;  // for programs, in bytes and seconds
};

class CheckList {
 public:
  // Lines that follow belong to this section.
  void begin_section(std::string section) { section_ = std::move(section); }
  void ok(const std::string& name, const std::string& found, std::map<std::string, double> figures = {});
  void absent(const std::string& name, const std::string& found);
  void wrong(const std::string& name, const std::string& found, const std::string& remedy = "",
             std::map<std::string, double> figures = {});
  // Runs `action`; an Error that it throws becomes a wrong line. Returns whether it threw none.
  bool attempt(const std::string& name, const std::function<void()>& action);

  const std::vector<CheckLine>& lines() const { return lines_; }
  int wrong_lines() const;

 private:
  std::string section_;
  std::vector<CheckLine> lines_;
};

// Wrapped at 80 columns, but for words that are longer.
std::string check_text(const CheckList& list);
// {"version", "ok", "wrong", "checks": [{"section", "name", "status", "found", "remedy", "figures"}]}
std::string check_json(const CheckList& list);

// "1.5 GB", of 10^9 bytes.
std::string bytes_text(double bytes);

}  // namespace partialfc
