// Goal: the detail log says of each set how issuing ended and which promises were broken, with the
// reference's keys in the reference's order.
// Method: key lists typed from the log format; records parsed back from the written lines with a
// strict parser, and their values compared with what was put in.
#include "write/detail_set.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "helpers/record_builder.h"
#include "helpers/written_detail_log.h"

namespace mlperf::loadgen {
namespace {

class DetailSetTest : public DetailLogTest {};

const char kSetStart[] =
    "generated_query_count generated_samples_per_query generated_query_duration";
const char kSetEnd[] =
    "logger_swap_request_slots_retry_count logger_swap_request_slots_retry_retry_count "
    "logger_swap_request_slots_retry_reencounter_count logger_start_reading_entries_retry_count "
    "logger_tls_total_log_cas_fail_count logger_tls_total_swap_buffers_slot_retry_count "
    "power_begin power_end";

// A set without any fault, of one query that takes 250 ms.
RunRecord CleanSet(StopReason reason) {
  RunRecord record = RecordBuilder().Query(0, 0, {{250'000'000, kNever, 0}}).Build();
  record.issue_ends = {{.reason = reason, .queries_issued = 1}};
  return record;
}

TEST_F(DetailSetTest, CleanSets) {
  detail_.WriteSet(CleanSet(StopReason::kMinimumsMet), kNow);
  detail_.WriteSet(CleanSet(StopReason::kScheduleEnd), kNow);
  EXPECT_EQ(Keys(), Words(kSetStart) + Words("generic_message") + Words(kSetEnd) +
                        Words(kSetStart) + Words(kSetEnd));
  EXPECT_EQ(Complaints(), Strings{});
  ExpectValues({{"generic_message", "Ending naturally: Minimum query count and test duration met."},
                {"logger_swap_request_slots_retry_count", "0"}});
}

TEST_F(DetailSetTest, SetValues) {
  RunRecord record = CleanSet(StopReason::kScheduleEnd);
  record.generated = {100, 8, -5};
  record.system_start_ns = 1'795'143'064'893'931'750;  // 2026-11-20 02:51:04.893 UTC.
  detail_.WriteLoadedSet(std::vector<uint64_t>{3, 1, 2}, kNow);
  detail_.WriteSet(record, kNow);
  ExpectValues({{"generated_query_count", "100"},
                {"generated_samples_per_query", "8"},
                {"generated_query_duration", "-5"},
                {"power_begin", "11-20-2026 02:51:04.893"},
                {"power_end", "11-20-2026 02:51:05.143"}});
  file_.Flush();
  EXPECT_NE(path_.Read().find("\"loaded_qsl_set\", \"value\": [3,1,2], "), std::string::npos);
}

TEST_F(DetailSetTest, EmptySetBeginsAndEndsAtOnce) {
  detail_.WriteSet(RunRecord{}, kNow);
  EXPECT_EQ(Value("power_begin"), "01-01-1970 00:00:00.000");
  EXPECT_EQ(Value("power_end"), "01-01-1970 00:00:00.000");
  EXPECT_EQ(Complaints(), Strings{});
}

struct EndCase {
  IssueEnd end;
  std::string text;
};

TEST_F(DetailSetTest, EarlyEnds) {
  const std::vector<EndCase> cases = {
      {{StopReason::kMaxQueryCount, 5, 1, 7},
       "E IssueQueryThread 0 Ending early: Max query count reached. query_count 5"},
      {{StopReason::kMaxDuration, 5, 1, 50678646},
       "E IssueQueryThread 0 Ending early: Max test duration reached. duration_ns 50678646"},
      {{StopReason::kTooManyOutstanding, 5, 6, 7},
       "E IssueQueryThread 0 Ending early: Too many outstanding queries. issued 5 outstanding 6"},
      {{StopReason::kSamplesExhausted, 5, 1, 7},
       "E Ending early: Ran out of generated queries to issue before the minimum query count and "
       "test duration were reached."},
      {{StopReason::kAborted, 5, 1, 7}, "E Ending early: the test was aborted."}};
  for (const EndCase& c : cases) {
    RunRecord record = CleanSet(StopReason::kNone);
    record.issue_ends = {c.end};
    const size_t before = Complaints().size();
    detail_.WriteSet(record, kNow);
    const Strings complaints = Complaints();
    ASSERT_EQ(complaints.size(), before + 1) << c.text;
    EXPECT_EQ(complaints.back().substr(0, c.text.size()), c.text);
  }
  EXPECT_EQ(log_.error_count(), cases.size());
}

TEST_F(DetailSetTest, EachIssueThreadSaysHowItEnded) {
  RunRecord record = CleanSet(StopReason::kNone);
  record.issue_ends = {{StopReason::kMaxQueryCount, 5, 0, 0},
                       {StopReason::kScheduleEnd, 4, 0, 0},
                       {StopReason::kMaxQueryCount, 6, 0, 0}};
  detail_.WriteSet(record, kNow);
  EXPECT_EQ(Complaints(),
            (Strings{"E IssueQueryThread 0 Ending early: Max query count reached. query_count 5",
                     "E IssueQueryThread 2 Ending early: Max query count reached. query_count 6"}));
}

TEST_F(DetailSetTest, AnAbortIsSaidOnceAlsoIfIssuingHadEnded) {
  RunRecord record = CleanSet(StopReason::kAborted);
  record.issue_ends.push_back(record.issue_ends[0]);
  detail_.WriteSet(record, kNow);
  EXPECT_EQ(Complaints(), Strings{"E Ending early: the test was aborted."});
  record.issue_ends = {{StopReason::kScheduleEnd, 1, 0, 0}};
  record.aborted = true;
  detail_.WriteSet(record, kNow);
  EXPECT_EQ(Complaints().size(), 2u);
}

TEST(ViolationText, UsesTheReferencesWords) {
  const std::vector<std::pair<Violation, std::string>> cases = {
      {Violation::kDoubleCompletion, "Attempted to complete a sample twice."},
      {Violation::kDoubleFirstToken, "Attempted to complete a sample twice."},
      {Violation::kMissingFirstToken,
       "Attempted to record a sample latency before it's first token latency"},
      {Violation::kLateFirstToken, "Attempted to record token latency after sample was completed"},
      {Violation::kMissingTokenCount,
       "n_tokens argument missing or attempted to record 0 as number of tokens"},
      {Violation::kNegativeTokenCount, "Attempted to record a negative number of tokens"},
      {Violation::kTooFewTokens, "Number of tokens need to be greater than 1"}};
  for (const auto& [kind, text] : cases) EXPECT_TRUE(ViolationText(kind).starts_with(text)) << text;
  std::map<std::string_view, int> texts;
  for (size_t kind = 0; kind < kViolationKinds; ++kind) {
    ++texts[ViolationText(static_cast<Violation>(kind))];
  }
  EXPECT_EQ(texts.size(), kViolationKinds) << "each kind has a text of its own";
}

TEST_F(DetailSetTest, Violations) {
  RunRecord record = CleanSet(StopReason::kScheduleEnd);
  record.violations.first = {{Violation::kDoubleCompletion, 77, 3, 24, kOrigin + 1'000'000},
                             {Violation::kUnknownId, 12345, 0, 0, kOrigin + 2'000'000},
                             {Violation::kDoubleCompletion, 0, 0, 0, kOrigin + 3'000'000}};
  record.violations.counts[static_cast<size_t>(Violation::kDoubleCompletion)] = 7;
  record.violations.counts[static_cast<size_t>(Violation::kUnknownId)] = 1;
  detail_.WriteSet(record, kNow);
  const std::string unknown(ViolationText(Violation::kUnknownId));
  EXPECT_EQ(
      Complaints(),
      (Strings{"E Attempted to complete a sample twice. (query 3, sample 24, response id 77)",
               "E " + unknown + " (response id 12345)", "E Attempted to complete a sample twice.",
               "E Attempted to complete a sample twice. ... and 5 more."}));
  Strings times;
  for (const Json& error : Records()) {
    if (error["key"].text == "error_runtime") times.push_back(error["time_ms"].text);
  }
  EXPECT_EQ(times, (Strings{"1.000000", "2.000000", "3.000000", "2.500000"}));
}

TEST_F(DetailSetTest, IncompleteSamples) {
  RecordBuilder builder(2);
  builder.Query(0, 0, {{10, kNever, 0}, {}}).Gap();
  for (int i = 0; i < 3; ++i) builder.Query(20, 20, {{}, {}});
  RunRecord record = builder.Build();
  record.first_query = 100;
  record.first_sample = 200;
  record.drained_ns = record.start_ns + 50'000'020;
  detail_.WriteSet(record, kNow);
  EXPECT_EQ(
      Complaints(),
      Strings{"E 7 of 8 issued samples (of 4 queries) were never completed, the oldest issued "
              "0.05 s before the end. Complete each sample exactly once with "
              "QuerySamplesComplete. The first of them: sample 201 (query 100, 0.05 s), "
              "sample 204 (query 102, 0.05 s), sample 205 (query 102, 0.05 s), sample 206 "
              "(query 103, 0.05 s), sample 207 (query 103, 0.05 s), sample 208 (query 104, "
              "0.05 s), sample 209 (query 104, 0.05 s)."});
}

TEST_F(DetailSetTest, AStall) {
  RunRecord record = CleanSet(StopReason::kAborted);
  record.stalled_for_ns = 1'500'000'000;
  detail_.WriteSet(record, kNow);
  EXPECT_EQ(Complaints(), Strings{"E Ending early: no sample was completed for 1500 ms while some "
                                  "were outstanding (stall_timeout_ms)."});
}

struct ClockCase {
  Phase phase;
  int64_t run_ns;
  int64_t system_ns;
  std::string severity;
  std::string ratio;
};

TEST_F(DetailSetTest, ClockSanity) {
  constexpr int64_t kMs = 1'000'000;
  const std::vector<ClockCase> cases = {
      {Phase::kPerformance, 1000 * kMs, 1000 * kMs, "", ""},
      {Phase::kPerformance, 10'009 * kMs, 10'000 * kMs, "", ""},
      {Phase::kPerformance, 10'011 * kMs, 10'000 * kMs, "W", "ratio 1.0011,"},
      {Phase::kPerformance, 9'980 * kMs, 10'000 * kMs, "W", "ratio 0.998,"},
      {Phase::kPerformance, 10'101 * kMs, 10'000 * kMs, "E", "ratio 1.0101,"},
      {Phase::kPerformance, 980 * kMs, 1000 * kMs, "E", "ratio 0.98,"},
      {Phase::kPerformance, 1000 * kMs, -5 * kMs, "E", "ratio -200,"},  // Set back.
      {Phase::kPerformance, 1000 * kMs, 0, "E", "ratio inf,"},
      {Phase::kPerformance, 90 * kMs, 99 * kMs, "", ""},  // Too short to compare.
      {Phase::kAccuracy, 980 * kMs, 1000 * kMs, "", ""}};
  for (const ClockCase& c : cases) {
    RunRecord record = CleanSet(StopReason::kScheduleEnd);
    record.phase = c.phase;
    record.drained_ns = record.start_ns + c.run_ns;
    record.system_start_ns = 1'795'143'064'893'931'750;
    record.system_drained_ns = record.system_start_ns + c.system_ns;
    const size_t before = Complaints().size();
    detail_.WriteSet(record, kNow);
    const Strings complaints = Complaints();
    ASSERT_EQ(complaints.size(), before + (c.severity.empty() ? 0 : 1)) << c.run_ns;
    if (c.severity.empty()) continue;
    EXPECT_EQ(complaints.back().substr(0, 1), c.severity);
    EXPECT_NE(complaints.back().find(c.ratio), std::string::npos) << complaints.back();
  }
}

}  // namespace
}  // namespace mlperf::loadgen
