// One-sided transfers between processes: registered memory that others read and write, immediates,
// tagged messages. This is the whole public interface.
//
// An Engine has one thread, which serves its peers and sleeps in epoll; threads that wait take a
// connection over meanwhile. Every method may be called from any thread. Errors
// are values (status.h); what a call refuses has moved no byte and made no operation. Objects are
// shared: an Op keeps its region, a RemoteRegion its peer. After a fork the child's copies answer
// kFailed. docs/transfer.md says what completion, order and lifetimes mean.
#ifndef MLPERF_TRANSFER_ENGINE_H_
#define MLPERF_TRANSFER_ENGINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deadline.h"
#include "op.h"
#include "status.h"

namespace mlperf::transfer {

class Connection;
class EngineCore;
struct Memory;
struct RemoteMemory;

// What peers may do with a region.
enum class Access : uint8_t { kRead = 1, kWrite = 2, kReadWrite = 3 };

inline bool Allows(Access access, Access wanted) {
  const auto bits = static_cast<uint8_t>(wanted);
  return (static_cast<uint8_t>(access) & bits) == bits;
}

// A part of a batch. Offsets are from the begin of each region.
struct Slice {
  uint64_t local_offset = 0;
  uint64_t remote_offset = 0;
  uint64_t nbytes = 0;
};

// A word that came with a peer's write, once its bytes were in place.
struct Immediate {
  uint64_t peer = 0;  // Peer::number().
  uint32_t imm = 0;
  int64_t received_ns = 0;  // CLOCK_MONOTONIC.
};

struct EngineOptions {
  std::string bind = "tcp://127.0.0.1:0";
  // Names in the order of preference; empty: all that are usable here. See providers.h.
  std::vector<std::string> providers;
  std::string secret;  // Empty, or 32 bytes that peers know, too.
  // Without a secret an engine binds to this machine's own addresses only, unless this is set.
  bool insecure = false;
  double spin_us = 0;  // How long both ends look before they sleep.
  uint32_t max_peers = 1024;
};

// Memory of this process that peers may reach, and that operations use as their local end.
class Region {
 public:
  explicit Region(std::shared_ptr<Memory> memory);
  ~Region();  // Closes it, without waiting: its memory is kept until no peer can touch it.
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  char* data() const;
  uint64_t nbytes() const;
  Access access() const;
  // The key: whoever has it may reach the region. Give it over a channel that others cannot read.
  const std::string& descriptor() const;

  // Once this returned no peer touches the memory: peers that mapped it were asked and let go, or
  // were disconnected after 1 s; operations that still used it have failed. Twice is fine.
  void Close();
  bool is_closed() const;

  const std::shared_ptr<Memory>& memory() const { return memory_; }

 private:
  const std::shared_ptr<Memory> memory_;
};

// A peer's region, opened by its descriptor.
class RemoteRegion {
 public:
  explicit RemoteRegion(std::shared_ptr<RemoteMemory> memory);
  ~RemoteRegion();  // Tells the peer that it is no longer needed.
  RemoteRegion(const RemoteRegion&) = delete;
  RemoteRegion& operator=(const RemoteRegion&) = delete;

  uint64_t nbytes() const;
  Access access() const;

  // All slices are checked before a byte moves: kOutOfBounds, kRefused, kPeerLost. A batch is one
  // operation with one completion. No slices are done at once.
  Status Read(const std::shared_ptr<Region>& local, std::span<const Slice> slices,
              std::shared_ptr<Op>* op);
  Status Write(const std::shared_ptr<Region>& local, std::span<const Slice> slices,
               std::optional<uint32_t> imm, std::shared_ptr<Op>* op);

 private:
  const std::shared_ptr<RemoteMemory> memory_;
};

// The other end of a connection.
class Peer {
 public:
  explicit Peer(std::shared_ptr<Connection> connection);
  ~Peer();  // The connection goes on while the engine lives: its regions may still be used.
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  uint64_t number() const;              // Of this engine, from 1.
  const std::string& address() const;   // Where it is.
  const std::string& provider() const;  // What moves the bytes: "shm", "tcp", ...
  bool alive() const;

  // kInvalid: this is no descriptor. kRefused: the peer has no such region, or the key is wrong.
  Status Open(std::string_view descriptor, std::shared_ptr<RemoteRegion>* remote,
              double timeout_s = 5.0);

  // A message to the receive that the peer posts with this tag. Done when the peer's engine has it;
  // above 64 KiB that is once it is received.
  Status Send(const std::shared_ptr<Region>& local, uint64_t offset, uint64_t nbytes, uint32_t tag,
              std::shared_ptr<Op>* op);
  // Takes the next message with this tag, of at most `nbytes`. A longer one fails it.
  Status Receive(const std::shared_ptr<Region>& local, uint64_t offset, uint64_t nbytes,
                 uint32_t tag, std::shared_ptr<Op>* op);

  // Once this returned its operations have failed and nothing more is written to local memory.
  void Close();

 private:
  const std::shared_ptr<Connection> connection_;
};

class Engine {
 public:
  static Status Start(const EngineOptions& options, std::shared_ptr<Engine>* engine);
  ~Engine();  // Closes it.
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const std::string& address() const;
  const std::vector<std::string>& providers() const;

  // New memory of zeros, which peers on this machine can map.
  Status Allocate(uint64_t nbytes, Access access, std::shared_ptr<Region>* region);
  // The caller's memory. `owner` keeps it alive, and may end in any thread; without one, close the
  // region before the memory goes.
  Status Register(void* data, uint64_t nbytes, Access access, std::shared_ptr<Region>* region,
                  std::shared_ptr<void> owner = nullptr);

  // To another engine, or to this one.
  Status Connect(const std::string& address, double timeout_s, std::shared_ptr<Peer>* peer);
  // The next peer that connected and was not taken yet. Peers are served whether or not they are.
  Status Accept(double timeout_s, std::shared_ptr<Peer>* peer);
  // All immediates that wait, in the order in which they came; waits for the first one. kTimeout if
  // none came.
  Status TakeImmediates(double timeout_s, std::vector<Immediate>* immediates);

  // True: `call` runs once, when the next immediate comes or the engine closes, on a thread of the
  // engine: it must be short and call nothing of the engine. False: some wait already, or it is
  // closed.
  bool OnImmediate(std::function<void()> call);

  // Readable while immediates or new peers wait. For an event loop to watch; the engine owns it.
  int event_descriptor();

  // Ends the thread and the connections, fails what is outstanding, closes the regions.
  void Close();
  bool is_closed() const;

 private:
  explicit Engine(std::shared_ptr<EngineCore> core);

  const std::shared_ptr<EngineCore> core_;
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_ENGINE_H_
