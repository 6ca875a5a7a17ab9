// A file of its own for a test, removed afterwards.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_HELPERS_TEST_FILE_H_
#define MLPERF_LOADGEN_TESTS_UNIT_HELPERS_TEST_FILE_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

namespace mlperf::loadgen {

class TestFile {
 public:
  TestFile() {
    static int count = 0;
    path_ = testing::TempDir() + "loadgen_test_" + std::to_string(getpid()) + "_" +
            std::to_string(count++);
  }
  ~TestFile() { std::remove(path_.c_str()); }
  TestFile(const TestFile&) = delete;
  TestFile& operator=(const TestFile&) = delete;

  const std::string& path() const { return path_; }
  std::string Read() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

 private:
  std::string path_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TESTS_UNIT_HELPERS_TEST_FILE_H_
