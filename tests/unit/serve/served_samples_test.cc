// Goal: of the samples a process works on for another one's test, each completion is reported once,
// with its bytes, and what is no good completion is reported as a fault; and in a test of its own,
// FailSamples spoils the result and says why.
// Method: completions by hand and through the public functions with the object as the process's
// sink; real runs of a scripted system that fails samples.
#include "serve/served_samples.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "helpers/log_directory.h"
#include "helpers/scripted_system.h"
#include "issue/completion_registry.h"
#include "loadgen.h"

namespace mlperf::loadgen {
namespace {

bool IsReadable(int fd) {
  pollfd asked{fd, POLLIN, 0};
  return poll(&asked, 1, 0) == 1 && (asked.revents & POLLIN) != 0;
}

// What happened, a text a row: the event, key, tokens and bytes.
std::vector<std::string> Reported(ServedSamples* served) {
  static const char* const kNames[] = {"completed", "first", "failed", "fault", "aborted"};
  const ServedRows taken = served->Take();
  std::vector<std::string> reported;
  size_t start = 0;
  for (const ServedRow& row : taken.rows) {
    EXPECT_GT(row.time_ns, 0);
    reported.push_back(std::string(kNames[static_cast<size_t>(row.event)]) + " " +
                       std::to_string(row.key) + " " + std::to_string(row.n_tokens) + " " +
                       taken.bytes.substr(start, row.size));
    start += row.size;
  }
  EXPECT_EQ(start, taken.bytes.size());
  return reported;
}

using Texts = std::vector<std::string>;

// The process's sink during a test.
class ServedSamplesTest : public testing::Test {
 protected:
  ServedSamplesTest() { SetCompletionSink(served_); }
  ~ServedSamplesTest() override { SetCompletionSink(nullptr); }

  void Complete(ResponseId id, const std::string& data = "", int64_t n_tokens = 0) {
    QuerySampleResponse response(id, reinterpret_cast<uintptr_t>(data.data()), data.size(),
                                 n_tokens);
    QuerySamplesComplete(&response, 1);
  }
  void FirstToken(ResponseId id, const std::string& data) {
    QuerySampleResponse response(id, reinterpret_cast<uintptr_t>(data.data()), data.size());
    FirstTokenComplete(&response, 1);
  }
  // Their indices are 100 more than their keys; each was received a nanosecond after the one
  // before.
  ResponseId Admit(const std::vector<uint64_t>& keys) {
    std::vector<AdmittedSample> samples;
    for (const uint64_t key : keys) {
      samples.push_back({key, key + 100, static_cast<int64_t>(samples.size() + 1)});
    }
    return served_->Admit(samples.data(), samples.size());
  }

  std::shared_ptr<ServedSamples> served_ = std::make_shared<ServedSamples>();
};

TEST_F(ServedSamplesTest, ReportsEachCompletionOnce) {
  const ResponseId first = Admit({70, 71, 72});
  EXPECT_NE(first, 0u);
  EXPECT_FALSE(IsReadable(served_->fd()));
  Complete(first + 1, "abc", 5);
  EXPECT_TRUE(IsReadable(served_->fd()));
  FirstToken(first, "to");
  Complete(first, "", 2);
  EXPECT_TRUE(served_->IsOutstanding(first + 2));
  EXPECT_FALSE(served_->IsOutstanding(first));
  EXPECT_EQ(Reported(served_.get()),
            (Texts{"completed 71 5 abc", "first 70 0 to", "completed 70 2 "}));
  EXPECT_FALSE(IsReadable(served_->fd()));
  EXPECT_EQ(Reported(served_.get()), Texts{});
}

TEST_F(ServedSamplesTest, GivesEachSampleAnIdOfItsOwn) {
  const ResponseId first = Admit({1, 1});
  EXPECT_EQ(Admit({1}), first + 2);
  served_->Clear();
  EXPECT_EQ(Admit({1}), first + 3);
}

TEST_F(ServedSamplesTest, RowsHaveWhatIsKnownOfTheirSamples) {
  const ResponseId first = Admit({70, 71});
  EXPECT_TRUE(served_->MarkIssued(first + 1, 1, 33));
  EXPECT_EQ(served_->IssuedIds(), std::vector<ResponseId>{first + 1});
  FirstToken(first + 1, "t");
  Complete(first + 1);
  Complete(first);
  EXPECT_TRUE(served_->IssuedIds().empty());
  const std::vector<ServedRow> rows = served_->Take().rows;
  ASSERT_EQ(rows.size(), 3u);
  for (const size_t i : {0u, 1u}) {
    EXPECT_EQ(rows[i].index, 171u);
    EXPECT_EQ(rows[i].received_ns, 2);
    EXPECT_EQ(rows[i].issued_ns, 33);
  }
  EXPECT_FALSE(rows[0].ends());
  EXPECT_TRUE(rows[1].ends());
  EXPECT_EQ(rows[2].issued_ns, 0);
}

TEST_F(ServedSamplesTest, WhatWasClearedIsNotIssued) {
  const ResponseId id = Admit({1});
  EXPECT_TRUE(served_->MarkIssued(id, 1, 5));
  served_->Clear();
  EXPECT_FALSE(served_->MarkIssued(id, 1, 6));
  EXPECT_TRUE(served_->IssuedIds().empty());
}

// Notes what it takes, a text a row, and " | " where a call of the system ends.
struct NotingOutlet : ServedOutlet {
  void Take(const ServedRow& row, const void* data) override {
    noted +=
        std::to_string(row.key) + ":" + std::string(static_cast<const char*>(data), row.size) + " ";
  }
  void Publish() override { noted += "| "; }
  void Flush() override { noted += "! "; }
  std::string noted;
};

TEST_F(ServedSamplesTest, AnOutletTakesWhatHappensUntilTheEndOfItsRun) {
  const auto outlet = std::make_shared<NotingOutlet>();
  const ResponseId first = Admit({1, 2, 3});
  served_->SetOutlet(outlet);
  FirstToken(first, "f");
  std::vector<QuerySampleResponse> both{{first, 0, 0}, {first + 1, 0, 0}};
  QuerySamplesComplete(both.data(), both.size());
  const ResponseId last = first + 2;
  FailSamples(&last, 1, "no memory");
  Complete(last);
  AbortTest();
  served_->Flush();
  EXPECT_EQ(outlet->noted,
            "1:f | 1: 2: | 3:no memory | 0:completed a sample twice: complete each sample exactly "
            "once | 0:its system under test called AbortTest | ! ");
  EXPECT_FALSE(IsReadable(served_->fd()));
  served_->Clear();
  served_->Open();
  Complete(Admit({4}), "x");
  EXPECT_EQ(Reported(served_.get()), Texts{"completed 4 0 x"});
}

TEST_F(ServedSamplesTest, WhatIsNoGoodCompletionIsAFault) {
  const ResponseId id = Admit({9});
  Complete(id);
  Complete(id);
  Complete(id + 1);
  Complete(0);
  FirstToken(id, "late");
  QuerySampleResponse unreadable(Admit({10}), 0, 4);
  QuerySamplesComplete(&unreadable, 1);
  const Texts reported = Reported(served_.get());
  ASSERT_EQ(reported.size(), 7u);
  EXPECT_EQ(reported[0], "completed 9 0 ");
  EXPECT_EQ(reported[1].find("fault 0 0 completed a sample twice"), 0u) << reported[1];
  EXPECT_NE(reported[2].find("which no query has"), std::string::npos) << reported[2];
  EXPECT_NE(reported[3].find("which no query has"), std::string::npos) << reported[3];
  EXPECT_NE(reported[4].find("not outstanding"), std::string::npos) << reported[4];
  EXPECT_NE(reported[5].find("data at address 0"), std::string::npos) << reported[5];
  EXPECT_EQ(reported[6], "completed 10 0 ");
}

TEST_F(ServedSamplesTest, FailuresHaveTheirReasons) {
  const ResponseId first = Admit({5, 6});
  const ResponseId ids[] = {first, first + 1};
  EXPECT_TRUE(FailSamples(ids, 2, "no memory"));
  EXPECT_TRUE(FailSamples(nullptr, 0, "hot"));
  AbortTest();
  EXPECT_EQ(Reported(served_.get()),
            (Texts{"failed 5 0 no memory", "failed 6 0 no memory", "fault 0 0 hot",
                   "aborted 0 0 its system under test called AbortTest"}));
}

TEST_F(ServedSamplesTest, SamplesOfAnEarlierRunConcernNoRun) {
  const ResponseId id = Admit({3});
  ASSERT_TRUE(served_->Claim(id));
  served_->Clear();
  QuerySampleResponse response(id, 0, 0);
  served_->Complete(response, 1);
  Complete(id);
  FirstToken(id, "x");
  EXPECT_TRUE(FailSamples(&id, 1, "late"));
  EXPECT_EQ(Reported(served_.get()), Texts{});
}

TEST_F(ServedSamplesTest, FaultsBeforeAnotherRunIsOpenConcernNoRun) {
  const ResponseId unknown = 1000;
  const auto go_wrong = [&] {
    Complete(unknown);
    FirstToken(unknown, "x");
    EXPECT_TRUE(FailSamples(nullptr, 0, "hot"));
    AbortTest();
  };
  Admit({3});
  served_->Clear();
  go_wrong();
  EXPECT_FALSE(IsReadable(served_->fd()));
  served_->Open();
  EXPECT_EQ(Reported(served_.get()), Texts{});
  go_wrong();
  EXPECT_EQ(Reported(served_.get()).size(), 4u);
}

TEST_F(ServedSamplesTest, TheResponseCallbackMayChangeTheResponse) {
  QuerySampleResponse response(Admit({4}), 0, 0);
  const std::string text = "changed";
  QuerySamplesComplete(&response, 1, [&](QuerySampleResponse* logged) {
    logged->data = reinterpret_cast<uintptr_t>(text.data());
    logged->size = text.size();
  });
  EXPECT_EQ(Reported(served_.get()), Texts{"completed 4 0 changed"});
}

TEST_F(ServedSamplesTest, AResponseCallbackThatThrowsFailsItsSample) {
  const ResponseId first = Admit({4, 5, 6});
  QuerySampleResponse responses[] = {{first, 0, 0}, {first + 1, 0, 0}, {first + 2, 0, 0}};
  QuerySamplesComplete(responses, 3, [&](QuerySampleResponse* logged) {
    const ResponseId id = std::exchange(logged->id, 0);
    if (id == first) throw std::runtime_error("a bad mood");
    if (id == first + 1) throw 7;
  });
  EXPECT_EQ(Reported(served_.get()),
            (Texts{"failed 4 0 the response callback threw a bad mood",
                   "failed 5 0 the response callback threw something that is no std::exception",
                   "completed 6 0 "}));
}

TEST_F(ServedSamplesTest, ThreadsMayCompleteAtOnce) {
  constexpr size_t kThreads = 4, kEach = 2000;
  const ResponseId first = Admit(std::vector<uint64_t>(kThreads * kEach, 1));
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < kEach; ++i) Complete(first + t * kEach + i, "ab");
    });
  }
  size_t rows = 0, bytes = 0;
  while (rows < kThreads * kEach) {
    pollfd asked{served_->fd(), POLLIN, 0};
    ASSERT_EQ(poll(&asked, 1, 10'000), 1) << "the one that waits is not woken";
    const ServedRows taken = served_->Take();
    rows += taken.rows.size();
    bytes += taken.bytes.size();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(bytes, 2 * kThreads * kEach);
}

TEST(FailSamplesTest, WithoutATestNothingIsFailed) {
  const ResponseId id = 1;
  EXPECT_FALSE(FailSamples(&id, 1, "not asked for"));
  // Kept for the set that may just have ended.
  EXPECT_EQ(TakeLateFailures(), std::vector<std::string>{"not asked for"});
  EXPECT_TRUE(TakeLateFailures().empty());
  FailSamples(&id, 1, "Fehler \xFC");
  EXPECT_EQ(TakeLateFailures(), std::vector<std::string>{"Fehler \uFFFD"});
}

struct FailingRun {
  const char* name;
  TestScenario scenario;
  TestMode mode;
};

class FailSamplesInARun : public testing::TestWithParam<FailingRun> {
 protected:
  // A system that fails the first sample it gets, twice, and reports a fault besides.
  TestResult Run() {
    TestSettings settings;
    settings.scenario = GetParam().scenario;
    settings.mode = GetParam().mode;
    settings.min_duration_ms = 0;
    settings.min_query_count = 20;
    settings.server_target_qps = 100000;
    sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
      std::vector<QuerySample> good = samples;
      if (!failed_) {
        failed_ = true;
        const ResponseId id = samples[0].id;
        EXPECT_TRUE(FailSamples(&id, 1, "node 7 is lost"));
        EXPECT_TRUE(FailSamples(&id, 1, "this sample has been lost already"));
        EXPECT_TRUE(FailSamples(nullptr, 0, "a fault of its own"));
        good.erase(good.begin());
      }
      CompleteAll(good);
    };
    return StartTest(&sut_, &qsl_, settings, logs_.settings(), "");
  }

  LogDirectory logs_;
  ScriptedSut sut_;
  Journal journal_;
  ScriptedLibrary qsl_{&journal_, 30, 30};
  bool failed_ = false;
};

TEST_P(FailSamplesInARun, TheResultIsInvalidAndSaysWhy) {
  const TestResult result = Run();
  EXPECT_FALSE(result.valid());
  std::string reasons;
  for (const std::string& reason : result.reasons) reasons += reason + "\n";
  const std::string first = result.reasons[0];
  EXPECT_TRUE(first.starts_with("1 of ") && first.ends_with("%): node 7 is lost")) << first;
  EXPECT_NE(reasons.find("1 fault reported by the system under test: a fault of its own"),
            std::string::npos)
      << reasons;
  EXPECT_EQ(reasons.find("never completed"), std::string::npos) << reasons;
  // What was failed is over: failing it again is as wrong as completing it twice.
  EXPECT_EQ(reasons.find("lost already"), std::string::npos) << reasons;
  EXPECT_NE(reasons.find("1 double completion"), std::string::npos) << reasons;
  const std::string detail = logs_.Read("mlperf_log_detail.txt");
  EXPECT_NE(detail.find("The system under test did not answer a sample."), std::string::npos);
  EXPECT_NE(detail.find(first), std::string::npos);
  if (!result.performance) return;
  EXPECT_EQ(result.performance->failed_sample_count, 1u);
  EXPECT_NE(detail.find("\"result_failed_sample_count\", \"value\": 1"), std::string::npos);
  EXPECT_NE(logs_.Read("mlperf_log_summary.txt").find(" * node 7 is lost"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    FailSamplesTest, FailSamplesInARun,
    testing::Values(FailingRun{"SingleStream", TestScenario::SingleStream,
                               TestMode::PerformanceOnly},
                    FailingRun{"MultiStream", TestScenario::MultiStream, TestMode::PerformanceOnly},
                    FailingRun{"Server", TestScenario::Server, TestMode::PerformanceOnly},
                    FailingRun{"Offline", TestScenario::Offline, TestMode::PerformanceOnly},
                    FailingRun{"Accuracy", TestScenario::Offline, TestMode::AccuracyOnly}),
    [](const testing::TestParamInfo<FailingRun>& run) { return std::string(run.param.name); });

}  // namespace
}  // namespace mlperf::loadgen
