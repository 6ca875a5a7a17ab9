#include "issue/query_feed.h"

#include <algorithm>

namespace mlperf::loadgen {
namespace {

// A block is small enough to be made between two queries and large enough to amortise asking.
constexpr uint64_t kFirstBlock = 256;
constexpr uint64_t kLargestBlock = 4096;
// How far the background thread runs ahead of the issuers.
constexpr uint64_t kAheadQueries = 8 * kLargestBlock;
// The most samples of a block: a query of very many samples comes alone.
constexpr uint64_t kBlockSamples = uint64_t{1} << 20;

}  // namespace

QueryFeed::QueryFeed(QuerySource* source, Recorder* recorder)
    : source_(source), recorder_(recorder), block_queries_(kFirstBlock) {}

QueryFeed::~QueryFeed() { Stop(); }

void QueryFeed::Start(bool ahead) {
  MakeBlock(kFirstBlock);
  if (!ahead || source_->AtEnd()) return;
  demand_.Raise(kAheadQueries);
  ahead_ = std::thread([this] { RunAhead(); });
}

void QueryFeed::Stop() {
  if (!ahead_.joinable()) return;
  demand_.End();
  ahead_.join();
}

bool QueryFeed::Ensure(uint64_t query, uint64_t* ask_again) {
  if (!ahead_.joinable()) {
    while (recorder_->queries_ready() <= query && !source_->AtEnd()) {
      MakeBlock(block_queries_);
      block_queries_ = std::min(2 * block_queries_, kLargestBlock);
    }
    *ask_again = recorder_->queries_ready();
    return query < *ask_again;
  }
  demand_.Raise(query + kAheadQueries);
  if (recorder_->queries_ready() <= query) WaitUntilReady(query);
  const uint64_t ready = recorder_->queries_ready();
  // Early enough to let the background thread stay ahead.
  *ask_again = std::min(ready, query + kLargestBlock);
  return query < ready;
}

void QueryFeed::WaitUntilReady(uint64_t query) {
  std::unique_lock<std::mutex> lock(mutex_);
  made_.wait(lock, [&] { return recorder_->queries_ready() > query || ended_ || failure_; });
  if (failure_) std::rethrow_exception(failure_);
}

void QueryFeed::MakeBlock(uint64_t query_count) {
  const uint64_t fitting = std::max<uint64_t>(1, kBlockSamples / source_->samples_per_query());
  source_->Next(std::min(query_count, fitting), &block_);
  recorder_->Append(block_);
}

void QueryFeed::RunAhead() {
  try {
    const auto ready = [this] { return recorder_->queries_ready(); };
    while (!source_->AtEnd() && demand_.Await(ready)) {
      MakeBlock(kLargestBlock);
      std::lock_guard<std::mutex> lock(mutex_);
      made_.notify_all();
    }
  } catch (...) {
    std::lock_guard<std::mutex> lock(mutex_);
    failure_ = std::current_exception();
  }
  std::lock_guard<std::mutex> lock(mutex_);
  ended_ = true;
  made_.notify_all();
}

}  // namespace mlperf::loadgen
