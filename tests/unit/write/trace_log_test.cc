// Goal: the trace is strict JSON that holds the reference's events, with exact times.
// Method: whole files compared with text typed in (process and thread ids put in); a longer one
// parsed with a strict parser and counted.
#include "write/trace_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "helpers/json_check.h"
#include "helpers/record_builder.h"
#include "helpers/test_file.h"
#include "write/mllog.h"
#include "write/version.h"

namespace mlperf::loadgen {
namespace {

constexpr int64_t kStart = RecordBuilder::kStartNs;
// Time 0 of the traces here: 100 ns before issuing starts.
constexpr int64_t kOrigin = kStart - 100;

// Grows what the builder leaves out.
void SetSlots(const std::vector<uint32_t>& indices, const std::vector<int64_t>& returned_ns,
              RunRecord* record) {
  SampleSlots& slots = const_cast<SampleSlots&>(*record->slots);
  slots.sample_index.Grow(indices.size());
  for (size_t i = 0; i < indices.size(); ++i) slots.sample_index[i] = indices[i];
  slots.issue_returned_ns.Grow(returned_ns.size());
  for (size_t i = 0; i < returned_ns.size(); ++i) {
    slots.issue_returned_ns[i] = kStart + returned_ns[i];
  }
}

RunPlan PlanOf(LoopShape shape) {
  RunPlan plan;
  plan.shape = shape;
  return plan;
}

std::string Written(const RunPlan& plan, const std::vector<RunRecord>& records,
                    uint64_t max_bytes = UINT64_MAX, uint64_t left_out_count = 0) {
  TestFile path;
  OutputFile file(path.path());
  TraceLog log(&file, kOrigin, max_bytes);
  for (const RunRecord& record : records) log.WriteSet(plan, record);
  log.Finish();
  EXPECT_EQ(log.left_out_count(), left_out_count);
  return path.Read();
}

// A whole file of these events. $P stands for the process id, $T for it and the thread id.
std::string Document(const std::vector<std::string>& events) {
  std::string text = "{\"traceEvents\":[\n";
  for (size_t i = 0; i < events.size(); ++i) text += (i == 0 ? "" : ",\n") + events[i];
  text += "\n],\n\"displayTimeUnit\":\"ns\",\n\"otherData\":{\n\"ts\":999999.907,\n\"version\":" +
          ToJson(Version()).text + "\n}\n}\n";
  const std::string process = "\"pid\":" + std::to_string(getpid());
  const std::map<std::string, std::string> replacements = {
      {"$P", process}, {"$T", process + ",\"tid\":" + std::to_string(gettid())}};
  for (const auto& [name, replacement] : replacements) {
    for (size_t at; (at = text.find(name)) != std::string::npos;) text.replace(at, 2, replacement);
  }
  return text;
}

void ExpectDocument(const std::string& written, const std::vector<std::string>& events) {
  EXPECT_EQ(written, Document(events));
  EXPECT_TRUE(ParseJson(written).has_value());
}

TEST(TraceLog, WithoutSetsIsStrictJson) { ExpectDocument(Written({}, {}), {}); }

TEST(TraceLog, OpenLoopHasSchedulingAndLatency) {
  RunRecord record = RecordBuilder()
                         .Query(0, 60, {{328'039, kNever, 0}})
                         .Query(1'000'000, 1'000'001, {{kNever, kNever, 0}})
                         .Build();
  SetSlots({76, 9}, {300, 1'000'500}, &record);
  record.first_query = 10;
  record.first_sample = 20;
  ExpectDocument(
      Written(PlanOf(LoopShape::kOpenLoop), {record}),
      {R"({"name":"IssueQuery","ph":"X",$T,"ts":0.160,"dur":0.240,"args":{}})",
       R"({"name":"Latency","ph":"C",$P,"ts":0.100,"args":{"issue_delay":60,"issue_to_done":327979}})",
       R"({"name":"Sample","cat":"default","ph":"b",$P,"id":20,"ts":0.100,"args":{"sample_seq":20,"query_seq":10,"sample_idx":76,"issue_start_ns":60,"complete_ns":328039}})",
       R"({"name":"Sample","cat":"default","ph":"e",$P,"id":20,"ts":328.139})",
       R"({"name":"Scheduling","ph":"X",$T,"ts":0.400,"dur":999.701,"args":{}})",
       R"({"name":"IssueQuery","ph":"X",$T,"ts":1000.101,"dur":0.499,"args":{}})",
       R"({"name":"Sample","cat":"default","ph":"b",$P,"id":21,"ts":1000.100,"args":{"sample_seq":21,"query_seq":11,"sample_idx":9,"issue_start_ns":1}})"});
}

TEST(TraceLog, MarksWhatFailedAndDrawsNoLatencyOfIt) {
  RunRecord record = RecordBuilder().Query(0, 60, {{1000, kNever, 0, true}}).Build();
  SetSlots({1}, {}, &record);
  ExpectDocument(
      Written(PlanOf(LoopShape::kOpenLoop), {record}),
      {R"({"name":"Sample","cat":"default","ph":"b",$P,"id":0,"ts":0.100,"args":{"sample_seq":0,"query_seq":0,"sample_idx":1,"issue_start_ns":60,"complete_ns":1000,"failed":true}})",
       R"({"name":"Sample","cat":"default","ph":"e",$P,"id":0,"ts":1.100})"});
}

TEST(TraceLog, OpenLoopCountsFirstTokens) {
  RunRecord record = RecordBuilder().Query(0, 60, {{1000, 400, 3}}).Build();
  SetSlots({1}, {}, &record);
  ExpectDocument(
      Written(PlanOf(LoopShape::kOpenLoop), {record}),
      {R"({"name":"Latency","ph":"C",$P,"ts":0.100,"args":{"issue_delay":60,"issue_to_done":940}})",
       R"({"name":"Token_Latency","ph":"C",$P,"ts":0.100,"args":{"issue_delay":60,"issue_to_done":340}})",
       R"({"name":"Sample","cat":"default","ph":"b",$P,"id":0,"ts":0.100,"args":{"sample_seq":0,"query_seq":0,"sample_idx":1,"issue_start_ns":60,"complete_ns":1000}})",
       R"({"name":"Sample","cat":"default","ph":"e",$P,"id":0,"ts":1.100})"});
}

TEST(TraceLog, ClosedLoopHasWaitingAndTokens) {
  RunRecord record = RecordBuilder(2)
                         .Query(0, 0, {{900, 500, 4}, {800, kNever, 0}})
                         .Query(1000, 1000, {{1900, kNever, 0}, {1800, kNever, 0}})
                         .Build();
  SetSlots({5, 6, 7, 8}, {200, 1300}, &record);
  const_cast<SampleSlots&>(*record.slots).scheduled_is_issued = true;
  ExpectDocument(
      Written(PlanOf(LoopShape::kClosedLoop), {record}),
      {R"({"name":"IssueQuery","ph":"X",$T,"ts":0.100,"dur":0.200,"args":{}})",
       R"({"name":"Sample","cat":"default","ph":"b",$P,"id":0,"ts":0.100,"args":{"sample_seq":0,"query_seq":0,"sample_idx":5,"issue_start_ns":0,"complete_ns":900}})",
       R"({"name":"Token","cat":"default","ph":"b",$P,"id":0,"ts":0.100,"args":{"sample_seq":0,"query_seq":0,"sample_idx":5,"issue_start_ns":0,"complete_ns":500}})",
       R"({"name":"Token","cat":"default","ph":"e",$P,"id":0,"ts":0.600})",
       R"({"name":"Sample","cat":"default","ph":"e",$P,"id":0,"ts":1.000})",
       R"({"name":"Sample","cat":"default","ph":"b",$P,"id":1,"ts":0.100,"args":{"sample_seq":1,"query_seq":0,"sample_idx":6,"issue_start_ns":0,"complete_ns":800}})",
       R"({"name":"Sample","cat":"default","ph":"e",$P,"id":1,"ts":0.900})",
       R"({"name":"Waiting","ph":"X",$T,"ts":0.300,"dur":0.800,"args":{}})",
       R"({"name":"IssueQuery","ph":"X",$T,"ts":1.100,"dur":0.300,"args":{}})",
       R"({"name":"Sample","cat":"default","ph":"b",$P,"id":2,"ts":1.100,"args":{"sample_seq":2,"query_seq":1,"sample_idx":7,"issue_start_ns":0,"complete_ns":900}})",
       R"({"name":"Sample","cat":"default","ph":"e",$P,"id":2,"ts":2.000})",
       R"({"name":"Sample","cat":"default","ph":"b",$P,"id":3,"ts":1.100,"args":{"sample_seq":3,"query_seq":1,"sample_idx":8,"issue_start_ns":0,"complete_ns":800}})",
       R"({"name":"Sample","cat":"default","ph":"e",$P,"id":3,"ts":1.900})"});
}

TEST(TraceLog, StagesMayLieBeforeTheOrigin) {
  RunRecord record;
  record.start_ns = kStart;
  record.issue_end_ns = kStart + 5000;
  record.load_start_ns = kOrigin - 2'000'001;
  record.load_end_ns = kOrigin - 1;
  record.generate_start_ns = kOrigin;
  record.generate_end_ns = kOrigin + 50;
  record.unload_start_ns = kStart + 6000;
  record.unload_end_ns = kStart + 7000;
  record.loaded_set = {3, 1, 2};
  ExpectDocument(
      Written(PlanOf(LoopShape::kOneShot), {record}),
      {R"({"name":"LoadSamples","ph":"X",$T,"ts":-2000.001,"dur":2000.000,"args":{"count":3}})",
       R"({"name":"GenerateQueries","ph":"X",$T,"ts":0.000,"dur":0.050,"args":{}})",
       R"({"name":"SampleLoop","ph":"X",$T,"ts":0.100,"dur":5.000,"args":{}})",
       R"({"name":"UnloadSamples","ph":"X",$T,"ts":6.100,"dur":1.000,"args":{"count":3}})"});
}

TEST(TraceLog, SeveralIssueThreadsHaveNoSpansBetweenQueries) {
  RunRecord record =
      RecordBuilder().Query(0, 0, {{50, kNever, 0}}).Gap().Query(20, 20, {{60, kNever, 0}}).Build();
  SetSlots({1, 1, 1}, {100, 0, 110}, &record);
  RunPlan plan = PlanOf(LoopShape::kOpenLoop);
  plan.issue_thread_count = 2;
  const std::optional<Json> document = ParseJson(Written(plan, {record}));
  ASSERT_TRUE(document.has_value());
  std::map<std::string, int> counts;
  for (const Json& event : (*document)["traceEvents"].items) ++counts[event["name"].text];
  EXPECT_EQ(counts, (std::map<std::string, int>{{"IssueQuery", 2}, {"Latency", 2}, {"Sample", 4}}));
}

TEST(TraceLog, ManyEventsOfSeveralSetsStayStrictJson) {
  constexpr int kQueries = 10'000;
  RecordBuilder builder;
  for (int i = 0; i < kQueries; ++i) {
    builder.Query(i * 1000, i * 1000 + 3, {{i * 1000 + 500, i * 1000 + 200, 9}});
  }
  RunRecord record = builder.Build();
  SetSlots(std::vector<uint32_t>(kQueries, 7), std::vector<int64_t>(kQueries, INT64_C(99'999'999)),
           &record);
  record.first_query = UINT64_MAX - kQueries;  // The longest numbers there are.
  record.first_sample = UINT64_MAX - kQueries;
  const std::optional<Json> document =
      ParseJson(Written(PlanOf(LoopShape::kOpenLoop), {record, record}));
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ((*document)["traceEvents"].items.size(), 2u * (6 * kQueries - 1));
}

TEST(TraceLog, KeepsToItsSizeAndCountsWhatIsLeftOut) {
  constexpr uint64_t kQueries = 1000;
  RecordBuilder builder;
  for (int i = 0; i < static_cast<int>(kQueries); ++i) {
    builder.Query(i * 1000, i * 1000 + 3, {{i * 1000 + 500, i * 1000 + 200, 9}});
  }
  RunRecord record = builder.Build();
  SetSlots(std::vector<uint32_t>(kQueries, 7), std::vector<int64_t>(kQueries, 900), &record);
  const RunPlan plan = PlanOf(LoopShape::kOpenLoop);
  const uint64_t whole_size = Written(plan, {record}).size();
  for (const uint64_t max_bytes : {UINT64_C(0), UINT64_C(5000), UINT64_C(100'000), whole_size}) {
    // The size of the whole is too tight, for the events are not measured before they are written.
    const std::string probe = [&] {
      TestFile path;
      OutputFile file(path.path());
      TraceLog log(&file, kOrigin, max_bytes);
      log.WriteSet(plan, record);
      return std::to_string(log.left_out_count());
    }();
    const uint64_t left_out = std::stoull(probe);
    EXPECT_GT(left_out, 0u) << max_bytes;
    const std::string text = Written(plan, {record, record}, max_bytes, left_out + kQueries);
    EXPECT_LE(text.size(), std::max<uint64_t>(max_bytes, 512));
    const std::optional<Json> document = ParseJson(text);
    ASSERT_TRUE(document.has_value());
    EXPECT_EQ((*document)["otherData"]["samples_left_out"].text,
              std::to_string(left_out + kQueries));
    uint64_t begun = 0;
    for (const Json& event : (*document)["traceEvents"].items) {
      begun += event["name"].text == "Sample" && event["ph"].text == "b" ? 1 : 0;
    }
    EXPECT_EQ(begun, kQueries - left_out) << "whole queries from the first on";
  }
  EXPECT_EQ(Written(plan, {record}, whole_size + 5000).find("samples_left_out"), std::string::npos);
}

}  // namespace
}  // namespace mlperf::loadgen
