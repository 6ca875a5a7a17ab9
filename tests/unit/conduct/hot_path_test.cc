// Goal: between an issue and its record nothing is allocated, and running out of memory away from
// the hot path ends issuing with an exception instead of a hang.
// Method: malloc and its relatives of this binary count per thread, and can be made to fail, when a
// test asks for it. Sanitizers bring their own malloc: with them these tests are skipped.
#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "helpers/fake_clock.h"
#include "helpers/tracking_gate.h"
#include "issue/completion_registry.h"
#include "issue/query_feed.h"
#include "issue/set_runner.h"
#include "loadgen.h"
#include "plan/run_plan.h"
#include "traffic/loadable_set.h"

#if defined(__has_feature)
#define LOADGEN_HAS_FEATURE(feature) __has_feature(feature)
#else
#define LOADGEN_HAS_FEATURE(feature) 0
#endif
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    LOADGEN_HAS_FEATURE(address_sanitizer) || LOADGEN_HAS_FEATURE(thread_sanitizer)
#define LOADGEN_COUNTS_ALLOCATIONS 0
#else
#define LOADGEN_COUNTS_ALLOCATIONS 1
#endif

namespace mlperf::loadgen {
namespace {

struct Allocations {
  bool counting = false;
  uint64_t count = 0;
  uint64_t aligned_count = 0;  // Of those: with an alignment asked for.
};
thread_local constinit Allocations allocations;

// While set, calloc of this many bytes and more fails, on every thread.
constinit std::atomic<size_t> failing_calloc_size{SIZE_MAX};

[[maybe_unused]] void Count(bool aligned) {
  if (!allocations.counting) return;
  ++allocations.count;
  allocations.aligned_count += aligned ? 1 : 0;
}

}  // namespace
}  // namespace mlperf::loadgen

#if LOADGEN_COUNTS_ALLOCATIONS
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  mlperf::loadgen::Count(false);
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  mlperf::loadgen::Count(false);
  if (size > 0 && count >= mlperf::loadgen::failing_calloc_size / size) return nullptr;
  return __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) {
  mlperf::loadgen::Count(false);
  return __libc_realloc(memory, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  mlperf::loadgen::Count(true);
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, size_t alignment, size_t size) {
  mlperf::loadgen::Count(true);
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
}
#endif

namespace mlperf::loadgen {
namespace {

class HotPath : public testing::Test {
 protected:
  void SetUp() override {
    if (!LOADGEN_COUNTS_ALLOCATIONS) {
      GTEST_SKIP() << "malloc cannot be replaced with this C library or sanitizer";
    }
  }
};

TEST_F(HotPath, AllocationsAreSeen) {
  allocations = {.counting = true};
  // Volatile: else the compiler may leave the pair out.
  char* volatile memory = new char[100];
  delete[] memory;
  struct alignas(256) Aligned {
    char bytes[256];
  };
  Aligned* volatile aligned = new Aligned;
  delete aligned;
  void* volatile zeroed = std::calloc(10, 10);
  std::free(zeroed);
  allocations.counting = false;
  EXPECT_EQ(allocations.count, 3u);
  EXPECT_EQ(allocations.aligned_count, 1u);
}

// Answers during IssueQuery and notes before which queries something was allocated since the one
// before. Its own memory is there from the beginning.
class CountingSut final : public SystemUnderTest {
 public:
  explicit CountingSut(size_t query_count) { allocating_.reserve(query_count); }

  const std::string& Name() override { return name_; }
  void FlushQueries() override { allocations.counting = false; }
  void IssueQuery(const std::vector<QuerySample>& samples) override {
    if (allocations.counting && allocations.count > 0) allocating_.push_back(query_count_);
    allocations = {.counting = true};
    for (const QuerySample& sample : samples) {
      QuerySampleResponse response(sample.id, 0, 0);
      QuerySamplesComplete(&response, 1);
    }
    ++query_count_;
  }

  uint64_t query_count() const { return query_count_; }
  const std::vector<uint64_t>& allocating() const { return allocating_; }

 private:
  const std::string name_ = "counting";
  uint64_t query_count_ = 0;
  std::vector<uint64_t> allocating_;
};

// The queries of a run before which its thread allocated.
std::vector<uint64_t> AllocatingQueries(const TestSettings& settings, bool background) {
  const RunPlan plan = MakeRunPlan(settings, 1024, 128);
  const std::vector<LoadableSet> sets = MakeLoadableSets(plan, Phase::kPerformance);
  FakeClock clock(1000);
  TrackingGate gate;
  RunControl control;
  IssueThreads issue_threads;
  CountingSut sut(settings.min_query_count);
  SetRequest request;
  request.set = &sets.front();
  request.trace = true;
  RunSet(plan, request, {&sut, &clock, &gate, &control, &issue_threads, background});
  EXPECT_EQ(sut.query_count(), settings.min_query_count);
  return sut.allocating();
}

TestSettings Settings(TestScenario scenario, uint64_t min_query_count) {
  TestSettings settings;
  settings.scenario = scenario;
  settings.min_duration_ms = 0;
  settings.min_query_count = min_query_count;
  settings.server_target_qps = 1e6;
  return settings;
}

// Where the issuing thread itself makes the blocks, which double from 256 to 4096 queries, room for
// a larger block and new chunks of slots are allocated before the first query of a block.
bool IsFirstOfABlock(uint64_t query) {
  return query >= 4096 ? query % 4096 == 0 : query >= 256 && std::has_single_bit(query);
}

// One for each growth of the blocks, and for each chunk of slots of queries and of samples.
size_t MostAllocatingQueries(uint64_t query_count, uint64_t samples_per_query) {
  constexpr size_t kChunkSize = ChunkedArray<int64_t>::kChunkSize;
  return 5 + query_count / kChunkSize + query_count * samples_per_query / kChunkSize;
}

TEST_F(HotPath, OfAClosedLoopAllocatesNothingWithinABlock) {
  for (const uint64_t samples_per_query : {1, 8}) {
    TestSettings settings = Settings(TestScenario::MultiStream, 100'000);
    settings.multi_stream_samples_per_query = samples_per_query;
    const std::vector<uint64_t> allocating = AllocatingQueries(settings, false);
    for (uint64_t query : allocating) EXPECT_TRUE(IsFirstOfABlock(query)) << query;
    EXPECT_LE(allocating.size(), MostAllocatingQueries(100'000, samples_per_query));
  }
}

TEST_F(HotPath, OfAnOpenLoopAllocatesNothing) {
  // The thread in the background makes the blocks.
  EXPECT_EQ(AllocatingQueries(Settings(TestScenario::Server, 100'000), true),
            std::vector<uint64_t>());
}

TEST_F(HotPath, OfACompletionOnAnotherThreadAllocatesNothing) {
  FakeClock clock;
  Recorder recorder(Recorder::Options{}, &clock);
  QueryBlock block;
  block.query_count = 1000;
  block.sample_indices.resize(1000);
  block.scheduled_delta_ns.resize(1000);
  recorder.Append(block);
  for (uint64_t query = 0; query < 1000; ++query) recorder.MarkIssued(query, 1);
  const ActiveRecorder active(&recorder);
  std::thread([&] {
    for (uint64_t sample = 0; sample < 1000; ++sample) {
      QuerySampleResponse response(recorder.IdOf(sample), 0, 0);
      QuerySamplesComplete(&response, 1);
      allocations.counting = true;  // After the first: a thread takes a place in the registry.
    }
    allocations.counting = false;
    EXPECT_EQ(allocations.count, 0u);
  }).join();
  EXPECT_EQ(recorder.completed_count(), 1000u);
}

TEST_F(HotPath, AThreadTakesThePlaceOfOneThatEnded) {
  const auto complete_first = [] {
    allocations = {.counting = true};
    QuerySamplesComplete(nullptr, 0);
    allocations.counting = false;
  };
  std::thread(complete_first).join();  // There is a place without an owner now.
  std::thread([&] {
    complete_first();
    EXPECT_EQ(allocations.aligned_count, 0u);
  }).join();
}

class FailingMemory {
 public:
  explicit FailingMemory(size_t size) { failing_calloc_size = size; }
  ~FailingMemory() { failing_calloc_size = SIZE_MAX; }
};

TEST_F(HotPath, MemoryThatRunsOutInTheBackgroundReachesTheIssuer) {
  const RunPlan plan = MakeRunPlan(Settings(TestScenario::Server, 10'000'000), 1024, 128);
  const std::vector<LoadableSet> sets = MakeLoadableSets(plan, Phase::kPerformance);
  QuerySource source(plan, Phase::kPerformance, sets.front());
  FakeClock clock;
  Recorder recorder(Recorder::Options{}, &clock);
  QueryFeed feed(&source, &recorder);
  feed.Start(true);
  const FailingMemory failing(ChunkedArray<int64_t>::kChunkSize * sizeof(uint32_t));
  uint64_t ask_again = 0;
  const auto ask_for_all = [&] {
    for (uint64_t query = 0; feed.Ensure(query, &ask_again); query = ask_again) {
    }
  };
  EXPECT_THROW(ask_for_all(), std::bad_alloc);
  EXPECT_THROW(ask_for_all(), std::bad_alloc) << "and every issuer";
  EXPECT_GE(recorder.queries_ready(), 256u);
}

}  // namespace
}  // namespace mlperf::loadgen
