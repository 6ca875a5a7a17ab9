// Listens for lanes, and lets in whoever proves the secret of the run that waits for one.
#ifndef MLPERF_LOADGEN_NETWORK_LANE_DOOR_H_
#define MLPERF_LOADGEN_NETWORK_LANE_DOOR_H_

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "descriptor.h"
#include "held_payloads.h"
#include "shared_poller.h"
#include "status.h"

namespace mlperf::network {

// What the proofs of a lane's two ends are for, and the version of what follows them.
inline constexpr char kLaneContext[] = "lane 1";

// Any thread may call any method. Threads that serve the poller accept connections; each is heard
// by a thread of its own, so that one that says nothing keeps no other out.
class LaneDoor {
 public:
  // Called by the thread that heard a connection, with the secret that was proved on it, and the
  // memory that its other end shares; null: none.
  using LetIn = std::function<void(const std::string& secret, transfer::Descriptor socket,
                                   ForeignArena arena)>;

  LaneDoor(SharedPoller* poller, LetIn let_in);
  // Waits for the threads, whose connections it closes.
  ~LaneDoor();
  LaneDoor(const LaneDoor&) = delete;
  LaneDoor& operator=(const LaneDoor&) = delete;

  // Listens at one more address (transfer/stream_socket.h); `bound` is where others connect to.
  transfer::Status Listen(const std::string& address, std::string* bound);
  // Who connects from now on is to prove this. Empty: none is let in.
  void Expect(std::string secret);

 private:
  struct Hearing {
    transfer::Descriptor socket;
    std::string secret;
    std::thread thread;
    bool is_over = false;
  };

  void AcceptFrom(const transfer::Descriptor& listener);
  void Hear(Hearing* hearing);
  // To be called with the lock.
  void DropThoseOver();

  SharedPoller* poller_;
  LetIn let_in_;
  std::mutex mutex_;
  std::string secret_;
  std::list<transfer::Descriptor> listeners_;
  std::list<Hearing> hearings_;
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_LANE_DOOR_H_
