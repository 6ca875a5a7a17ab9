// One thread of a client: its share of the requests, its connections, and the loop that serves
// them.
//
// The thread holds a lock except while it waits, so that whoever has the lock sees everything at
// rest. Queries are pushed under a lock of their own: whoever issues them never waits for the loop.
#ifndef MLPERF_LLM_WORKER_H_
#define MLPERF_LLM_WORKER_H_

#include <sys/epoll.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "answer_sink.h"
#include "client_options.h"
#include "client_report.h"
#include "connection.h"
#include "prepared_requests.h"
#include "server_fleet.h"
#include "stamp_clock.h"

namespace mlperf::llm {

class Worker {
 public:
  // `options.max_outstanding`: this worker's share. `has_news`: called with the lock held when
  // there are events, or many rows.
  Worker(const ClientOptions& options, ServerFleet fleet, const PreparedRequests* prepared,
         std::function<void()> has_news);
  ~Worker();  // As Stop.
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // ---- From any thread
  // Where answers go. Before the first request.
  void SetSink(AnswerSink* sink);
  void Push(const Request* requests, size_t count);
  // Opens so many connections to each server and waits for them. Returns what went wrong; empty:
  // nothing did.
  std::string Warm(size_t connections);
  // Nothing is sent or handed over any more. A call of the sink that has begun ends before.
  void Cease();
  // Ends the thread and closes the connections. May be called twice.
  void Stop();

  void AddCounts(ClientCounts* counts);
  void TakeRows(std::vector<RequestRow>* rows);
  void TakeEvents(std::vector<ClientEvent>* events);

 private:
  using Lock = std::unique_lock<std::mutex>;
  struct Slot {
    std::unique_ptr<Connection> connection;
    uint32_t turn = 0;  // Tells an event of epoll that is of an earlier connection.
    uint32_t watched = 0;
  };

  Lock LockAtRest();
  void Run();
  void Wake();
  void ServeReady(int count);
  void Serve(uint32_t number, uint32_t events);
  void ServeConnecting(uint32_t number);
  void ServeIdle(uint32_t number);
  void ServeBusy(uint32_t number, uint32_t events);
  void Note(const Stamp& stamp);

  // ---- Requests
  void TakePushed();
  void StartPending();
  void Start(const Request& request, uint32_t server);
  void StartOn(uint32_t number, std::shared_ptr<const std::string> bytes);
  void AfterRead(uint32_t number, bool is_broken);
  void Repeat(uint32_t number);
  void Finish(uint32_t number, bool cancelled);
  void Refuse(const Request& request, uint32_t server, const std::string& reason);
  void HandFailure(const Request& request, const std::string& words);
  void EndRequest(Connection* connection);
  void Record(const Request& request, uint32_t server, const Connection* connection);

  // ---- Connections
  static Descriptor BeginConnectTo(FleetServer* server);
  uint32_t Open(uint32_t server, std::string* fault);
  void Lose(uint32_t number);
  bool TryAgain(const Connection& lost);
  void Close(uint32_t number);
  void Rest(uint32_t number);
  void Watch(uint32_t number);
  void SetDeadline(uint32_t number, int64_t deadline_ns);
  void CheckDeadlines();
  void PassDeadline(uint32_t number);
  void Report(ClientEvent::Kind kind, uint32_t server, std::string text);

  const ClientOptions options_;
  const PreparedRequests* const prepared_;
  const std::function<void()> has_news_;
  AnswerSink* sink_ = nullptr;

  std::mutex mutex_;  // Of everything below, up to the next comment.
  std::condition_variable warmed_;
  ServerFleet fleet_;
  SystemClockPair clocks_;
  StampClock stamps_{&clocks_};
  std::vector<Slot> slots_;
  std::vector<int64_t> deadlines_;  // Of the connections; INT64_MAX: none.
  size_t deadline_count_ = 0;
  std::vector<uint32_t> free_;
  std::deque<Request> pending_;
  std::vector<Request> taken_;
  ClientCounts counts_;
  std::vector<RequestRow> rows_;
  std::vector<ClientEvent> events_;
  std::set<std::pair<uint32_t, std::string>> reported_;
  std::string warm_fault_;
  uint64_t connecting_ = 0;
  uint64_t outstanding_ = 0;
  double cancel_credit_ = 0;
  int64_t now_ns_ = 0;
  int64_t checked_ns_ = 0;  // The deadlines.
  bool has_ceased_ = false;
  bool is_stopping_ = false;

  std::atomic<int> guests_{0};  // Threads that want the lock; the loop lets them go first.
  std::mutex pushed_mutex_;     // Of the requests that were pushed.
  std::vector<Request> pushed_;

  Descriptor epoll_, wake_;
  std::vector<epoll_event> ready_;
  std::unique_ptr<char[]> buffer_;
  std::thread thread_;
};

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_WORKER_H_
