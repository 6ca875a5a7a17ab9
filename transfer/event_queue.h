// What waits for the program: immediates and peers.
#ifndef MLPERF_TRANSFER_EVENT_QUEUE_H_
#define MLPERF_TRANSFER_EVENT_QUEUE_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "descriptor.h"
#include "engine.h"
#include "status.h"

namespace mlperf::transfer {

// Any thread.
class EventQueue {
 public:
  static constexpr uint32_t kMaxImmediatesOfPeer = 65'536;

  void AddPeer(std::shared_ptr<Peer> peer);
  // It is gone: a program that accepts no peer must not keep all that ever came.
  void RemovePeer(uint64_t number);
  // False if the program left too many of this peer's.
  bool AddImmediate(const Immediate& immediate);

  Status TakePeer(int64_t deadline_ns, std::shared_ptr<Peer>* peer);
  Status TakeImmediates(int64_t deadline_ns, std::vector<Immediate>* immediates);

  // True: `call` runs once, when the next immediate comes or the queue is closed. False: some wait
  // already, or it is closed.
  bool OnImmediate(std::function<void()> call);

  // Readable while anything waits; made when it is first asked for.
  int descriptor();

  // Wakes all who wait; nothing is added any more.
  void Close();

 private:
  template <typename Ready>
  Status WaitFor(std::unique_lock<std::mutex>* lock, int64_t deadline_ns, const char* what,
                 const Ready& ready);
  void Signal();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Peer>> peers_;
  std::vector<Immediate> immediates_;
  std::vector<std::function<void()>> on_immediate_;
  std::unordered_map<uint64_t, uint32_t> immediates_of_peer_;
  Descriptor descriptor_;
  bool is_signalled_ = false;
  bool is_closed_ = false;
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_EVENT_QUEUE_H_
