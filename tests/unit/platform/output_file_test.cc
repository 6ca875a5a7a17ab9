// Goal: what is appended arrives byte for byte, headers can be replaced, and a failing disk is
// remembered instead of thrown.
// Method: files read back; sizes around the 1 MiB buffer; /dev/full as the full disk.
#include "platform/output_file.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "helpers/test_file.h"

namespace mlperf::loadgen {
namespace {

constexpr size_t kBuffer = OutputFile::kBufferSize;

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 % 251);
  return bytes;
}

TEST(OutputFile, KeepsOrderAcrossTheBufferSize) {
  for (size_t size : {size_t{0}, size_t{1}, kBuffer - 1, kBuffer, kBuffer + 1, 3 * kBuffer}) {
    TestFile path;
    const std::string bytes = Pattern(size);
    {
      OutputFile file(path.path());
      file.Append("head");
      file.Append(bytes);
      file.Append("tail");
    }
    EXPECT_EQ(path.Read(), "head" + bytes + "tail") << size;
  }
}

TEST(OutputFile, ReserveGivesSpaceOfWhichOnlyTheCommittedPartIsKept) {
  TestFile path;
  OutputFile file(path.path());
  std::string expected;
  for (int i = 0; i < 3; ++i) {
    char* space = file.Reserve(kBuffer);
    std::memset(space, 'a' + i, kBuffer);
    file.Commit(kBuffer - 5);
    expected += std::string(kBuffer - 5, static_cast<char>('a' + i));
  }
  file.Close();
  EXPECT_EQ(path.Read(), expected);
}

TEST(OutputFile, ReserveRefusesMoreThanTheBuffer) {
  TestFile path;
  OutputFile file(path.path());
  EXPECT_THROW(file.Reserve(kBuffer + 1), std::length_error);
}

TEST(OutputFile, FlushMakesBytesVisible) {
  TestFile path;
  OutputFile file(path.path());
  file.Append("abc");
  EXPECT_EQ(path.Read(), "");
  file.Flush();
  EXPECT_EQ(path.Read(), "abc");
}

TEST(OutputFile, OverwriteReplacesBytesAndAppendingGoesOn) {
  TestFile path;
  OutputFile file(path.path());
  file.Append("0123456789");
  file.Overwrite(2, "XY");
  file.Append("!");
  file.Close();
  EXPECT_EQ(path.Read(), "01XY456789!");
  EXPECT_EQ(file.error(), 0);
}

TEST(OutputFile, TruncatesWhatWasThere) {
  TestFile path;
  OutputFile(path.path()).Append("a long old text");
  OutputFile(path.path()).Append("new");
  EXPECT_EQ(path.Read(), "new");
}

TEST(OutputFile, MovedFileGoesOn) {
  TestFile path;
  OutputFile file(path.path());
  file.Append("a");
  OutputFile moved(std::move(file));
  moved.Append("b");
  OutputFile assigned;
  assigned = std::move(moved);
  assigned.Append("c");
  assigned.Close();
  EXPECT_EQ(path.Read(), "abc");
  EXPECT_EQ(assigned.path(), path.path());
}

TEST(OutputFile, MissingDirectoryThrowsWithThePath) {
  const std::string path = testing::TempDir() + "no_such_directory_of_loadgen/log.txt";
  try {
    OutputFile file(path);
    FAIL() << "opened " << path;
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOENT);
    EXPECT_NE(std::string(error.what()).find(path), std::string::npos);
  }
}

TEST(OutputFile, FullDiskIsRememberedAndDisturbsNoCaller) {
  OutputFile file("/dev/full");
  file.Append("abc");
  EXPECT_EQ(file.error(), 0) << "still in the buffer";
  file.Flush();
  EXPECT_EQ(file.error(), ENOSPC);
  file.Append(Pattern(2 * kBuffer));
  file.Overwrite(0, "x");
  file.Close();
  EXPECT_EQ(file.error(), ENOSPC);
}

TEST(OutputFile, WithoutAFileEverythingIsDropped) {
  OutputFile file;
  EXPECT_FALSE(file.is_open());
  file.Append("abc");
  file.Overwrite(0, "x");
  file.Close();
  EXPECT_EQ(file.error(), 0);
}

}  // namespace
}  // namespace mlperf::loadgen
