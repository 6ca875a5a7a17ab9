// Goal: the accuracy reader takes any bytes, in pieces of any size, and what it returns is as its
// header says.
// Method: the input read at once, byte by byte, and in pieces whose sizes are drawn from the input
// must give the same; offsets, lengths and memory are held against each other and the input's size;
// a cut-off log, closed where the reader says, and any log, written again, must read the same.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz_targets.h"
#include "read/accuracy_reader.h"

namespace mlperf::loadgen {
namespace {

struct Outcome {
  std::string error;  // Empty: `data` was read.
  AccuracyData data;
};

// `expected_size`: what the reader is given, true or not.
Outcome Read(std::string_view text, const std::function<size_t()>& next_piece_size,
             uint64_t expected_size) {
  const ByteSource source = [&](char* buffer, size_t size) {
    const size_t count = std::min({size, next_piece_size(), text.size()});
    std::memcpy(buffer, text.data(), count);
    text.remove_prefix(count);
    return count;
  };
  Outcome outcome;
  try {
    outcome.data = ReadAccuracyLog(source, "log", expected_size);
  } catch (const AccuracyFormatError& error) {
    outcome.error = error.what();
  }
  return outcome;
}

Outcome ReadAtOnce(std::string_view text) {
  return Read(text, [&] { return text.size(); }, text.size());
}

void RequireSameRecords(const AccuracyData& a, const AccuracyData& b, const char* promise) {
  Require(a.sequence_ids == b.sequence_ids, promise);
  Require(a.sample_indices == b.sample_indices, promise);
  Require(a.payload == b.payload && a.payload_offsets == b.payload_offsets, promise);
  Require(a.token_payload == b.token_payload, promise);
  Require(a.token_payload_offsets == b.token_payload_offsets, promise);
  Require(a.token_counts == b.token_counts, promise);
}

void CheckPieces(std::string_view text, const Outcome& expected) {
  constexpr size_t kMaxPieceSize = 40;
  std::minstd_rand draw(static_cast<uint32_t>(std::hash<std::string_view>()(text)));
  const Outcome outcomes[] = {
      Read(
          text, [] { return size_t{1}; }, 0),
      Read(
          text, [&] { return 1 + draw() % kMaxPieceSize; }, draw() % (2 * text.size() + 2)),
  };
  for (const Outcome& outcome : outcomes) {
    Require(outcome.error == expected.error, "pieces change no error");
    RequireSameRecords(outcome.data, expected.data, "pieces change no record");
    Require(outcome.data.truncated == expected.data.truncated, "pieces cut nothing off");
    Require(outcome.data.shortened == expected.data.shortened, "pieces make no gap");
    Require(outcome.data.used_bytes == expected.data.used_bytes, "pieces change no offset");
  }
}

void CheckOffsets(const std::vector<uint64_t>& offsets, const std::vector<uint8_t>& bytes,
                  size_t record_count) {
  Require(offsets.size() == record_count + 1, "there is an offset a record, and one more");
  Require(offsets.front() == 0 && offsets.back() == bytes.size(), "offsets span the payload");
  Require(std::ranges::is_sorted(offsets), "offsets do not go back");
}

void CheckArrays(const AccuracyData& data) {
  const size_t n = data.sequence_ids.size();
  Require(data.sample_indices.size() == n, "every record has a sample index");
  CheckOffsets(data.payload_offsets, data.payload, n);
  if (data.token_payload_offsets.empty()) {
    Require(data.token_payload.empty(), "without offsets there are no token bytes");
  } else {
    CheckOffsets(data.token_payload_offsets, data.token_payload, n);
  }
  Require(data.token_counts.empty() || data.token_counts.size() == n, "counts are all or none");
}

// A record takes 35 characters at least, and 40 bytes in vectors that may be twice too large.
void CheckMemory(const AccuracyData& data, size_t text_size) {
  constexpr size_t kFactor = 4;
  constexpr size_t kFixed = 1000;
  const size_t numbers = data.sequence_ids.capacity() + data.sample_indices.capacity() +
                         data.payload_offsets.capacity() + data.token_payload_offsets.capacity() +
                         data.token_counts.capacity();
  const size_t memory = 8 * numbers + data.payload.capacity() + data.token_payload.capacity();
  Require(memory <= kFactor * text_size + kFixed, "memory is bounded by the size of the text");
}

void CheckTruncation(std::string_view text, const AccuracyData& data) {
  Require(data.used_bytes <= text.size(), "no more is used than there is");
  if (!data.truncated) {
    Require(!data.shortened, "a whole log has no gap");
    Require(data.used_bytes == text.size(), "a whole log is used to its end");
    return;
  }
  if (data.used_bytes == 0) {
    Require(data.sequence_ids.empty(), "what has not begun has no records");
    return;
  }
  const Outcome closed = ReadAtOnce(std::string(text.substr(0, data.used_bytes)) + "]");
  Require(closed.error.empty() && !closed.data.truncated, "a closed log is whole");
  if (!data.shortened) {
    RequireSameRecords(closed.data, data, "a closed log has the records that were read");
    return;
  }
  const std::vector<uint64_t>& before_gap = closed.data.sequence_ids;
  Require(before_gap.size() <= data.sequence_ids.size() &&
              std::equal(before_gap.begin(), before_gap.end(), data.sequence_ids.begin()),
          "the part before a gap, closed, has the first of the records that were read");
}

std::string Hex(const std::vector<uint8_t>& bytes, uint64_t begin, uint64_t end) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "\"";
  for (uint64_t i = begin; i < end; ++i) text += {kDigits[bytes[i] >> 4], kDigits[bytes[i] & 15]};
  return text + "\"";
}

// Every field of every record, last field first, without white space.
std::string Write(const AccuracyData& data) {
  std::string text = "[";
  for (size_t i = 0; i < data.sequence_ids.size(); ++i) {
    text += i > 0 ? ",{" : "{";
    if (!data.token_counts.empty()) {
      text += "\"token_count\":" + std::to_string(data.token_counts[i]) + ",";
    }
    if (const auto& offsets = data.token_payload_offsets; !offsets.empty()) {
      text += "\"token_data\":" + Hex(data.token_payload, offsets[i], offsets[i + 1]) + ",";
    }
    text += "\"data\":" + Hex(data.payload, data.payload_offsets[i], data.payload_offsets[i + 1]) +
            ",\"qsl_idx\":" + std::to_string(data.sample_indices[i]) +
            ",\"seq_id\":" + std::to_string(data.sequence_ids[i]) + "}";
  }
  return text + "]";
}

void CheckError(const std::string& error) {
  constexpr size_t kMaxErrorSize = 400;
  Require(error.starts_with("log: byte "), "an error names the file and the position");
  Require(error.size() < kMaxErrorSize, "an error is short");
  Require(std::ranges::all_of(error, [](char c) { return c >= ' ' && c <= '~'; }),
          "an error can be printed");
}

}  // namespace

bool FuzzAccuracyLog(std::string_view input) {
  const Outcome outcome = ReadAtOnce(input);
  CheckPieces(input, outcome);
  if (!outcome.error.empty()) {
    CheckError(outcome.error);
    return false;
  }
  CheckArrays(outcome.data);
  CheckMemory(outcome.data, input.size());
  CheckTruncation(input, outcome.data);
  const Outcome again = ReadAtOnce(Write(outcome.data));
  Require(again.error.empty() && !again.data.truncated, "what was written again is a log");
  RequireSameRecords(again.data, outcome.data, "what was written again is the same");
  return true;
}

}  // namespace mlperf::loadgen
