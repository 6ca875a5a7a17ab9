#include "logs_read_back.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>

namespace mlperf::soak {
namespace {

struct ComplaintWords {
  const char* name;
  const char* in_detail_log;
  const char* one_reason;
  const char* many_reasons;
};

// In the order of Complaint. The text of a double first token contains that of a double completion.
constexpr std::array<ComplaintWords, kComplaintKinds> kWords = {{
    {"unknown ids", "a sample that no query of this test has",
     "unknown response id:", "unknown response ids:"},
    {"foreign ids", "a sample of another test or of an earlier set",
     "response id of an earlier test or set:", "response ids of earlier tests or sets:"},
    {"early completions", "a sample that was not issued yet",
     "early completion:", "early completions:"},
    {"double completions", "complete a sample twice.", "double completion:", "double completions:"},
    {"double first tokens", "FirstTokenComplete was called for it before",
     "double first token:", "double first tokens:"},
    {"late first tokens", "record token latency after sample was completed",
     "late first token:", "late first tokens:"},
    {"missing first tokens", "before it's first token latency",
     "missing first token:", "missing first tokens:"},
    {"missing token counts", "n_tokens argument missing",
     "missing token count:", "missing token counts:"},
    {"negative token counts", "a negative number of tokens",
     "negative token count:", "negative token counts:"},
    {"token counts of 1", "Number of tokens need to be greater than 1",
     "token count of 1:", "token counts of 1:"},
    {"null data", "data at address 0", "response without data:", "responses without data:"},
}};

constexpr std::string_view kBetweenTests = " completions came between tests";
constexpr std::string_view kOneBetweenTests = " completion came between tests";
constexpr std::string_view kAfterTheirSet = " times: Completion after the end of its set";

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The number right before or after a piece of text; 0 if it is not there.
uint64_t NumberAfter(const std::string& text, std::string_view part) {
  const size_t found = text.find(part);
  return found == std::string::npos
             ? 0
             : std::strtoull(text.c_str() + found + part.size(), nullptr, 10);
}

uint64_t NumberBefore(const std::string& text, std::string_view part) {
  const size_t found = text.find(part);
  if (found == std::string::npos) return 0;
  size_t begin = found;
  while (begin > 0 && text[begin - 1] >= '0' && text[begin - 1] <= '9') --begin;
  return std::strtoull(text.c_str() + begin, nullptr, 10);
}

void CountLine(const std::string& line, DetailLogCounts* counts) {
  counts->between_tests += NumberBefore(line, kBetweenTests);
  counts->between_tests += NumberBefore(line, kOneBetweenTests);
  counts->after_their_set += NumberBefore(line, kAfterTheirSet);
  if (!Contains(line, "\"error_runtime\"")) return;
  const uint64_t more = NumberAfter(line, "... and ");
  for (size_t kind = kComplaintKinds; kind-- > 0;) {
    if (!Contains(line, kWords[kind].in_detail_log)) continue;
    counts->complaints[kind] += more == 0 ? 1 : more;
    return;
  }
}

}  // namespace

const char* NameOf(Complaint complaint) { return kWords[static_cast<size_t>(complaint)].name; }

std::vector<Row> ReadRows(const std::string& path) {
  const std::string text = ReadText(path);
  if (text.size() < 10) throw std::runtime_error(path + " has no header");
  const size_t begin =
      10 + static_cast<unsigned char>(text[8]) + (size_t{static_cast<unsigned char>(text[9])} << 8);
  const uint64_t count = NumberAfter(text, "'shape': (");
  if (text.size() != begin + count * sizeof(Row)) {
    throw std::runtime_error(path + " has " + std::to_string(text.size()) + " bytes for " +
                             std::to_string(count) + " rows");
  }
  std::vector<Row> rows(count);
  if (count > 0) std::memcpy(rows.data(), text.data() + begin, count * sizeof(Row));
  return rows;
}

DetailLogCounts CountDetailLog(const std::string& path) {
  DetailLogCounts counts;
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  for (std::string line; std::getline(file, line);) CountLine(line, &counts);
  return counts;
}

// What is before the reasons of the first phase of a SubmissionRun.
constexpr std::string_view kAccuracy = "accuracy: ";

ComplaintCounts CountReasons(const std::vector<std::string>& reasons) {
  ComplaintCounts counts{};
  for (const std::string& reason : reasons) {
    char* words = nullptr;
    const char* start = reason.c_str();
    if (reason.starts_with(kAccuracy)) start += kAccuracy.size();
    const uint64_t count = std::strtoull(start, &words, 10);
    if (words == start || *words != ' ') continue;
    const std::string_view rest(words + 1);
    for (size_t kind = 0; kind < kComplaintKinds; ++kind) {
      const char* wanted = count == 1 ? kWords[kind].one_reason : kWords[kind].many_reasons;
      if (rest.starts_with(wanted)) counts[kind] += count;
    }
  }
  return counts;
}

uint64_t CountAfterTheirSet(const std::vector<std::string>& reasons) {
  uint64_t count = 0;
  for (const std::string& reason : reasons) {
    count += NumberBefore(reason, " completions after the end of their set");
    count += NumberBefore(reason, " completion after the end of its set");
  }
  return count;
}

}  // namespace mlperf::soak
