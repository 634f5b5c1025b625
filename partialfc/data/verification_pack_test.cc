#include "partialfc/data/verification_pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "partialfc/data/test_files.h"

namespace partialfc {
namespace {

using namespace std::string_literals;  // texts that hold zeros

// What testdata/make_packs.py writes.
VerificationPack expected_pack() {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  const std::string escapes = "back\\slash 'quote' \"double\" \n\r\t\0\x1a"s;
  VerificationPack pack{.same = {1, 0, 1}};
  for (const std::string& image :
       {std::string("first"), std::string(), all, escapes, std::string("\xff\xd8\xff"), std::string("first")})
    pack.images.push_back(to_bytes(image));
  return pack;
}

class FixturePack : public testing::TestWithParam<std::tuple<std::string, int>> {
 protected:
  std::string path() const {
    const auto& [kind, protocol] = GetParam();
    return PARTIALFC_DATA_TESTDATA "/" + kind + "_protocol" + std::to_string(protocol) + ".bin";
  }
};

TEST_P(FixturePack, IsReadAsPythonWroteIt) {
  const VerificationPack pack = read_verification_pack(path());
  const VerificationPack expected = expected_pack();
  EXPECT_EQ(pack.same, expected.same);
  ASSERT_EQ(pack.images.size(), expected.images.size());
  for (size_t i = 0; i < pack.images.size(); ++i) EXPECT_EQ(pack.images[i], expected.images[i]) << i;
}

// Each must throw Error or succeed: no crash, no other exception, no endless loop.
TEST_P(FixturePack, DamageAtEveryByteIsSurvived) {
  const std::vector<std::byte> whole = read_binary_file(path());
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_ERROR(parse_verification_pack({whole.begin(), whole.begin() + size}), "cut short");
  for (size_t i = 0; i < whole.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      auto damaged = whole;
      damaged[i] ^= std::byte{1} << bit;
      message_of([&] { parse_verification_pack(damaged); });
    }
}

INSTANTIATE_TEST_SUITE_P(All, FixturePack,
                         testing::Combine(testing::Values("bytes", "numpy1", "numpy2", "scalars"),
                                          testing::Range(0, 6)),
                         [](const auto& info) {
                           return std::get<0>(info.param) + std::to_string(std::get<1>(info.param));
                         });

VerificationPack read(std::string_view pickle) { return parse_verification_pack(to_bytes(pickle)); }

TEST(VerificationPack, WhatIsWrittenIsRead) {
  const ScratchFolder folder;
  for (const VerificationPack& pack : {expected_pack(), VerificationPack()}) {
    write_verification_pack(folder / "a.bin", pack);
    const VerificationPack again = read_verification_pack(folder / "a.bin");
    EXPECT_EQ(again.images, pack.images);
    EXPECT_EQ(again.same, pack.same);
  }
}

// pickletools.dis of these bytes: PROTO 3, EMPTY_LIST, MARK, BINBYTES × 2, APPENDS, EMPTY_LIST, MARK, NEWTRUE, APPENDS,
// TUPLE2, STOP.
TEST(VerificationPack, IsWrittenAsAPickleOfProtocol3) {
  const ScratchFolder folder;
  write_verification_pack(folder / "a.bin", {.images = {to_bytes("ab"), to_bytes("")}, .same = {1}});
  EXPECT_EQ(read_text_file(folder / "a.bin"),
            "\x80\x03](B\x02\0\0\0ab"
            "B\0\0\0\0e](\x88"
            "e\x86."s);
}

TEST(VerificationPack, StringsOfPython2AreImages) {
  // cPickle.dumps((['ab', "c'd\x00"], [True]), 2) and protocol 0.
  VerificationPack pack = read(
      "\x80\x02]q\x01(U\x02"
      "abq\x02T\x04\0\0\0c'd\0e]q\x04\x88"
      "a\x86q\x05."s);
  ASSERT_EQ(pack.images.size(), 2u);
  EXPECT_EQ(pack.images[1], to_bytes("c'd\0"s));
  pack = read("((lp1\nS'ab'\np2\naS\"c'd\\x00\\\\\"\np3\na(lp4\nI01\natp5\n.");
  ASSERT_EQ(pack.images.size(), 2u);
  EXPECT_EQ(pack.images[0], to_bytes("ab"));
  EXPECT_EQ(pack.images[1], to_bytes("c'd\0\\"s));
  EXPECT_EQ(pack.same, std::vector<uint8_t>{1});
}

TEST(VerificationPack, CodeIsRefusedByNameAndNotRun) {
  const ScratchFolder folder;
  const std::string witness = (folder / "witness").string();
  // Python would run: os.system("touch WITNESS"), in protocol 0 and with STACK_GLOBAL.
  EXPECT_ERROR(read("cposix\nsystem\n(S'touch " + witness + "'\ntR."), "refuses posix.system");
  EXPECT_ERROR(read("\x80\x04\x8c\x05posix\x8c\x06system\x93(X\x01\0\0\0xtR."s),
               "at byte 18 of the pickle: refuses posix.system");
  EXPECT_ERROR(read("c__builtin__\neval\n(S'1'\ntR."), "refuses __builtin__.eval");
  EXPECT_ERROR(read("cnumpy\nload\n(S'x'\ntR."), "refuses numpy.load");
  EXPECT_ERROR(read("(S'touch x'\niposix\nsystem\n."), "refuses opcode 0x69");
  EXPECT_ERROR(read("S'f'\n(tR."), "refuses to call what is not a known name");
  EXPECT_ERROR(read("]Nb."), "refuses to set the state");
  EXPECT_FALSE(std::filesystem::exists(witness));
}

TEST(VerificationPack, OtherPicklesAreRefused) {
  const ScratchFolder folder;
  EXPECT_ERROR(read_verification_pack(folder / "none.bin"), "none.bin: cannot open");
  write_file_atomically(folder / "a.bin", "N.");
  EXPECT_ERROR(read_verification_pack(folder / "a.bin"),
               "a.bin: not a verification pack that can be read: not a pair");
  EXPECT_ERROR(read(""), "cut short");
  EXPECT_ERROR(read("\x80\x06N."), "refuses protocol 6");
  EXPECT_ERROR(read("N."), "not a pair");
  EXPECT_ERROR(read("."), "a value is missing");
  EXPECT_ERROR(read("e."), "a mark is missing");
  EXPECT_ERROR(read("h\x07."), "value 7 is asked for before it is there");
  EXPECT_ERROR(read("(]](\x88"
                    "et."),
               "0 images, but 1 truth values");
  EXPECT_ERROR(read("(](C\x01xC\x01ye](K\x02"
                    "et."),
               "pair 0 has the truth value 2");
  EXPECT_ERROR(read("(](C\x01xNe](\x88"
                    "et."),
               "image 1 is neither bytes nor a numpy array");
  EXPECT_ERROR(read("(](NNe](C\x01xet."), "pair 0 has no truth value");
  EXPECT_ERROR(read("((lcnumpy\ndtype\n(S'O8'\ntRt."), "refuses arrays of type \"O8\"");
}

// 1 KiB of text that is encoded again and again, and a list that repeats one large image.
TEST(VerificationPack, MemoryIsBoundedByTheFileSize) {
  std::string grows = "(V" + std::string(1024, 'x') + "\np0\n";
  for (int i = 0; i < 100; ++i) grows += "c_codecs\nencode\n(g0\nVlatin1\ntR";
  EXPECT_ERROR(read(grows + "l."), "grows beyond what the file can mean");

  std::string repeats = "](B" + "\0\x10\0\0"s + std::string(4096, 'x') + "q\x01";
  for (int i = 0; i < 999; ++i) repeats += "h\x01";
  repeats += "e](";
  for (int i = 0; i < 500; ++i) repeats += "\x88";
  EXPECT_ERROR(read(repeats + "e\x86."), "repeat to more than 64 times the file");
}

}  // namespace
}  // namespace partialfc
