// Threads that users lend for issuing queries (RegisterIssueQueryThread).
#ifndef MLPERF_LOADGEN_ISSUE_ISSUE_THREADS_H_
#define MLPERF_LOADGEN_ISSUE_ISSUE_THREADS_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace mlperf::loadgen {

// Parks registered threads until a test needs them or ends. The order of registration gives the
// index of a thread within a test.
class IssueThreads {
 public:
  // Lends the calling thread; returns when the next test that ends, or is already running, ends.
  // `give_up` is asked now and then while the thread is parked, and ends the loan. Throws
  // std::logic_error on a thread that issues just now.
  void Lend(const std::function<bool()>& give_up = [] { return false; });

  // Waits until at least `count` threads are lent, at most for `timeout`. Returns how many there
  // are then.
  size_t Await(size_t count, std::chrono::milliseconds timeout);

  // Runs job(k) on the k-th lent thread, for k in [0, count), and waits for all of them; calls
  // idle() now and then meanwhile. Neither may throw.
  void RunOnAll(size_t count, const std::function<void(size_t)>& job,
                const std::function<void()>& idle);

  // Gives all lent threads back: Lend returns in each.
  void ReleaseAll();

 private:
  struct Lent {
    const std::function<void(size_t)>* job = nullptr;
    bool released = false;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Lent*> lent_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_ISSUE_ISSUE_THREADS_H_
