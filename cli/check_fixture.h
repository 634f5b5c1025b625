// For tests of `partialfc check`: what it says, line by line.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/program_fixture.h"

namespace partialfc {

class Check : public ProgramTest {
 protected:
  ChildResult check(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "check");
    return run(arguments);
  }
  // What `check --json` says, with the exit code that it should have.
  nlohmann::json checked(std::vector<std::string> arguments, int exit_code) {
    arguments.push_back("--json");
    const ChildResult result = check(arguments);
    EXPECT_EQ(result.exit_code, exit_code) << result.err << result.out;
    EXPECT_EQ(result.err, "");
    return nlohmann::json::parse(result.out, nullptr, false);
  }
  // The line of that section (its beginning) and name.
  static nlohmann::json line_of(const nlohmann::json& all, const std::string& section,
                                const std::string& name) {
    for (const nlohmann::json& line : all.at("checks"))
      if (line["section"].get<std::string>().starts_with(section) && line["name"] == name) return line;
    ADD_FAILURE() << section << ", " << name << " is not in " << all.dump(1);
    return {{"status", ""}, {"found", ""}, {"remedy", ""}};
  }
  static std::vector<std::string> wrong_names(const nlohmann::json& all) {
    std::vector<std::string> names;
    for (const nlohmann::json& line : all.at("checks"))
      if (line["status"] == "wrong") names.push_back(line["name"]);
    EXPECT_EQ(all["wrong"], names.size());
    EXPECT_EQ(all["ok"], names.empty());
    return names;
  }
  static void expect_wrong(const nlohmann::json& line, const std::vector<std::string>& parts,
                           const std::string& remedy) {
    EXPECT_EQ(line["status"], "wrong") << line.dump();
    for (const std::string& part : parts)
      EXPECT_THAT(line["found"].get<std::string>(), testing::HasSubstr(part));
    EXPECT_THAT(line["remedy"].get<std::string>(), testing::HasSubstr(remedy));
  }

  const std::filesystem::path set_ = std::filesystem::canonical(folder_.path()) / "set/train.rec";
};

}  // namespace partialfc
