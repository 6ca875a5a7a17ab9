// Goal: the accuracy log is the reference's byte for byte, whole under concurrent completions, and
// neither a slow nor a failing disk nor a forgotten Finish can hang it.
// Method: literal files; records from several threads parsed back and compared with what was
// appended; a pipe that is read late as the slow disk, /dev/full as the failing one.
#include "write/accuracy_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "helpers/json_check.h"
#include "helpers/test_file.h"

namespace mlperf::loadgen {
namespace {

struct Response {
  uint64_t sequence_id;
  uint64_t sample_index;
  std::string data;
  std::string token_data = "";
  int64_t token_count = 0;
};

void Append(const Response& response, AccuracyLog* log) {
  log->Append({response.sequence_id, response.sample_index, response.data.data(),
               response.data.size(), response.token_data.data(), response.token_data.size(),
               response.token_count});
}

std::string Written(AccuracyFormat format, const std::vector<Response>& responses) {
  TestFile path;
  OutputFile file(path.path());
  AccuracyLog log(&file, format);
  log.Start();
  for (const Response& response : responses) Append(response, &log);
  log.Finish();
  EXPECT_EQ(log.record_count(), responses.size());
  return path.Read();
}

TEST(AccuracyLog, WithoutRecordsIsAnEmptyList) { EXPECT_EQ(Written({}, {}), "[\n]\n"); }

TEST(AccuracyLog, WritesTheReferencesBytes) {
  EXPECT_EQ(Written({}, {{0, 76, {'\x4C', '\0'}}}),
            "[\n{ \"seq_id\" : 0, \"qsl_idx\" : 76, \"data\" : \"4C00\" }\n]\n");
  EXPECT_EQ(Written({}, {{0, 76, {'\x4C', '\0'}}, {3, 59, {'\x3B', '\0'}}}),
            "[\n{ \"seq_id\" : 0, \"qsl_idx\" : 76, \"data\" : \"4C00\" },\n"
            "{ \"seq_id\" : 3, \"qsl_idx\" : 59, \"data\" : \"3B00\" }\n]\n");
  EXPECT_EQ(Written({}, {{1, 2, ""}}),
            "[\n{ \"seq_id\" : 1, \"qsl_idx\" : 2, \"data\" : \"\" }\n]\n");
}

TEST(AccuracyLog, WritesTokenFieldsAsAskedFor) {
  const Response response = {0, 1, {'\1', '\0'}, {'\0'}, 5};
  const std::string start = "[\n{ \"seq_id\" : 0, \"qsl_idx\" : 1, \"data\" : \"0100\"";
  EXPECT_EQ(Written({.token_data = true, .token_count = true}, {response}),
            start + ", \"token_data\" : \"00\", \"token_count\" : 5 }\n]\n");
  EXPECT_EQ(Written({.token_data = false, .token_count = true}, {response}),
            start + ", \"token_count\" : 5 }\n]\n");
  EXPECT_EQ(Written({.token_data = true, .token_count = true}, {{0, 1, {'\1', '\0'}, "", -1}}),
            start + ", \"token_data\" : \"\", \"token_count\" : -1 }\n]\n");
}

TEST(AccuracyLog, HasRoomForTheLargestNumbers) {
  EXPECT_EQ(
      Written({.token_data = true, .token_count = true},
              {{UINT64_MAX, UINT64_MAX, "", "", INT64_MIN}}),
      "[\n{ \"seq_id\" : 18446744073709551615, \"qsl_idx\" : 18446744073709551615, "
      "\"data\" : \"\", \"token_data\" : \"\", \"token_count\" : -9223372036854775808 }\n]\n");
}

TEST(AccuracyLog, WritesEveryByteAsTwoUpperCaseDigits) {
  std::string bytes;
  std::string expected;
  for (int byte = 0; byte < 256; ++byte) {
    bytes += static_cast<char>(byte);
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02X", byte);
    expected += digits;
  }
  EXPECT_EQ(Written({}, {{0, 0, bytes}}),
            "[\n{ \"seq_id\" : 0, \"qsl_idx\" : 0, \"data\" : \"" + expected + "\" }\n]\n");
}

TEST(AccuracyLog, RecordsBeyondABlockStayWholeAndInOrder) {
  std::vector<Response> responses;
  std::string expected = "[";
  const std::vector<size_t> sizes = {100, 3 << 20, 500'000, 524'000, 524'288, 1, 2 << 20, 7};
  for (size_t i = 0; i < sizes.size(); ++i) {
    responses.push_back({i, 9, std::string(sizes[i], '\xAB')});
    std::string digits;
    for (size_t k = 0; k < sizes[i]; ++k) digits += "AB";
    expected += i == 0 ? "\n" : ",\n";
    expected += "{ \"seq_id\" : " + std::to_string(i) + ", \"qsl_idx\" : 9, \"data\" : \"" +
                digits + "\" }";
  }
  EXPECT_TRUE(Written({}, responses) == expected + "\n]\n");
}

TEST(AccuracyLog, TakesRecordsOfManyThreads) {
  constexpr uint64_t kThreads = 4;
  constexpr uint64_t kRecords = 1500;
  // Of different lengths, and all distinguishable.
  const auto data_of = [](uint64_t id) {
    return std::string(id % 1500, static_cast<char>(id % 251));
  };
  TestFile path;
  OutputFile file(path.path());
  AccuracyLog log(&file, {});
  log.Start();
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < kRecords; ++i) {
        Append({t * kRecords + i, i, data_of(t * kRecords + i)}, &log);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  log.Finish();

  const std::optional<Json> document = ParseJson(path.Read());
  ASSERT_TRUE(document.has_value());
  ASSERT_EQ(document->items.size(), kThreads * kRecords);
  std::vector<bool> seen(kThreads * kRecords, false);
  std::vector<uint64_t> next(kThreads, 0);
  for (const Json& record : document->items) {
    const uint64_t id = std::stoull(record["seq_id"].text);
    ASSERT_FALSE(seen.at(id));
    seen[id] = true;
    ASSERT_EQ(id % kRecords, next[id / kRecords]++) << "one thread's records stay in order";
    std::string digits;
    for (char byte : data_of(id)) {
      char pair[3];
      std::snprintf(pair, sizeof(pair), "%02X", static_cast<unsigned>(byte) & 0xFF);
      digits += pair;
    }
    ASSERT_EQ(record["data"].text, digits);
  }
}

// What is queued is bounded: the completer is never further ahead of the reader than eight full
// blocks, the one being filled, the one being written, the file's buffer and the pipe's.
TEST(AccuracyLog, WaitsForASlowDisk) {
  TestFile path;
  ASSERT_EQ(mkfifo(path.path().c_str(), 0600), 0);
  constexpr uint64_t kRecords = 64;
  constexpr size_t kDigits = 1'000'000;  // Of which one record fits into a block.
  constexpr uint64_t kMostAhead = 14;
  // A pipe without a reader is refused as a log.
  const int reader = open(path.path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  std::atomic<uint64_t> appended{0};
  std::thread completer([&] {
    OutputFile file(path.path());
    AccuracyLog log(&file, {});
    log.Start();
    for (uint64_t i = 0; i < kRecords; ++i) {
      Append({i, i, std::string(kDigits / 2, 'x')}, &log);
      appended.store(i + 1);
    }
    log.Finish();
  });
  std::ifstream pipe(path.path(), std::ios::binary);
  close(reader);
  std::string text;
  uint64_t most_ahead = 0;
  std::vector<char> piece(50'000);
  while (pipe.read(piece.data(), 50'000), pipe.gcount() > 0) {
    text.append(piece.data(), static_cast<size_t>(pipe.gcount()));
    const uint64_t appended_records = appended.load();
    const uint64_t read_records = text.size() / kDigits;
    most_ahead = std::max(most_ahead, appended_records - std::min(appended_records, read_records));
  }
  completer.join();
  EXPECT_LE(most_ahead, kMostAhead);
  EXPECT_EQ(appended.load(), kRecords);
  const std::optional<Json> document = ParseJson(text);
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(document->items.size(), kRecords);
}

TEST(AccuracyLog, AFailingDiskHangsNoCaller) {
  OutputFile file("/dev/full");
  AccuracyLog log(&file, {});
  log.Start();
  const std::string data(600'000, 'x');
  for (uint64_t i = 0; i < 30; ++i) Append({i, i, data}, &log);
  log.Finish();
  EXPECT_EQ(log.record_count(), 30u);
  EXPECT_EQ(file.error(), ENOSPC);
}

TEST(AccuracyLog, DestructionFinishesAndFinishingTwiceIsOnce) {
  TestFile path;
  const std::string expected = "[\n{ \"seq_id\" : 0, \"qsl_idx\" : 0, \"data\" : \"\" }\n]\n";
  OutputFile file(path.path());
  {
    AccuracyLog log(&file, {});
    log.Start();
    Append({0, 0, ""}, &log);
  }
  EXPECT_EQ(path.Read(), expected);

  OutputFile again(path.path());
  {
    AccuracyLog log(&again, {});
    log.Start();
    Append({0, 0, ""}, &log);
    log.Finish();
    log.Finish();
  }
  EXPECT_EQ(path.Read(), expected);
}

}  // namespace
}  // namespace mlperf::loadgen
