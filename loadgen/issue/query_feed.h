// Keeps queries ready ahead of the issuers: makes blocks of them and puts them into the recorder.
#ifndef MLPERF_LOADGEN_ISSUE_QUERY_FEED_H_
#define MLPERF_LOADGEN_ISSUE_QUERY_FEED_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>

#include "issue/query_demand.h"
#include "issue/recorder.h"
#include "traffic/query_source.h"

namespace mlperf::loadgen {

class QueryFeed {
 public:
  QueryFeed(QuerySource* source, Recorder* recorder);
  ~QueryFeed();

  // Makes the first queries and, if `ahead`, starts the thread that makes the rest in the
  // background; any number of issuers may then ask. Without it a single issuer asks, and blocks
  // are made as it does.
  void Start(bool ahead);
  // Ends the thread.
  void Stop();

  // True if `query` exists and is ready; false if the list ends before it. `ask_again` receives
  // the first query for which an issuer should ask again.
  bool Ensure(uint64_t query, uint64_t* ask_again);

 private:
  void MakeBlock(uint64_t query_count);
  void RunAhead();
  void WaitUntilReady(uint64_t query);

  QuerySource* source_;
  Recorder* recorder_;
  QueryBlock block_;
  uint64_t block_queries_;

  std::thread ahead_;
  QueryDemand demand_;
  std::atomic<bool> ended_{false};  // Nothing more will be made.
  std::mutex mutex_;
  std::condition_variable made_;
  std::exception_ptr failure_;  // Guarded by mutex_.
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_ISSUE_QUERY_FEED_H_
