// Waits for file descriptors in several threads at once: whoever waits serves what becomes ready.
//
// An event wakes one thread, and of those that wait the one that began last (so does Linux). A
// thread that waits for work can so read the socket itself that its work comes from, and another
// one does it as soon as that thread is busy, without either being asked to.
#ifndef MLPERF_LOADGEN_NETWORK_SHARED_POLLER_H_
#define MLPERF_LOADGEN_NETWORK_SHARED_POLLER_H_

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "descriptor.h"

namespace mlperf::network {

// All methods may be called from any thread, and from handlers.
class SharedPoller {
 public:
  // `events`: those of epoll for which the descriptor is ready.
  using Handler = std::function<void(uint32_t events)>;

  // Throws std::system_error if the process has no descriptor left.
  SharedPoller();

  // Has `handler` called once, by a thread in Wait, when `fd` is ready for one of `events`, until
  // Arm asks for it again. So it is never called by two threads at once. A descriptor can be
  // watched once; a duplicate of it (dup) can be watched for other events.
  void Watch(int fd, uint32_t events, Handler handler);
  void Arm(int fd, uint32_t events);
  // The handler is not called any more; a call that has begun goes on, and keeps what it holds.
  void Forget(int fd);

  // Serves what becomes ready, and returns after that or after Wake. False: after `timeout_ms` (-1:
  // never), or as a signal came, there was nothing.
  bool Wait(int timeout_ms);
  // One of the threads in Wait returns, or the next one.
  void Wake();

 private:
  struct Watched {
    uint64_t number;  // Differs from that of what had the same descriptor before.
    std::shared_ptr<const Handler> handler;
  };

  void Control(int operation, int fd, uint32_t events, uint64_t number);
  std::shared_ptr<const Handler> HandlerOf(uint64_t data);

  transfer::Descriptor epoll_;
  transfer::Descriptor wake_;
  std::mutex mutex_;
  std::map<int, Watched> watched_;
  uint32_t next_number_ = 1;
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_SHARED_POLLER_H_
