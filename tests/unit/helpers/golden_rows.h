// Rows of tests/golden/compression: one JSON object a line, of numbers, lists of numbers and texts.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_HELPERS_GOLDEN_ROWS_H_
#define MLPERF_LOADGEN_TESTS_UNIT_HELPERS_GOLDEN_ROWS_H_

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace mlperf {

class GoldenRow {
 public:
  explicit GoldenRow(std::string line) : line_(std::move(line)) {}

  // The number named `name`; 0 if there is none.
  double Number(const std::string& name) const { return std::atof(line_.c_str() + Find(name)); }

  template <typename Value>
  std::vector<Value> List(const std::string& name) const {
    std::vector<Value> values;
    const char* at = line_.c_str() + Find(name) + 1;
    while (*at != ']' && *at != '\0') {
      char* end;
      values.push_back(static_cast<Value>(std::strtod(at, &end)));
      at = end + std::strspn(end, ", ");
    }
    return values;
  }

  // A text of hexadecimal bytes.
  std::vector<uint8_t> Bytes(const std::string& name) const {
    std::vector<uint8_t> bytes;
    for (size_t at = Find(name) + 1; line_[at] != '"'; at += 2) {
      bytes.push_back(static_cast<uint8_t>(std::stoi(line_.substr(at, 2), nullptr, 16)));
    }
    return bytes;
  }

  // float32 numbers as such a text.
  std::vector<float> Floats(const std::string& name) const {
    const std::vector<uint8_t> bytes = Bytes(name);
    std::vector<float> floats(bytes.size() / sizeof(float));
    if (!floats.empty()) std::memcpy(floats.data(), bytes.data(), bytes.size());
    return floats;
  }

 private:
  // Where the value of `name` begins.
  size_t Find(const std::string& name) const {
    const std::string key = "\"" + name + "\": ";
    const size_t found = line_.find(key);
    return found == line_.npos ? line_.size() : found + key.size();
  }

  std::string line_;
};

inline std::vector<GoldenRow> ReadGoldenRows(const std::string& path) {
  std::vector<GoldenRow> rows;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("{")) rows.emplace_back(line);
  }
  return rows;
}

}  // namespace mlperf

#endif  // MLPERF_LOADGEN_TESTS_UNIT_HELPERS_GOLDEN_ROWS_H_
