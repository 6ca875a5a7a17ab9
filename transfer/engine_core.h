// What an engine is behind its public interface: one thread with epoll, its connections and
// regions.
#ifndef MLPERF_TRANSFER_ENGINE_CORE_H_
#define MLPERF_TRANSFER_ENGINE_CORE_H_

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "arrival.h"
#include "connection.h"
#include "descriptor.h"
#include "engine.h"
#include "event_queue.h"
#include "identity.h"
#include "region_table.h"
#include "status.h"

namespace mlperf::transfer {

class EngineCore : public std::enable_shared_from_this<EngineCore> {
 public:
  static Status Start(const EngineOptions& options, std::shared_ptr<EngineCore>* core);
  EngineCore() = default;
  ~EngineCore();

  // ---- Any thread. ----
  bool is_of_this_process() const { return generation_ == ProcessGeneration(); }
  bool is_closed() const { return is_closed_.load(std::memory_order_acquire); }
  // kFailed if it is closed, or a forked child's copy.
  Status CheckUsable() const;
  const std::string& address() const { return address_; }
  const std::vector<std::string>& providers() const { return providers_; }
  int64_t spin_ns() const { return spin_ns_; }
  RegionTable& regions() { return regions_; }
  EventQueue& events() { return events_; }

  Status Connect(const std::string& address, double timeout_s,
                 std::shared_ptr<Connection>* connection);
  void AddRegion(const std::shared_ptr<Memory>& memory);
  // `waits`: until no peer can touch it any more; else the engine's thread sees to it.
  void CloseRegion(const std::shared_ptr<Memory>& memory, bool waits);
  void Close();

  // ---- For connections. ----
  void Watch(int socket, uint32_t events, uint64_t number);
  void AddLost(std::shared_ptr<Connection> connection);
  void AddCopies(std::shared_ptr<Connection> connection);

 private:
  // A closed region that peers are still to let go.
  struct Closing {
    std::shared_ptr<Memory> memory;
    std::vector<std::shared_ptr<Connection>> connections;
    int64_t deadline_ns = 0;
  };

  Status SetUp(const EngineOptions& options);
  Status SetUpIdentity(const EngineOptions& options);
  Status AddToEpoll(int descriptor, uint64_t token, uint32_t events);
  Status Adopt(Established established, bool is_accepted, std::shared_ptr<Connection>* connection);
  std::vector<std::shared_ptr<Connection>> Connections() const;
  std::shared_ptr<Connection> FindConnection(uint64_t number) const;
  void Wake();

  // Of the engine's thread.
  void Run();
  int TimeoutMs() const;
  void Handle(const epoll_event& event);
  void AcceptAll(const Descriptor& listener, bool by_door);
  void AdvanceArrival(uint64_t number);
  void DropLateArrivals();
  void RetireLost();
  void FinishClosing();
  bool StepCopies();
  void Spin();

  const uint64_t generation_ = ProcessGeneration();
  Identity identity_;
  std::string address_;
  std::vector<std::string> providers_;
  int64_t spin_ns_ = 0;
  uint32_t max_peers_ = 0;
  Descriptor epoll_, wake_, listener_, door_;
  RegionTable regions_;
  EventQueue events_;
  std::atomic<bool> is_closed_{false};
  std::atomic<bool> is_stopping_{false};
  std::unique_ptr<std::thread> thread_;
  std::mutex close_mutex_;

  mutable std::mutex mutex_;
  uint64_t next_number_ = 1;
  std::unordered_map<uint64_t, std::shared_ptr<Connection>> connections_;
  std::vector<std::shared_ptr<Connection>> lost_;
  std::deque<std::shared_ptr<Connection>> copying_;
  std::vector<Closing> closing_;

  // Of the engine's thread.
  uint64_t next_arrival_ = 1;
  std::unordered_map<uint64_t, std::unique_ptr<Arrival>> arrivals_;
  std::atomic<size_t> arrival_count_{0};
  std::shared_ptr<Connection> last_served_;
  int64_t accept_again_ns_ = 0;  // When the process had no more descriptors; 0: it has.
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_ENGINE_CORE_H_
