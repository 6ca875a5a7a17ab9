// The loop and the connections; worker_requests.cc has what becomes of requests.
#include "worker.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <system_error>
#include <utility>

#include "secrets.h"

namespace mlperf::llm {
namespace {

constexpr size_t kReadSize = 64 << 10;
constexpr size_t kMostReady = 512;
constexpr uint64_t kWake = UINT64_MAX;
constexpr int kTickMs = 10;
constexpr int64_t kTickNs = kTickMs * 1'000'000;
constexpr int64_t kLostNs =
    1'000'000'000;  // Until a server is tried again, where there is another.

template <typename Function>
std::thread StartWithoutSignals(Function function) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(function));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

[[noreturn]] void Throw(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Worker::Worker(const ClientOptions& options, ServerFleet fleet, const PreparedRequests* prepared,
               std::function<void()> has_news)
    : options_(options),
      prepared_(prepared),
      has_news_(std::move(has_news)),
      fleet_(std::move(fleet)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      ready_(kMostReady),
      buffer_(new char[kReadSize]) {
  if (!epoll_ || !wake_) Throw("a thread of the client cannot be made");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWake;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) Throw("epoll_ctl");
  thread_ = StartWithoutSignals([this] { Run(); });
}

Worker::~Worker() { Stop(); }

// ---- From any thread ---------------------------------------------------------------------------

Worker::Lock Worker::LockAtRest() {
  guests_.fetch_add(1);
  Lock lock(mutex_);
  guests_.fetch_sub(1);
  return lock;
}

void Worker::SetSink(AnswerSink* sink) {
  const Lock lock = LockAtRest();
  sink_ = sink;
}

void Worker::Push(const Request* requests, size_t count) {
  bool was_empty;
  {
    const std::lock_guard lock(pushed_mutex_);
    was_empty = pushed_.empty();
    pushed_.insert(pushed_.end(), requests, requests + count);
  }
  if (was_empty) Wake();
}

void Worker::Wake() {
  const uint64_t one = 1;
  while (write(wake_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

std::string Worker::Warm(size_t connections) {
  Lock lock = LockAtRest();
  now_ns_ = stamps_.NowNs();
  warm_fault_.clear();
  for (uint32_t server = 0; server < fleet_.size(); ++server) {
    for (size_t i = 0; i < connections && warm_fault_.empty(); ++i) Open(server, &warm_fault_);
  }
  Wake();  // The thread may wait without an end.
  warmed_.wait(lock, [&] { return connecting_ == 0 || !warm_fault_.empty() || is_stopping_; });
  return warm_fault_;
}

void Worker::Cease() {
  const Lock lock = LockAtRest();
  has_ceased_ = true;
}

void Worker::Stop() {
  {
    const Lock lock = LockAtRest();
    has_ceased_ = is_stopping_ = true;
    warmed_.notify_all();
  }
  Wake();
  if (thread_.joinable()) thread_.join();
  slots_.clear();
}

void Worker::AddCounts(ClientCounts* counts) {
  const Lock lock = LockAtRest();
  counts_.clock_steps = stamps_.steps();
  counts->Merge(counts_);
}

void Worker::TakeRows(std::vector<RequestRow>* rows) {
  const Lock lock = LockAtRest();
  rows->insert(rows->end(), rows_.begin(), rows_.end());
  rows_.clear();
}

void Worker::TakeEvents(std::vector<ClientEvent>* events) {
  const Lock lock = LockAtRest();
  events->insert(events->end(), std::make_move_iterator(events_.begin()),
                 std::make_move_iterator(events_.end()));
  events_.clear();
}

// ---- The loop ----------------------------------------------------------------------------------

void Worker::Run() {
  prctl(PR_SET_TIMERSLACK, 1'000);
  bool waits_for_deadlines = false;
  for (;;) {
    const int timeout_ms = waits_for_deadlines ? kTickMs : -1;
    const int count =
        epoll_wait(epoll_.get(), ready_.data(), static_cast<int>(ready_.size()), timeout_ms);
    while (guests_.load() > 0) std::this_thread::yield();
    const Lock lock(mutex_);
    if (is_stopping_) return;
    now_ns_ = stamps_.Check();
    ServeReady(count);
    CheckDeadlines();  // It makes room for requests that wait.
    TakePushed();
    StartPending();
    // A server that was lost is tried again after a time, and no event says so.
    waits_for_deadlines = deadline_count_ > 0 || (!pending_.empty() && !has_ceased_);
  }
}

void Worker::ServeReady(int count) {
  for (int place = 0; place < count; ++place) {
    const epoll_event& event = ready_[static_cast<size_t>(place)];
    if (event.data.u64 == kWake) {
      uint64_t times;
      while (read(wake_.get(), &times, sizeof times) < 0 && errno == EINTR) {
      }
      continue;
    }
    const auto number = static_cast<uint32_t>(event.data.u64);
    const Slot& slot = slots_[number];
    if (!slot.connection || slot.turn != event.data.u64 >> 32) continue;
    Serve(number, event.events);
    if (slots_[number].connection) Watch(number);
  }
}

void Worker::Serve(uint32_t number, uint32_t events) {
  switch (slots_[number].connection->state()) {
    case Connection::State::kConnecting:
    case Connection::State::kHandshake:
      return ServeConnecting(number);
    case Connection::State::kIdle:
      return ServeIdle(number);
    case Connection::State::kBusy:
    case Connection::State::kDraining:
      return ServeBusy(number, events);
  }
}

void Worker::ServeConnecting(uint32_t number) {
  Connection& connection = *slots_[number].connection;
  if (connection.Establish({buffer_.get(), kReadSize}) == Connection::Io::kBroken) {
    return Lose(number);
  }
  if (connection.state() != Connection::State::kIdle) return;
  ++counts_.opened;
  FleetServer& server = fleet_[connection.server()];
  server.is_lost = false;
  server.lost_until_ns = INT64_MIN;
  if (--connecting_ == 0) warmed_.notify_all();
  if (!connection.has_request) return Rest(number);
  StartOn(number, prepared_->Find(connection.request.index, connection.server()));
}

void Worker::ServeIdle(uint32_t number) {
  Connection& connection = *slots_[number].connection;
  if (connection.Check({buffer_.get(), kReadSize}) == Connection::Io::kGoesOn) return;
  std::erase(fleet_[connection.server()].idle, number);
  Close(number);
}

void Worker::ServeBusy(uint32_t number, uint32_t events) {
  Connection& connection = *slots_[number].connection;
  bool is_broken = false;
  if ((events & EPOLLOUT) != 0) is_broken = connection.Flush(&stamps_) == Connection::Io::kBroken;
  // A server that does not take the whole request may have said why.
  if (is_broken || (events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) {
    Stamp stamp;
    is_broken |=
        connection.Read({buffer_.get(), kReadSize}, &stamps_, &stamp) == Connection::Io::kBroken;
    Note(stamp);
  }
  AfterRead(number, is_broken);
}

void Worker::Note(const Stamp& stamp) {
  if (stamp.read_ns == 0) return;
  ++counts_.reads;
  if (!stamp.is_by_kernel) return;
  ++counts_.reads_by_kernel;
  counts_.lags.Add(LagOf(stamp));
}

// ---- Connections -------------------------------------------------------------------------------

// Begins to connect, to the first address of the server's that there is a way to.
Descriptor Worker::BeginConnectTo(FleetServer* server) {
  Descriptor socket;
  for (size_t tries = 0; !socket && tries < server->addresses.size(); ++tries) {
    if (tries > 0) server->address = (server->address + 1) % server->addresses.size();
    socket = BeginConnect(server->addresses[server->address]);
  }
  return socket;
}

// Begins to connect. The connection's number; none if `fault` says why not.
uint32_t Worker::Open(uint32_t server, std::string* fault) {
  FleetServer& to = fleet_[server];
  Descriptor socket = BeginConnectTo(&to);
  if (!socket) {
    const int error = errno;
    *fault = "cannot connect: " + std::generic_category().message(error);
    if (error == EMFILE) *fault += "; raise ulimit -n";
    if (error == EADDRNOTAVAIL) *fault += ": all local ports are in use";
    return 0;
  }
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
    deadlines_.push_back(INT64_MAX);
  }
  const uint32_t number = free_.back();
  free_.pop_back();
  Slot& slot = slots_[number];
  slot.connection =
      std::make_unique<Connection>(server, std::move(socket), to.tls ? to.tls->Begin() : nullptr);
  slot.connection->address = to.address;
  ++slot.turn;
  slot.watched = 0;
  ++connecting_;
  SetDeadline(number, now_ns_ + options_.connect_timeout_ns);
  Watch(number);
  return number;
}

// Has epoll tell what the connection waits for.
void Worker::Watch(uint32_t number) {
  Slot& slot = slots_[number];
  const uint32_t wanted = static_cast<uint32_t>(EPOLLIN) |
                          (slot.connection->wants_to_write() ? static_cast<uint32_t>(EPOLLOUT) : 0);
  if (wanted == slot.watched) return;
  epoll_event event{};
  event.events = wanted;
  event.data.u64 = uint64_t{slot.turn} << 32 | number;
  const int operation = slot.watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  epoll_ctl(epoll_.get(), operation, slot.connection->fd(), &event);
  slot.watched = wanted;
}

// A connection could not be established.
void Worker::Lose(uint32_t number) {
  const std::unique_ptr<Connection> lost = std::move(slots_[number].connection);
  Close(number);
  --connecting_;
  FleetServer& server = fleet_[lost->server()];
  if (lost->address == server.address) {
    server.address = (server.address + 1) % server.addresses.size();
  }
  if (lost->tries < server.addresses.size() && TryAgain(*lost)) return;
  warm_fault_ = server.shown + ": " + lost->fault();
  warmed_.notify_all();
  if (!server.is_lost) Report(ClientEvent::Kind::kLost, lost->server(), lost->fault());
  server.is_lost = true;
  server.lost_until_ns = now_ns_ + kLostNs;
  if (!lost->has_request) return;
  EndRequest(lost.get());
  if (fleet_.HasOther(lost->server())) {
    pending_.push_front(lost->request);
  } else {
    Refuse(lost->request, lost->server(), lost->fault());
  }
}

// At another address of the server.
bool Worker::TryAgain(const Connection& lost) {
  std::string fault;
  const uint32_t number = Open(lost.server(), &fault);
  if (!fault.empty()) return false;
  Connection& connection = *slots_[number].connection;
  connection.request = lost.request;
  connection.has_request = lost.has_request;
  connection.tries = lost.tries + 1;
  return true;
}

void Worker::Close(uint32_t number) {
  SetDeadline(number, INT64_MAX);
  slots_[number].connection.reset();
  free_.push_back(number);
}

// The connection waits for its next request.
void Worker::Rest(uint32_t number) {
  SetDeadline(number, INT64_MAX);
  Connection& connection = *slots_[number].connection;
  connection.Rest();
  fleet_[connection.server()].idle.push_back(number);
}

// INT64_MAX: none.
void Worker::SetDeadline(uint32_t number, int64_t deadline_ns) {
  deadline_count_ -= deadlines_[number] != INT64_MAX;
  deadline_count_ += deadline_ns != INT64_MAX;
  deadlines_[number] = deadline_ns;
}

void Worker::CheckDeadlines() {
  if (deadline_count_ == 0 || now_ns_ - checked_ns_ < kTickNs) return;
  checked_ns_ = now_ns_;
  for (uint32_t number = 0; number < deadlines_.size(); ++number) {
    if (deadlines_[number] <= now_ns_) PassDeadline(number);
  }
}

void Worker::Report(ClientEvent::Kind kind, uint32_t server, std::string text) {
  events_.push_back({kind, server, WithoutSecrets(std::move(text), options_.secrets)});
  has_news_();
}

}  // namespace mlperf::llm
