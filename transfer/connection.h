// A connection to one peer, after its handshake: what both ends ask of each other by frames.
//
// Who reads the socket holds the role of its reader: the engine's thread when epoll wakes it, or a
// thread that waits for an operation and would otherwise be woken by it. Bytes land in regions only
// under the lock, so that closing a region or the connection can stop them. Anybody who has the
// lock writes. Locks are taken in this order: the copy line's, this one, the role's.
#ifndef MLPERF_TRANSFER_CONNECTION_H_
#define MLPERF_TRANSFER_CONNECTION_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "copy_line.h"
#include "engine.h"
#include "frame_reader.h"
#include "frame_writer.h"
#include "gate.h"
#include "handshake.h"
#include "mailbox.h"
#include "provider.h"
#include "region_table.h"

namespace mlperf::transfer {

class EngineCore;
struct LinkWrite;
struct Opening;

// What a RemoteRegion stands for. With its last user the peer hears that its handle is free.
struct RemoteMemory {
  std::shared_ptr<Connection> connection;
  uint32_t handle = 0;
  Access access = Access::kReadWrite;
  uint64_t nbytes = 0;
  bool is_mapped = false;
  SharedMemory mapping;                    // Of who entered the gate.
  std::shared_ptr<ProviderTarget> target;  // Null if it is not reached by a provider.
  mutable Gate gate;                       // Copies from and to the mapping; closed: revoked.

  RemoteMemory() = default;
  ~RemoteMemory();
  RemoteMemory(const RemoteMemory&) = delete;
  RemoteMemory& operator=(const RemoteMemory&) = delete;
};

// What a handshake hands over.
struct Established {
  Descriptor socket;
  FrameReader reader;
  std::string address;
  std::string provider;
  Nonce connecting{}, accepting{};
  std::shared_ptr<Provider> maker;     // Null for shm and tcp.
  std::shared_ptr<ProviderLink> link;  // Likewise.
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<EngineCore> core, uint64_t number, Established established);
  ~Connection();

  // ---- For the program, by any thread. ----
  uint64_t number() const { return number_; }
  const std::string& address() const { return address_; }
  const std::string& provider() const { return provider_; }
  bool alive() const { return !is_lost_.load(std::memory_order_acquire); }
  bool is_of_this_process() const;

  Status Open(std::string_view descriptor, double timeout_s, std::shared_ptr<RemoteMemory>* remote);
  Status Transfer(const std::shared_ptr<RemoteMemory>& remote, const std::shared_ptr<Region>& local,
                  bool is_write, std::span<const Slice> slices, std::optional<uint32_t> imm,
                  std::shared_ptr<Op>* op);
  Status Send(const std::shared_ptr<Region>& local, uint64_t offset, uint64_t nbytes, uint32_t tag,
              std::shared_ptr<Op>* op);
  Status Receive(const std::shared_ptr<Region>& local, uint64_t offset, uint64_t nbytes,
                 uint32_t tag, std::shared_ptr<Op>* op);
  // Serves the connection until the operation is done or the deadline came. False: somebody else
  // does it, and will wake who sleeps.
  bool Help(const Op& op, int64_t deadline_ns);
  void Close(const Status& why);

  static Status ForkedStatus();
  Status LostStatus() const;

  // ---- For regions. ----
  // Begins to take a closed region away from the peer and from operations of this end.
  void Revoke(const std::shared_ptr<Memory>& memory);
  // Whether that is done by the deadline; where it is not, the connection has to end.
  bool WaitUntilRevoked(const Memory* memory, int64_t deadline_ns);
  void LoseUnlessRevoked(const Memory* memory);
  void Release(uint32_t handle);

  // ---- For the copy line and providers. ----
  void FinishCopy(const CopyJob& job);

  // ---- For the engine's thread. ----
  int socket() const { return socket_.get(); }
  // Takes the frames that came with the handshake.
  void Begin();
  // The events of epoll.
  void Serve(uint32_t events);
  // Reads if something is there already; false if not, or if another thread reads.
  bool ServeIfReady();
  bool StepCopies() { return copies_.Step(); }
  // The last thing after it was lost: its socket is closed as soon as no thread reads it.
  void Retire();

 private:
  enum class Role : uint8_t { kNone, kEngine, kWaiter };

  // A request of this end that the peer did not answer yet.
  struct Pending {
    FrameKind kind = FrameKind::kRead;
    std::shared_ptr<Op> op;  // Null for OPEN.
    uint32_t slices = 0;
    std::vector<iovec> places;  // Where the bytes of a READ go.
    uint64_t nbytes = 0;        // How many those are, or of an announced message.
    std::shared_ptr<Memory> memory;
    bool is_dropped = false;    // The operation failed already: its bytes go nowhere.
    bool is_announced = false;  // A message whose bytes the peer did not ask for yet.
    std::shared_ptr<Opening> opening;
  };

  // The frame that is being read, from its head to the end of its payload.
  struct Incoming {
    Answer answer = Answer::kDone;
    std::shared_ptr<Memory> memory;            // Whose bytes the payload becomes.
    std::optional<transfer::Receive> receive;  // That a message fills.
    std::string bytes;                         // Payload that no region holds.
  };

  struct Cleared {
    transfer::Receive receive;
    uint64_t nbytes = 0;
    bool is_dropped = false;
  };

  // Holds the lock. What was released under it ends after it: the end of a region or of a remote
  // region asks for this lock, too, and that of a program's memory may ask for the interpreter's.
  class Guard {
   public:
    explicit Guard(Connection* connection) : connection_(connection), lock_(connection->mutex_) {}
    ~Guard();
    std::unique_lock<std::mutex>* lock() { return &lock_; }

   private:
    Connection* const connection_;
    std::unique_lock<std::mutex> lock_;
  };

  // Who reads the socket: connection_role.cc.
  bool TakeRole(Role role);
  void LeaveRole();
  void WatchOutput(bool by_waiter);
  void UpdateInterest();
  void SetBlocked(bool is_blocked);
  void CloseIfUnused();
  bool SpinUntilDone(const Op& op, int64_t deadline_ns);
  void BlockForInput(int64_t deadline_ns);
  ssize_t ReceiveSome(int flags);
  void TakeInput(ssize_t received, int error);
  bool ReadOnce();

  // The frames that come: connection_frames.cc.
  void TakeFrames();
  const char* BeginFrame();
  const char* EndFrame();
  void Reply(uint64_t op, Answer answer, uint32_t handle = 0);

  // What the peer asks of regions: connection_regions.cc.
  const char* BeginOpen();
  const char* EndOpen();
  bool Export(const std::shared_ptr<Memory>& memory, FrameHead* head);
  std::shared_ptr<Memory> FindHandle(uint32_t handle) const;
  Answer CheckSlices(const std::shared_ptr<Memory>& memory, Access wanted,
                     std::vector<iovec>* places) const;
  void EndRead();
  const char* BeginWrite();
  void EndWrite();
  const char* TakeRevoke();

  // Messages that come: connection_messages.cc.
  const char* BeginSend();
  void EndSend();
  bool FillReceive(transfer::Receive receive, std::string_view bytes);
  void ClearAnnounced(transfer::Receive receive, uint64_t op, uint64_t nbytes);
  const char* BeginCleared();
  void EndCleared();
  const char* TakeClear();

  // The peer's answers: connection_answers.cc.
  const char* BeginReply();
  const char* EndReply();
  void FinishPending(std::unordered_map<uint64_t, Pending>::iterator pending, Status status);
  Status FinishOpening(Opening* opening);

  // What this end asks: connection_post.cc.
  Status CheckUsable() const;
  Status CheckStillOpen(const Memory& local) const;
  Status CheckTransfer(const RemoteMemory& remote, const Memory& local, bool is_write,
                       std::span<const Slice> slices, uint64_t* nbytes) const;
  Status CheckLocal(const Memory& local, uint64_t offset, uint64_t nbytes) const;
  void PostBySocket(const RemoteMemory& remote, const std::shared_ptr<Memory>& local, bool is_write,
                    std::span<const Slice> slices, std::optional<uint32_t> imm,
                    const std::shared_ptr<Op>& op);
  void PostFrame(uint32_t handle, const std::shared_ptr<Memory>& local, bool is_write,
                 std::span<const Slice> slices, std::optional<uint32_t> imm,
                 const std::shared_ptr<Op>& op);
  Status PostByCopy(const std::shared_ptr<RemoteMemory>& remote,
                    const std::shared_ptr<Memory>& local, bool is_write,
                    std::span<const Slice> slices, uint64_t nbytes, std::optional<uint32_t> imm,
                    const std::shared_ptr<Op>& op);
  Status PostByLink(const std::shared_ptr<RemoteMemory>& remote,
                    const std::shared_ptr<Memory>& local, bool is_write,
                    std::span<const Slice> slices, std::optional<uint32_t> imm,
                    const std::shared_ptr<Op>& op);
  std::shared_ptr<ProviderTarget> TargetOf(const RemoteMemory& remote) const;
  void FinishByLink(const std::shared_ptr<LinkWrite>& write, Status status);
  bool IsAliveNow();
  Status DeadStatus() const;

  // Under the lock.
  void Flush();
  void Lose(Status why);
  void FailAll();
  void Finish(std::shared_ptr<Op> op, Status status);
  void DropIncoming(const Memory* memory);
  void DropOutgoing(const Memory* memory);
  void DropPending(const Memory* memory);
  bool HasRevoked(const Memory* memory) const;

  const std::shared_ptr<EngineCore> core_;
  const uint64_t number_;
  const std::string address_;
  const std::string provider_;
  const Nonce connecting_, accepting_;
  const std::shared_ptr<Provider> maker_;
  const std::shared_ptr<ProviderLink> link_;
  std::atomic<bool> is_lost_{false};

  CopyLine copies_{this};

  mutable std::mutex mutex_;
  std::condition_variable revoked_;
  Descriptor socket_;
  Status lost_;
  FrameReader reader_;  // But for its places, of the role.
  Incoming incoming_;
  std::deque<Descriptor> passed_;  // Descriptors that came and belong to the next answers.
  std::vector<std::shared_ptr<void>> released_;  // See Guard.
  FrameWriter writer_{&released_};
  Mailbox mailbox_;
  uint64_t next_op_ = 1;
  std::unordered_map<uint64_t, Pending> pending_;
  std::unordered_map<uint64_t, Cleared> cleared_;  // Announced messages that come, by their op.
  // Regions of this end that the peer opened.
  struct Handle {
    std::shared_ptr<Memory> memory;
    bool is_handed_over = false;  // The peer may have mapped it.
  };
  uint32_t next_handle_ = 1;
  std::unordered_map<uint32_t, Handle> handles_;
  std::unordered_map<uint64_t, const Memory*> revoking_;  // By op: what the peer must let go.
  std::unordered_map<uint32_t, std::weak_ptr<RemoteMemory>> remotes_;
  std::deque<std::shared_ptr<LinkWrite>> link_writes_;  // With immediates, in their order.

  std::mutex role_mutex_;
  Role role_ = Role::kNone;
  bool is_watched_by_waiter_ = false;  // The waiter polls for output, too.
  std::atomic<bool> is_blocked_{false};
  uint32_t interest_ = 0;
  bool is_retired_ = false;
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_CONNECTION_H_
