// Goal: no file of the fuzzers' corpora, among them everything that ever failed, breaks a promise
// of a reader.
// Method: the functions that libFuzzer runs (`make fuzz`), here on the checked-in files. Each
// corpus has to hold files that are accepted and files that are refused, or the checks would be
// idle.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>

#include "fuzz_targets.h"

namespace mlperf::loadgen {
namespace {

namespace fs = std::filesystem;

void RunCorpus(const std::string& name, const std::function<bool(std::string_view)>& target) {
  int accepted = 0;
  int refused = 0;
  for (const auto& entry :
       fs::directory_iterator(LOADGEN_SOURCE_DIR "/tests/fuzz/corpus/" + name)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(file), {}};
    ASSERT_TRUE(file.good() || input.size() == entry.file_size()) << entry.path();
    try {
      ++(target(input) ? accepted : refused);
    } catch (const std::exception& error) {
      ADD_FAILURE() << entry.path() << ": not so: " << error.what();
    }
  }
  EXPECT_GE(accepted, 10);
  EXPECT_GE(refused, 5);
}

TEST(FuzzCorpus, Config) { RunCorpus("config", FuzzConfig); }
TEST(FuzzCorpus, AccuracyLog) { RunCorpus("accuracy_log", FuzzAccuracyLog); }
TEST(FuzzCorpus, SampleLog) { RunCorpus("sample_log", FuzzSampleLog); }
TEST(FuzzCorpus, Shard) { RunCorpus("shard", FuzzShard); }
TEST(FuzzCorpus, Frame) { RunCorpus("frame", FuzzFrame); }
TEST(FuzzCorpus, Lane) { RunCorpus("lane", FuzzLane); }
TEST(FuzzCorpus, LlmAnswer) { RunCorpus("llm_answer", FuzzLlmAnswer); }
TEST(FuzzCorpus, LlmEvents) { RunCorpus("llm_events", FuzzLlmEvents); }
TEST(FuzzCorpus, LlmJson) { RunCorpus("llm_json", FuzzLlmJson); }

}  // namespace
}  // namespace mlperf::loadgen
