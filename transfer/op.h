// An operation on its way: a batch of reads or writes, a send or a receive.
#ifndef MLPERF_TRANSFER_OP_H_
#define MLPERF_TRANSFER_OP_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "deadline.h"
#include "status.h"

namespace mlperf::transfer {

class Connection;
class Region;

// Made by the call that posts it, shared by the program and the engine; it keeps its local region
// alive. Every method may be called from any thread.
class Op : public std::enable_shared_from_this<Op> {
 public:
  Op(std::shared_ptr<Region> local, std::shared_ptr<Connection> connection, uint64_t nbytes);
  ~Op();
  Op(const Op&) = delete;
  Op& operator=(const Op&) = delete;

  // Everything it did can be seen by who saw it done.
  bool done() const { return (state_.load(std::memory_order_acquire) & kDone) != 0; }

  // How it ended: kOk, kRefused, kPeerLost or kFailed. kTimeout while it is not done.
  Status status() const;

  // Waits until it is done, then as status(); kTimeout if that is not in time: the operation goes
  // on. The calling thread may serve the connection meanwhile, and asks no lock of the program.
  Status Wait(double timeout_s = kForever);

  // True: `call` runs once, when it is done, on the thread that ends it, which may hold locks of
  // the engine: it must be short and call nothing of the engine. False: it is done already, and
  // `call` is dropped. One atomic step, so that nothing is missed. To be called once.
  bool OnDone(std::function<void()> call);

  uint64_t nbytes() const { return nbytes_; }
  // Of a receive that is done: how long the message was.
  uint64_t received_nbytes() const { return received_nbytes_; }
  // CLOCK_MONOTONIC; completed_ns is 0 before it is done.
  int64_t posted_ns() const { return posted_ns_; }
  int64_t completed_ns() const { return done() ? completed_ns_ : 0; }

  // ---- For the engine and its providers. ----

  // Ends it; only the first call counts. From any thread, holding no lock that Wait() could need.
  void Complete(Status status);
  void set_received_nbytes(uint64_t nbytes) { received_nbytes_ = nbytes; }
  const std::shared_ptr<Region>& local() const { return local_; }

 private:
  friend class Connection;
  static constexpr uint32_t kDone = 1;
  static constexpr uint32_t kHasCall = 2;

  void SleepUntil(int64_t deadline_ns);

  const std::shared_ptr<Region> local_;
  const std::shared_ptr<Connection> connection_;
  const uint64_t nbytes_;
  const int64_t posted_ns_;
  std::atomic<uint32_t> state_{0};  // kDone, kHasCall; also the futex of those who sleep.
  std::atomic<uint32_t> sleepers_{0};
  std::atomic<bool> is_completing_{false};
  std::function<void()> on_done_;
  Status status_;
  uint64_t received_nbytes_ = 0;
  int64_t completed_ns_ = 0;

  // Of the connection. Whether an answer on its socket is what is missing;
  std::atomic<bool> is_on_socket_{false};
  // and under its lock: how many frames of the batch are unanswered, and what the first fault was.
  uint32_t frames_left_ = 0;
  Status fault_;
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_OP_H_
