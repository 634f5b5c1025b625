#include "partialfc/launch/hosts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "partialfc/base/file.h"
#include "partialfc/base/host_name.h"
#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

using testing::HasSubstr;
using HostsList = std::vector<Host>;

TEST(Hosts, OfTheCommandLine) {
  EXPECT_EQ(parse_hosts("localhost:8"), (HostsList{{"localhost", 8}}));
  EXPECT_EQ(parse_hosts("ip1:8,10.1.2.3:16,node_3.a-b.org"),
            (HostsList{{"ip1", 8}, {"10.1.2.3", 16}, {"node_3.a-b.org", 1}}));
  EXPECT_EQ(slots_of(parse_hosts("a:8,b:16,c")), 25);
  EXPECT_EQ(host_list(parse_hosts("a:8,b")), "a:8,b:1");
}

TEST(Hosts, OneNamedTwiceHasTheSlotsOfBothAtTheFirstPlace) {
  EXPECT_EQ(parse_hosts("a:8,b:2,a:3"), (HostsList{{"a", 11}, {"b", 2}}));
}

TEST(Hosts, NamesThatAShellOrSshCouldTakeForSomethingElseAreRefused) {
  for (const char* name :
       {"-oProxyCommand=x", "a;b", "$(x)", "a b", "`x`", "a|b", "a'b", "", "a\nb", "ä", "a/b"})
    EXPECT_THAT(message_of([&] { parse_hosts(std::string("ok:2,") + name + ":8"); }),
                HasSubstr("is no host name"))
        << name;
  EXPECT_THAT(message_of([] { parse_hosts("a,"); }), HasSubstr("-H a,: '' is no host name"));
  EXPECT_THAT(message_of([] { parse_hosts("user@a:8"); }), HasSubstr("'user@a' names a user"));
  for (const char* name : {"[fe80::1]:8", "fe80::1", "::1", "a:1:1"})
    EXPECT_THAT(message_of([&] { parse_hosts(name); }), HasSubstr("mpirun takes no IPv6 address")) << name;
}

TEST(Hosts, SlotsAreWholeNumbersFromOne) {
  for (const char* slots : {"0", "-1", "1.5", "", "x", "8x", "65537", "99999999999999999999"})
    EXPECT_THAT(message_of([&] { parse_hosts(std::string("a:") + slots); }),
                HasSubstr("is no number of slots"))
        << slots;
  EXPECT_EQ(parse_hosts("a:65536")[0].slots, 65536);
}

class Hostfile : public testing::Test {
 protected:
  HostsList read(const std::string& text) {
    write_file_atomically(folder_ / "hosts", text);
    return read_hostfile(folder_ / "hosts");
  }
  ScratchFolder folder_;
};

TEST_F(Hostfile, InBothStyles) {
  EXPECT_EQ(read("# two racks\n\na slots=8\n\tb:4  # the old one\r\nc\n  \na slots=2"),
            (HostsList{{"a", 10}, {"b", 4}, {"c", 1}}));
}

TEST_F(Hostfile, WhatIsNotUnderstoodIsToldWithItsLine) {
  const auto refusal = [&](const std::string& text) { return message_of([&] { read(text); }); };
  EXPECT_THAT(refusal("a\nb slot=3\n"),
              HasSubstr("hosts, line 2: 'b slot=3' is not understood: write 'b slots=8'"));
  EXPECT_THAT(refusal("b:3 slots=3"), HasSubstr("line 1: 'b:3 slots=3' is not understood"));
  EXPECT_THAT(refusal("b slots=3 max_slots=4"), HasSubstr("is not understood"));
  EXPECT_THAT(refusal("b slots=x"), HasSubstr("line 1: 'x' is no number of slots"));
  EXPECT_THAT(refusal("a:1,b:1"), HasSubstr("line 1: 'a:1,b' "));  // a line is one host
  EXPECT_THAT(refusal("# none\n"), HasSubstr("names no host"));
  EXPECT_THAT(message_of([&] { read_hostfile(folder_ / "none"); }), HasSubstr("none: cannot open"));
}

TEST(Hosts, ThisHost) {
  char name[256] = {};
  ASSERT_EQ(::gethostname(name, sizeof name - 1), 0);
  for (const std::string& own :
       {std::string("localhost"), std::string("127.0.0.1"), std::string("127.0.1.1"), std::string(name)})
    EXPECT_TRUE(is_this_host(own)) << own;
  // mpirun is told its name, and the slots of all that it was given by.
  EXPECT_EQ(named_as_here({{"192.0.2.1", 2}, {"127.0.0.1", 1}, {host_name(), 3}, {"localhost", 1}}),
            (std::vector<Host>{{"192.0.2.1", 2}, {host_name(), 4}, {"localhost", 1}}));
  EXPECT_FALSE(is_this_host("192.0.2.1"));  // kept for documentation: no one's
  EXPECT_FALSE(is_this_host("no-such-host.invalid"));
}

}  // namespace
}  // namespace partialfc
