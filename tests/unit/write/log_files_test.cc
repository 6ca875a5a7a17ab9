// Goal: the log files of a test are where its settings say, and what stands in the way is refused
// by its path. Method: a table of settings and names; directories that are missing, files in the
// place of directories and the other way round; /dev/full as the disk that is full.
#include "write/log_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace mlperf::loadgen {
namespace {

namespace fs = std::filesystem;

constexpr char kDateTime[] = "2026-11-20T02:55:54Z";

// An empty directory, removed afterwards with all that is in it.
class TestDirectory {
 public:
  TestDirectory() {
    static int count = 0;
    path_ = testing::TempDir() + "log_files_test_" + std::to_string(getpid()) + "_" +
            std::to_string(count++);
    fs::create_directory(path_);
  }
  ~TestDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;

  const std::string& path() const { return path_; }
  // The files in it and below, without the leading path.
  std::set<std::string> Files() const {
    std::set<std::string> files;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path_)) {
      if (!entry.is_directory()) files.insert(fs::relative(entry.path(), path_).string());
    }
    return files;
  }

 private:
  std::string path_;
};

void NoWarning(const std::string& text) { ADD_FAILURE() << "warned: " << text; }

LogSettings Settings(const std::string& outdir) {
  LogSettings settings;
  settings.log_output.outdir = outdir;
  return settings;
}

// What is thrown when the files are opened.
std::string Refusal(const LogSettings& settings) {
  try {
    LogFiles files(settings, kDateTime, NoWarning);
  } catch (const std::system_error& error) {
    return error.what();
  }
  return "nothing";
}

int OpenDescriptors() {
  int count = 0;
  for (int fd = 0; fd < 1024; ++fd) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

// ---- Names -------------------------------------------------------------------------------------

TEST(LogFilesTest, UtcDateTime) {
  EXPECT_EQ(UtcDateTime(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(UtcDateTime(1795143354'000000000), kDateTime);
  EXPECT_EQ(UtcDateTime(1795143354'999999999), kDateTime);
  EXPECT_EQ(UtcDateTime(951782400'000000000), "2000-02-29T00:00:00Z");
}

TEST(LogFilesTest, NamesFollowTheSettings) {
  struct Case {
    std::string prefix, suffix;
    bool prefix_with_datetime;
    std::string summary;  // The others have their own word and extension in its place.
  };
  const std::vector<Case> kCases = {
      {"mlperf_log_", "", false, "mlperf_log_summary.txt"},
      {"mlperf_log_", "_S", false, "mlperf_log_summary_S.txt"},
      {"mlperf_log_", "_S", true, "mlperf_log_2026-11-20T02:55:54Z_summary_S.txt"},
      {"", "", false, "summary.txt"},
      {"", "", true, "2026-11-20T02:55:54Z_summary.txt"},
      {"runs/a_", "", false, "runs/a_summary.txt"},
      {"runs/", "-b", true, "runs/2026-11-20T02:55:54Z_summary-b.txt"},
  };
  for (const Case& c : kCases) {
    TestDirectory directory;
    LogSettings settings = Settings(directory.path());
    settings.log_output.prefix = c.prefix;
    settings.log_output.suffix = c.suffix;
    settings.log_output.prefix_with_datetime = c.prefix_with_datetime;
    LogFiles files(settings, kDateTime, NoWarning);
    const auto named = [&](const std::string& word, const std::string& extension) {
      std::string name = c.summary;
      name.replace(name.rfind(".txt"), 4, extension);
      return name.replace(name.rfind("summary"), 7, word);
    };
    const std::string base = directory.path() + "/";
    const LogPaths paths = files.paths();
    EXPECT_EQ(paths.summary, base + c.summary);
    EXPECT_EQ(paths.detail, base + named("detail", ".txt"));
    EXPECT_EQ(paths.accuracy, base + named("accuracy", ".json"));
    EXPECT_EQ(paths.trace, base + named("trace", ".json"));
    std::string samples = named("samples", ".npy");
    samples.insert(samples.rfind('/') + 1, "loadgen_samples/");  // rfind's npos + 1 is 0.
    EXPECT_EQ(paths.samples, base + samples);
    EXPECT_EQ(directory.Files(),
              (std::set<std::string>{c.summary, named("detail", ".txt"), named("accuracy", ".json"),
                                     named("trace", ".json"), samples}));
  }
}

TEST(LogFilesTest, ADeletedWorkingDirectoryIsNamedUnlessThePathIsAbsolute) {
  const fs::path before = fs::current_path();
  const TestDirectory logs;
  {
    const TestDirectory deleted;
    fs::current_path(deleted.path());
  }
  for (const std::string outdir : {".", "logs"}) {
    try {
      LogFiles(Settings(outdir), kDateTime, NoWarning);
      ADD_FAILURE() << outdir << " was taken";
    } catch (const std::system_error& error) {
      const std::string text = error.what();
      EXPECT_NE(text.find("the working directory no longer exists"), std::string::npos) << text;
      EXPECT_NE(text.find("'" + outdir + "' (log_output.outdir)"), std::string::npos) << text;
    }
  }
  LogFiles(Settings(logs.path()), kDateTime, NoWarning);
  EXPECT_FALSE(logs.Files().empty());
  fs::current_path(before);
}

TEST(LogFilesTest, SampleLogIsMadeOnlyIfAskedForAndTheTraceAlways) {
  TestDirectory directory;
  LogSettings settings = Settings(directory.path());
  settings.enable_sample_log = false;
  settings.enable_trace = false;
  LogFiles files(settings, kDateTime, NoWarning);
  EXPECT_FALSE(files.samples.is_open());
  EXPECT_EQ(files.paths().samples, "");
  EXPECT_EQ(directory.Files(),
            (std::set<std::string>{"mlperf_log_summary.txt", "mlperf_log_detail.txt",
                                   "mlperf_log_accuracy.json", "mlperf_log_trace.json"}));
}

TEST(LogFilesTest, FilesOfAnEarlierTestAreReplaced) {
  TestDirectory directory;
  const std::string path = directory.path() + "/mlperf_log_summary.txt";
  std::ofstream(path) << "old";
  std::string warning;
  LogFiles files(Settings(directory.path()), kDateTime,
                 [&](const std::string& text) { warning += text; });
  files.CloseAll();
  EXPECT_EQ(fs::file_size(path), 0u);
  EXPECT_EQ(warning, "the logs of an earlier test are overwritten: '" + path +
                         "'; give each test its own log_output.outdir or prefix, or turn "
                         "log_output.exist_ok off to have it refused");
}

TEST(LogFilesTest, FilesOfAnEarlierTestAreKeptIfAskedFor) {
  for (const char* name : {"mlperf_log_summary.txt", "mlperf_log_samples.npy",
                           "loadgen_samples/mlperf_log_samples.npy"}) {
    TestDirectory directory;
    fs::create_directory(directory.path() + "/loadgen_samples");
    const std::string path = directory.path() + "/" + name;
    std::ofstream(path) << "old";
    LogSettings settings = Settings(directory.path());
    settings.log_output.exist_ok = false;
    const std::string refusal = Refusal(settings);
    EXPECT_NE(refusal.find("log file '" + path + "' exists and log_output.exist_ok is false"),
              std::string::npos)
        << refusal;
    EXPECT_EQ(fs::file_size(path), 3u);
    EXPECT_EQ(directory.Files(), (std::set<std::string>{name}));
  }
}

TEST(LogFilesTest, AWarningThatThrowsRefusesAndLosesNothing) {
  TestDirectory directory;
  const std::string path = directory.path() + "/mlperf_log_trace.json";
  std::ofstream(path) << "old";
  const auto refuse = [](const std::string&) { throw std::runtime_error("refused"); };
  EXPECT_THROW(LogFiles(Settings(directory.path()), kDateTime, refuse), std::runtime_error);
  EXPECT_EQ(fs::file_size(path), 3u);
}

TEST(LogFilesTest, EmptyFilesAreNothingToLose) {
  TestDirectory directory;
  std::ofstream(directory.path() + "/mlperf_log_summary.txt").close();
  LogSettings settings = Settings(directory.path());
  settings.log_output.exist_ok = false;
  EXPECT_EQ(Refusal(settings), "nothing");
}

TEST(LogFilesTest, ASampleLogOfAnEarlierTestIsNotLeftForThisTests) {
  TestDirectory directory;
  const std::string folder = directory.path() + "/loadgen_samples";
  const std::string beside = directory.path() + "/mlperf_log_samples.npy";
  const std::string inside = folder + "/mlperf_log_samples.npy";
  LogSettings settings = Settings(directory.path());
  for (const bool enabled : {true, false}) {
    fs::create_directory(folder);
    std::ofstream(beside) << "old";
    std::ofstream(inside) << "old";
    settings.enable_sample_log = enabled;
    int warnings = 0;
    LogFiles files(settings, kDateTime, [&](const std::string&) { ++warnings; });
    files.CloseAll();
    EXPECT_EQ(warnings, 1);
    EXPECT_FALSE(fs::exists(beside));
    EXPECT_EQ(fs::exists(folder), enabled);
    EXPECT_EQ(fs::exists(inside), enabled);
    if (enabled) {
      EXPECT_EQ(fs::file_size(inside), 0u);
    }
  }
  // What belongs to others stays.
  fs::create_directory(folder);
  std::ofstream(folder + "/other_samples.npy") << "another test's";
  LogFiles(settings, kDateTime, NoWarning);
  EXPECT_TRUE(fs::exists(folder + "/other_samples.npy"));
}

TEST(LogFilesTest, AFileInThePlaceOfTheSampleFolderIsRefusedAndLosesNothing) {
  TestDirectory directory;
  const std::string folder = directory.path() + "/loadgen_samples";
  std::ofstream(folder) << "mine";
  const std::string refusal = Refusal(Settings(directory.path()));
  EXPECT_NE(refusal.find("cannot create the folder of the sample log '" + folder + "'"),
            std::string::npos)
      << refusal;
  EXPECT_NE(refusal.find("enable_sample_log = false"), std::string::npos) << refusal;
  EXPECT_EQ(directory.Files(), (std::set<std::string>{"loadgen_samples"}));
  LogSettings settings = Settings(directory.path());
  settings.enable_sample_log = false;
  EXPECT_EQ(Refusal(settings), "nothing");
  EXPECT_EQ(fs::file_size(folder), 4u);
}

// ---- Sizes -------------------------------------------------------------------------------------

TEST(LogFilesTest, BoundsAreTheSizeOrTheShareOfTheFreeSpaceWhicheverIsLess) {
  TestDirectory directory;
  LogSettings settings = Settings(directory.path());
  settings.max_trace_mb = 3;
  settings.max_sample_log_mb = 5;
  settings.max_free_space_share = 0;
  const LogFiles by_size(settings, kDateTime, NoWarning);
  EXPECT_EQ(by_size.trace_bound.bytes, 3000000u);
  EXPECT_EQ(by_size.trace_bound.setting, "max_trace_mb = 3");
  EXPECT_EQ(by_size.sample_bound.bytes, 5000000u);
  EXPECT_EQ(by_size.sample_bound.setting, "max_sample_log_mb = 5");

  settings.max_trace_mb = settings.max_sample_log_mb = 0;
  const LogFiles unbounded(settings, kDateTime, NoWarning);
  EXPECT_EQ(unbounded.trace_bound.bytes, std::numeric_limits<uint64_t>::max());

  settings.max_free_space_share = 1e-3;
  const LogFiles by_share(settings, kDateTime, NoWarning);
  const auto capacity = fs::space(directory.path()).capacity;
  EXPECT_LE(by_share.trace_bound.bytes, capacity / 1000 + 1);
  EXPECT_LE(by_share.sample_bound.bytes, capacity / 1000 + 1);
  EXPECT_TRUE(by_share.sample_bound.setting.starts_with("max_free_space_share = 0.001 of "));
}

TEST(LogFilesTest, RefusesAShareThatIsNone) {
  for (const double share : {-0.1, 1.1, std::nan("")}) {
    TestDirectory directory;
    LogSettings settings = Settings(directory.path());
    settings.max_free_space_share = share;
    EXPECT_THROW(LogFiles(settings, kDateTime, NoWarning), std::invalid_argument) << share;
    EXPECT_EQ(directory.Files(), std::set<std::string>{});
  }
}

TEST(LogFilesTest, WhatCannotBeOpenedIsRefusedInTheSameWordsBeforeAnythingIsMade) {
  struct Case {
    std::function<void(LogSettings*)> change;
    std::string words;
  };
  const std::vector<Case> kCases = {
      {[](LogSettings* s) { s->max_free_space_share = 2; }, "max_free_space_share is 2; give"},
      {[](LogSettings* s) { s->log_output.suffix = "/a/b"; }, "log_output.suffix is '/a/b'; it en"},
      {[](LogSettings* s) { s->log_output.suffix = "/a"; }, "so give it without a /"},
      {[](LogSettings* s) { s->log_output.prefix.assign(300, 'x'); }, "give a shorter log_output."},
      {[](LogSettings* s) { s->log_output.suffix.assign(243, 'x'); }, "summaryxxxx"},
      {[](LogSettings* s) { s->log_output.prefix = "a/b/"; }, "its parent must exist"},
      {[](LogSettings* s) { s->log_output.prefix = std::string("a\0b", 3); }, "a NUL byte"},
      {[](LogSettings* s) { s->log_output.outdir += "/file/logs"; }, "Not a directory"},
      {[](LogSettings* s) { s->log_output.outdir += "/file"; }, "File exists"},
  };
  const auto said = [](const std::function<void()>& call) -> std::string {
    try {
      call();
    } catch (const std::exception& error) {
      return error.what();
    }
    return "nothing";
  };
  for (const Case& c : kCases) {
    TestDirectory directory;
    std::ofstream(directory.path() + "/file") << "of others";
    LogSettings settings = Settings(directory.path());
    c.change(&settings);
    const std::string checked = said([&] { CheckLogSettings(settings); });
    EXPECT_EQ(checked, said([&] { LogFiles(settings, kDateTime, NoWarning); }));
    EXPECT_NE(checked.find(c.words), std::string::npos) << checked << " has not: " << c.words;
    EXPECT_EQ(directory.Files(), std::set<std::string>{"file"});
  }
}

TEST(LogFilesTest, ACheckMakesNothingAndAllowsWhatCanBeOpened) {
  TestDirectory directory;
  LogSettings settings = Settings(directory.path() + "/new");
  settings.log_output.suffix.assign(230, 'x');
  EXPECT_NO_THROW(CheckLogSettings(settings));
  EXPECT_FALSE(fs::exists(directory.path() + "/new"));
  LogFiles(settings, kDateTime, NoWarning);
}

TEST(LogFilesTest, RemovedFilesAreFailures) {
  TestDirectory directory;
  LogFiles files(Settings(directory.path()), kDateTime, NoWarning);
  files.detail.Append("text");
  fs::remove(files.paths().detail);
  files.CloseAll();
  EXPECT_EQ(files.Failures(), "log file '" + files.paths().detail +
                                  "' was removed while the test ran; its contents are lost");
}

// ---- Directories -------------------------------------------------------------------------------

TEST(LogFilesTest, MissingDirectoryIsMadeInsideAnExistingOne) {
  TestDirectory directory;
  LogFiles files(Settings(directory.path() + "/new"), kDateTime, NoWarning);
  EXPECT_EQ(directory.Files().count("new/mlperf_log_detail.txt"), 1u);
}

TEST(LogFilesTest, MissingParentIsRefused) {
  TestDirectory directory;
  const std::string outdir = directory.path() + "/no/such";
  const std::string refusal = Refusal(Settings(outdir));
  EXPECT_NE(refusal.find("'" + outdir + "'"), std::string::npos) << refusal;
  EXPECT_NE(refusal.find("its parent must exist"), std::string::npos) << refusal;
  EXPECT_FALSE(fs::exists(directory.path() + "/no"));
}

TEST(LogFilesTest, PrefixMayNotNameTwoMissingDirectories) {
  TestDirectory directory;
  LogSettings settings = Settings(directory.path());
  settings.log_output.prefix = "no/such/log_";
  const std::string refusal = Refusal(settings);
  EXPECT_NE(refusal.find(directory.path() + "/no/such"), std::string::npos) << refusal;
}

TEST(LogFilesTest, FileInThePlaceOfTheDirectoryIsRefused) {
  TestDirectory directory;
  const std::string outdir = directory.path() + "/taken";
  std::ofstream(outdir) << "a file";
  const std::string refusal = Refusal(Settings(outdir));
  EXPECT_NE(refusal.find(outdir), std::string::npos) << refusal;
}

TEST(LogFilesTest, DirectoryWithoutWritePermissionIsRefused) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  TestDirectory directory;
  fs::permissions(directory.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const std::string refusal = Refusal(Settings(directory.path()));
  fs::permissions(directory.path(), fs::perms::owner_all);
  EXPECT_NE(refusal.find(directory.path()), std::string::npos) << refusal;
}

// ---- Files -------------------------------------------------------------------------------------

TEST(LogFilesTest, DirectoryInThePlaceOfAFileIsRefusedAndNothingStaysOpen) {
  for (const char* name :
       {"mlperf_log_summary.txt", "mlperf_log_detail.txt", "mlperf_log_accuracy.json",
        "mlperf_log_trace.json", "loadgen_samples/mlperf_log_samples.npy"}) {
    TestDirectory directory;
    const std::string path = directory.path() + "/" + name;
    fs::create_directories(path);
    const int open_before = OpenDescriptors();
    const std::string refusal = Refusal(Settings(directory.path()));
    EXPECT_NE(refusal.find("'" + path + "'"), std::string::npos) << refusal;
    EXPECT_EQ(OpenDescriptors(), open_before) << name;
  }
}

TEST(LogFilesTest, CloseAllClosesEveryFile) {
  TestDirectory directory;
  const int open_before = OpenDescriptors();
  LogFiles files(Settings(directory.path()), kDateTime, NoWarning);
  EXPECT_EQ(OpenDescriptors(), open_before + 5);
  files.summary.Append("text");
  files.CloseAll();
  EXPECT_EQ(OpenDescriptors(), open_before);
  EXPECT_EQ(files.Failures(), "");
  EXPECT_EQ(fs::file_size(files.paths().summary), 4u);
}

TEST(LogFilesTest, FailuresNameEachFileOnALineOfItsOwn) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "needs /dev/full";
  TestDirectory directory;
  const std::string detail = directory.path() + "/mlperf_log_detail.txt";
  const std::string trace = directory.path() + "/mlperf_log_trace.json";
  for (const std::string& path : {detail, trace}) fs::create_symlink("/dev/full", path);
  LogFiles files(Settings(directory.path()), kDateTime, NoWarning);
  for (OutputFile* file : {&files.summary, &files.detail, &files.trace}) file->Append("text");
  EXPECT_EQ(files.Failures(), "") << "still in the buffer";
  files.CloseAll();
  const std::string reason = "': No space left on device; its contents are incomplete";
  EXPECT_EQ(files.Failures(), "cannot write log file '" + detail + reason +
                                  "\ncannot write log file '" + trace + reason);
}

}  // namespace
}  // namespace mlperf::loadgen
