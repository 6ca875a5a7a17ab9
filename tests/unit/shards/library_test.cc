// Goal: samples of shards are found, loaded and forgotten by several threads at once, and shards
// that changed are seen.
// Method: small archives in files of their own, whose bodies follow from the samples' numbers. Run
// under the thread sanitizer, too (make sanitize).
#include "library.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "helpers/tar_bytes.h"
#include "helpers/test_file.h"
#include "sidecar.h"

namespace mlperf::shards {
namespace {

using loadgen::TestFile;

constexpr uint64_t kSamples = 40;  // Of a shard.

std::string BodyOf(uint64_t sample) {
  return std::string(100 + sample * 37 % 2000, static_cast<char>('a' + sample % 26)) +
         std::to_string(sample);
}

void Write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string Archive(uint64_t first) {
  std::string bytes;
  for (uint64_t sample = first; sample < first + kSamples; ++sample) {
    const std::string key = "s" + std::to_string(sample);
    bytes +=
        TarMember(key + ".cls", std::to_string(sample)) + TarMember(key + ".bin", BodyOf(sample));
  }
  return bytes + TarEnd();
}

Fault NotCompressed(size_t, const Library::Take&) {
  ADD_FAILURE() << "no shard is compressed";
  return Fault::Stopped();
}

class LibraryTest : public testing::Test {
 protected:
  LibraryTest() {
    for (uint64_t i = 0; i < std::size(files_); ++i) Write(files_[i].path(), Archive(i * kSamples));
  }

  std::vector<std::string> paths() const {
    std::vector<std::string> paths;
    for (const TestFile& file : files_) paths.push_back(file.path());
    return paths;
  }

  std::unique_ptr<Library> Open(const std::string& index_dir = "") {
    std::unique_ptr<Library> library;
    const auto lower = [](std::string_view name) { return std::string(name); };
    LibraryOptions options;
    options.index_dir = index_dir;
    options.is_interrupted = [this] { return is_interrupted_; };
    fault_ = Library::Open(paths(), options, lower, NotCompressed, &library);
    return library;
  }

  Fault Load(Library& library, const std::vector<uint64_t>& samples) {
    counted_.clear();
    return library.Load(samples, NotCompressed, &counted_);
  }

  TestFile files_[3];
  bool is_interrupted_ = false;
  Fault fault_;
  std::vector<uint64_t> counted_;  // By the latest Load().
};

void ExpectSample(const Library& library, uint64_t sample) {
  const LoadedSample* const loaded = library.Loaded(sample);
  ASSERT_NE(loaded, nullptr) << sample;
  ASSERT_EQ(loaded->field_count, 2u);
  EXPECT_EQ(loaded->fields()[0].bytes(), std::to_string(sample));
  EXPECT_EQ(loaded->fields()[1].bytes(), BodyOf(sample));
}

TEST_F(LibraryTest, LoadedSamplesAreThereUntilTheyAreUnloaded) {
  const std::unique_ptr<Library> library = Open();
  ASSERT_EQ(library->sample_count(), 3 * kSamples);
  const std::vector<uint64_t> wanted = {119, 0, 41, 40, 0};
  ASSERT_FALSE(Load(*library, wanted));
  for (const uint64_t sample : wanted) ExpectSample(*library, sample);
  EXPECT_EQ(library->loaded_bytes(), library->BytesOf(wanted));
  EXPECT_TRUE(library->Unload({0}));
  ExpectSample(*library, 0);
  EXPECT_FALSE(library->Unload({119, 0, 0}));
  ExpectSample(*library, 119);
  EXPECT_TRUE(library->Unload({119, 0, 41, 40}));
  EXPECT_EQ(library->Loaded(0), nullptr);
  EXPECT_EQ(library->loaded_bytes(), 0u);
}

TEST_F(LibraryTest, AHeldBatchStays) {
  const std::unique_ptr<Library> library = Open();
  BatchHold batch;
  ASSERT_FALSE(library->Read(77, NotCompressed, &batch));
  EXPECT_EQ(batch->samples()->fields()[1].bytes(), BodyOf(77));
}

TEST_F(LibraryTest, ShardsThatChangedAreNamed) {
  const std::unique_ptr<Library> library = Open();
  std::filesystem::resize_file(files_[1].path(), 5000);
  Fault fault = Load(*library, {0, 50, 100});
  EXPECT_EQ(fault.kind, FaultKind::kChanged) << fault.what;
  EXPECT_EQ(fault.shard, 1u);
  EXPECT_EQ(library->Loaded(0), nullptr);
  std::filesystem::remove(files_[1].path());
  fault = Load(*library, {50});
  EXPECT_EQ(fault.kind, FaultKind::kSystem);
  EXPECT_EQ(fault.system_error, ENOENT);
  EXPECT_FALSE(Load(*library, {0, 100}));
}

TEST_F(LibraryTest, WhatWasThereStaysUntilTheCallerOfAFailedLoadUnloadsIt) {
  const std::unique_ptr<Library> library = Open();
  ASSERT_FALSE(Load(*library, {0, 1}));
  std::filesystem::remove(files_[1].path());
  ASSERT_TRUE(Load(*library, {0, 50, 0}));
  EXPECT_EQ(counted_, (std::vector<uint64_t>{0, 0}));
  ASSERT_TRUE(library->Unload({0, 1}));
  ExpectSample(*library, 0);
  ASSERT_TRUE(library->Unload(counted_));
  EXPECT_EQ(library->Loaded(0), nullptr);
  EXPECT_EQ(library->loaded_bytes(), 0u);
}

TEST_F(LibraryTest, CallsThatTheCallerInterruptsStop) {
  const std::unique_ptr<Library> library = Open();
  is_interrupted_ = true;
  EXPECT_EQ(Load(*library, {0, 50, 100}).kind, FaultKind::kStopped);
  EXPECT_EQ(library->Loaded(0), nullptr);
  EXPECT_EQ(Open(), nullptr);
  EXPECT_EQ(fault_.kind, FaultKind::kStopped);
  is_interrupted_ = false;
  EXPECT_FALSE(Load(*library, {0, 50, 100}));
  ExpectSample(*library, 50);
}

TEST_F(LibraryTest, TheFirstBrokenShardIsReported) {
  Write(files_[1].path(), Archive(40).substr(0, 700));
  Write(files_[2].path(), "");
  EXPECT_EQ(Open(), nullptr);
  EXPECT_EQ(fault_.shard, 1u);
  EXPECT_EQ(fault_.format.kind, ErrorKind::kTruncated);
}

TEST_F(LibraryTest, TheSidecarIsTheIndex) {
  const TestFile folder;
  ASSERT_TRUE(std::filesystem::create_directory(folder.path()));
  const std::unique_ptr<Library> first = Open(folder.path());
  for (size_t i = 0; i < 3; ++i) {
    const std::string name = SidecarPath(folder.path(), files_[i].path());
    IndexedShard shard;
    ASSERT_EQ(ShardFile::Identify(files_[i].path(), &shard.identity), 0);
    ASSERT_TRUE(ReadSidecar(name, {}, &shard));
    EXPECT_EQ(shard.index.offset, first->shard(i).index.offset);
    EXPECT_EQ(shard.index.header_hash, first->shard(i).index.header_hash);
    EXPECT_EQ(shard.index.keys.text(), first->shard(i).index.keys.text());
    EXPECT_FALSE(ReadSidecar(name, {.resolve_links = true}, &shard));
    ++shard.identity.mtime_ns;
    EXPECT_FALSE(ReadSidecar(name, {}, &shard));
    std::filesystem::remove(name);
  }
}

TEST_F(LibraryTest, TheSidecarOfAShardIsTheSameHoweverItsPathIsWritten) {
  const std::string name = SidecarPath("d", "/a/b.tar");
  for (const char* path : {"/a//b.tar", "/a/./b.tar", "/a/c/../b.tar", "/./a/b.tar"}) {
    EXPECT_EQ(SidecarPath("d", path), name) << path;
  }
  EXPECT_EQ(SidecarPath("d", "b.tar"), SidecarPath("d", std::filesystem::absolute("b.tar")));
  EXPECT_NE(SidecarPath("d", "/other/b.tar"), name);
}

TEST_F(LibraryTest, FourThreadsLoadReadAndUnload) {
  const std::unique_ptr<Library> library = Open();
  const auto work = [&](unsigned seed) {
    std::minstd_rand draw(seed);
    for (int round = 0; round < 40; ++round) {
      std::vector<uint64_t> wanted(20);
      for (uint64_t& sample : wanted) sample = draw() % library->sample_count();
      std::vector<uint64_t> counted;
      ASSERT_FALSE(library->Load(wanted, NotCompressed, &counted));
      for (const uint64_t sample : wanted) ExpectSample(*library, sample);
      ASSERT_TRUE(library->Unload(wanted));
      BatchHold read;
      ASSERT_FALSE(library->Read(wanted[0], NotCompressed, &read));
      ASSERT_EQ(read->samples()->fields()[1].bytes(), BodyOf(wanted[0]));
    }
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 4; ++seed) threads.emplace_back(work, seed);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(library->loaded_bytes(), 0u);
}

TEST_F(LibraryTest, AShardThatIsCutAndReplacedDuringLoads) {
  const std::string whole = Archive(kSamples);
  std::atomic<bool> stop = false;
  std::thread disturber([&] {
    const std::string other = files_[1].path() + ".other";
    while (!stop) {
      std::filesystem::resize_file(files_[1].path(), 3000);
      Write(other, whole);
      std::filesystem::rename(other, files_[1].path());
    }
  });
  int faults = 0;
  while (faults < 20) {
    const std::unique_ptr<Library> library = Open();
    if (library == nullptr) continue;  // It was cut just then.
    for (int round = 0; round < 5; ++round) {
      if (Load(*library, {45, 60, 79})) {
        ++faults;
        continue;
      }
      for (const uint64_t sample : {45, 60, 79}) ExpectSample(*library, sample);
      ASSERT_TRUE(library->Unload({45, 60, 79}));
    }
  }
  stop = true;
  disturber.join();
}

}  // namespace
}  // namespace mlperf::shards
