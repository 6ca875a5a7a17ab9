// A directory of its own for the logs of a test, removed afterwards.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_HELPERS_LOG_DIRECTORY_H_
#define MLPERF_LOADGEN_TESTS_UNIT_HELPERS_LOG_DIRECTORY_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "test_settings.h"

namespace mlperf::loadgen {

class LogDirectory {
 public:
  LogDirectory() {
    static int count = 0;
    path_ = testing::TempDir() + "loadgen_logs_" + std::to_string(getpid()) + "_" +
            std::to_string(count++);
    std::filesystem::create_directory(path_);
  }
  ~LogDirectory() { std::filesystem::remove_all(path_); }
  LogDirectory(const LogDirectory&) = delete;
  LogDirectory& operator=(const LogDirectory&) = delete;

  LogSettings settings() const {
    LogSettings settings;
    settings.log_output.outdir = path_;
    return settings;
  }
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  std::string Read(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
  }

 private:
  std::string path_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TESTS_UNIT_HELPERS_LOG_DIRECTORY_H_
