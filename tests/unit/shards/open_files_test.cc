// Goal: files stay open as far as the process's limit allows, and leave half of it to others.
// Method: the soft limit is lowered for a test, and the process's open files are counted.
#include "open_files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "helpers/test_file.h"

namespace mlperf::shards {
namespace {

using loadgen::TestFile;
using File = std::shared_ptr<const ShardFile>;

constexpr size_t kLimit = 120;

size_t CountOfOpenFiles() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(files), end(files))) - 1;  // But for this one.
}

class OpenFilesTest : public testing::Test {
 protected:
  OpenFilesTest() {
    std::ofstream(file_.path()) << "shard";
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit lower = before_;
    lower.rlim_cur = kLimit;
    setrlimit(RLIMIT_NOFILE, &lower);
  }
  ~OpenFilesTest() override { setrlimit(RLIMIT_NOFILE, &before_); }

  // Each shard is the same file.
  File Get(OpenFiles* files, size_t shard) {
    File file;
    EXPECT_EQ(files->Get(shard, file_.path(), &file), 0) << shard;
    return file;
  }

  TestFile file_;
  rlimit before_;
};

TEST_F(OpenFilesTest, FilesStayOpen) {
  OpenFiles files(kLimit / 2);
  std::vector<int> descriptors;
  for (size_t i = 0; i < kLimit / 2; ++i) descriptors.push_back(Get(&files, i)->descriptor());
  for (size_t i = 0; i < kLimit / 2; ++i) EXPECT_EQ(Get(&files, i)->descriptor(), descriptors[i]);
}

TEST_F(OpenFilesTest, AllLibrariesTogetherKeepHalfOfWhatTheProcessMayHave) {
  const size_t before = CountOfOpenFiles();
  {
    OpenFiles one(kLimit);
    OpenFiles other(kLimit);
    for (size_t i = 0; i < kLimit; ++i) {
      Get(&one, i);
      Get(&other, i);
    }
    EXPECT_EQ(CountOfOpenFiles(), before + kLimit / 2);
  }
  EXPECT_EQ(CountOfOpenFiles(), before);
  OpenFiles next(kLimit);
  for (size_t i = 0; i < kLimit; ++i) Get(&next, i);
  EXPECT_EQ(CountOfOpenFiles(), before + kLimit / 2);
}

TEST_F(OpenFilesTest, AFileThatIsReadStaysOpen) {
  OpenFiles files(kLimit);
  const File held = Get(&files, 0);
  for (size_t i = 1; i < kLimit; ++i) Get(&files, i);
  char byte = 0;
  size_t count = 0;
  EXPECT_EQ(held->ReadAt(0, &byte, 1, &count), 0);
  EXPECT_EQ(byte, 's');
}

TEST_F(OpenFilesTest, WhereTheProcessHasNoMoreThoseThatAreKeptMakeRoom) {
  OpenFiles files(kLimit);
  for (size_t i = 0; i < 10; ++i) Get(&files, i);
  std::vector<std::unique_ptr<ShardFile>> others;
  do {
    others.push_back(std::make_unique<ShardFile>());
  } while (others.back()->Open(file_.path()) == 0);
  for (size_t i = 0; i < kLimit; ++i) Get(&files, i);
}

TEST_F(OpenFilesTest, AFileThatIsForgottenIsOpenedAgain) {
  OpenFiles files(3);
  const File first = Get(&files, 1);
  files.Forget(0);
  EXPECT_EQ(Get(&files, 1), first);
  files.Forget(1);
  EXPECT_NE(Get(&files, 1), first);
  File none;
  EXPECT_EQ(files.Get(2, file_.path() + ".none", &none), ENOENT);
}

}  // namespace
}  // namespace mlperf::shards
