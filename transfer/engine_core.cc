#include "engine_core.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <utility>

#include "dial.h"
#include "provider.h"
#include "providers.h"
#include "shared_memory.h"
#include "stream_socket.h"

namespace mlperf::transfer {
namespace {

constexpr size_t kMaxArrivals = 128;
constexpr int64_t kHandshakeNs = 5'000'000'000;
constexpr int64_t kRevokeNs = 1'000'000'000;
constexpr int64_t kAcceptPauseNs = 100'000'000;
constexpr int kClosingCheckMs = 5;
constexpr int kMaxEvents = 64;
constexpr int kSpinsBetweenPolls = 16;
constexpr double kMaxSpinUs = 1e6;

// What epoll gives back: a number, and of what in the last two bits.
enum class Watched : uint64_t { kOwn, kArrival, kConnection };
constexpr uint64_t Token(Watched what, uint64_t number) {
  return number << 2 | static_cast<uint64_t>(what);
}
constexpr uint64_t kWakeToken = Token(Watched::kOwn, 0);
constexpr uint64_t kListenerToken = Token(Watched::kOwn, 1);
constexpr uint64_t kDoorToken = Token(Watched::kOwn, 2);

std::string RandomName() {
  std::string name = "unix://@mlperf_transfer_";
  for (const char byte : RandomBytes(15)) {
    name.push_back("0123456789abcdef"[byte >> 4 & 15]);
    name.push_back("0123456789abcdef"[byte & 15]);
  }
  return name;
}

}  // namespace

// ---- Starting and closing. ----

Status EngineCore::Start(const EngineOptions& options, std::shared_ptr<EngineCore>* core) {
  auto made = std::make_shared<EngineCore>();
  Status status = made->SetUp(options);
  if (!status.ok()) return status;
  // Signals are for the program's threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  made->thread_ = std::make_unique<std::thread>([made] { made->Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  *core = std::move(made);
  return {};
}

EngineCore::~EngineCore() {
  // The thread has ended, or belongs to the process that this one was forked from.
  static_cast<void>(thread_.release());
}

Status EngineCore::SetUp(const EngineOptions& options) {
  if (!options.secret.empty() && options.secret.size() != 32) {
    return Status::Invalid("the secret has " + std::to_string(options.secret.size()) +
                           " bytes; give 32");
  }
  // Zeros prove what no secret does.
  if (!options.secret.empty() && options.secret.find_first_not_of('\0') == std::string::npos) {
    return Status::Invalid("the secret is 32 zeros; give 32 random bytes");
  }
  if (!(options.spin_us >= 0 && options.spin_us <= kMaxSpinUs)) {
    return Status::Invalid("spin_us must be from 0 to 1,000,000 microseconds");
  }
  Status status = CheckAddress(options.bind);
  if (!status.ok()) return status;
  if (options.secret.empty() && !options.insecure && !IsLocalAddress(options.bind)) {
    return Status::Invalid("without a secret, whoever reaches " + options.bind +
                           " could connect; give a secret, or insecure=True on a trusted network");
  }
  spin_ns_ = std::llround(options.spin_us * 1e3);
  max_peers_ = options.max_peers;
  epoll_ = Descriptor(epoll_create1(EPOLL_CLOEXEC));
  wake_ = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_ || !wake_) return Status::System("starting an engine", errno);
  status = AddToEpoll(wake_.get(), kWakeToken, EPOLLIN);
  if (status.ok()) status = Listen(options.bind, &listener_, &address_);
  if (status.ok()) status = AddToEpoll(listener_.get(), kListenerToken, EPOLLIN);
  if (status.ok()) status = SetUpIdentity(options);
  return status;
}

Status EngineCore::SetUpIdentity(const EngineOptions& options) {
  Status status = ChooseProviders(options.providers, &providers_);
  if (!status.ok()) return status;
  identity_.secret = options.secret;
  identity_.greeting.boot_id = BootId();
  for (const std::string& name : providers_) {
    std::shared_ptr<Provider> maker;
    status = MakeProvider(name, &maker);
    if (!status.ok()) return status;
    identity_.greeting.providers.push_back({name, maker == nullptr ? "" : maker->Introduce()});
    identity_.makers[name] = std::move(maker);
  }
  if (FindProvider(identity_.greeting, "shm") == nullptr) return {};
  status = Listen(RandomName(), &door_, &identity_.greeting.door);
  if (status.ok()) status = AddToEpoll(door_.get(), kDoorToken, EPOLLIN);
  return status;
}

Status EngineCore::AddToEpoll(int descriptor, uint64_t token, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) == 0) return {};
  return Status::System("epoll_ctl", errno);
}

Status EngineCore::CheckUsable() const {
  if (!is_of_this_process()) return Connection::ForkedStatus();
  if (is_closed()) return Status::Failed("the engine is closed; start another");
  return {};
}

void EngineCore::Close() {
  if (!is_of_this_process()) return;
  const std::lock_guard closing(close_mutex_);
  is_closed_.store(true, std::memory_order_release);
  if (thread_ == nullptr) return;
  is_stopping_.store(true);
  Wake();
  thread_->join();
  thread_.reset();
  for (const std::shared_ptr<Connection>& connection : Connections()) {
    connection->Close(Status::Failed("the engine was closed here"));
    connection->Retire();
  }
  for (const std::shared_ptr<Memory>& memory : regions_.All()) CloseRegion(memory, true);
  events_.Close();
  arrivals_.clear();
  last_served_.reset();
  listener_.Close();
  door_.Close();
  decltype(connections_) connections;
  decltype(lost_) lost;
  decltype(copying_) copying;
  decltype(closing_) regions;
  {
    const std::lock_guard lock(mutex_);  // They end after it is left.
    connections.swap(connections_);
    lost.swap(lost_);
    copying.swap(copying_);
    regions.swap(closing_);
  }
  for (const Closing& region : regions) region.memory->CloseExports();
}

// ---- Connections. ----

Status EngineCore::Connect(const std::string& address, double timeout_s,
                           std::shared_ptr<Connection>* connection) {
  Status status = CheckUsable();
  if (!status.ok()) return status;
  Established established;
  status = Dial(identity_, address, DeadlineAfter(timeout_s), &established);
  if (!status.ok()) return status;
  return Adopt(std::move(established), false, connection);
}

Status EngineCore::Adopt(Established established, bool is_accepted,
                         std::shared_ptr<Connection>* connection) {
  const int socket = established.socket.get();
  {
    const std::lock_guard lock(mutex_);
    if (connections_.size() >= max_peers_) {
      return Status::Failed("the engine has as many peers as its max_peers, " +
                            std::to_string(max_peers_));
    }
    const uint64_t number = next_number_++;
    *connection = std::make_shared<Connection>(shared_from_this(), number, std::move(established));
    connections_[number] = *connection;
  }
  // Close() has seen it, or it is closed here.
  if (is_closed()) {
    (*connection)->Close(Status::Failed("the engine was closed here"));
    (*connection)->Retire();
    const std::lock_guard lock(mutex_);
    connections_.erase((*connection)->number());
    return Status::Failed("the engine is closed; start another");
  }
  Status status = AddToEpoll(socket, Token(Watched::kConnection, (*connection)->number()), EPOLLIN);
  if (!status.ok()) {
    (*connection)->Close(status);
    return status;
  }
  (*connection)->Begin();
  if (is_accepted) events_.AddPeer(std::make_shared<Peer>(*connection));
  return {};
}

std::vector<std::shared_ptr<Connection>> EngineCore::Connections() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Connection>> all;
  all.reserve(connections_.size());
  for (const auto& [number, connection] : connections_) all.push_back(connection);
  return all;
}

std::shared_ptr<Connection> EngineCore::FindConnection(uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = connections_.find(number);
  return found == connections_.end() ? nullptr : found->second;
}

void EngineCore::Watch(int socket, uint32_t events, uint64_t number) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = Token(Watched::kConnection, number);
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, socket, &event);
}

void EngineCore::AddLost(std::shared_ptr<Connection> connection) {
  {
    const std::lock_guard lock(mutex_);
    if (is_stopping_.load()) return;  // Close() retires all.
    lost_.push_back(std::move(connection));
  }
  Wake();
}

void EngineCore::AddCopies(std::shared_ptr<Connection> connection) {
  {
    const std::lock_guard lock(mutex_);
    if (std::ranges::find(copying_, connection) != copying_.end()) return;
    copying_.push_back(std::move(connection));
  }
  Wake();
}

void EngineCore::Wake() {
  const uint64_t one = 1;
  const ssize_t written = write(wake_.get(), &one, sizeof one);
  static_cast<void>(written);  // A full counter wakes as well.
}

// ---- Regions. ----

void EngineCore::AddRegion(const std::shared_ptr<Memory>& memory) {
  memory->engine = weak_from_this();
  regions_.Add(memory);
}

void EngineCore::CloseRegion(const std::shared_ptr<Memory>& memory, bool waits) {
  if (!is_of_this_process()) return;
  memory->gate.Close();
  regions_.Remove(memory->key.id);
  Closing closing{memory, Connections(), MonotonicNs() + kRevokeNs};
  for (const auto& connection : closing.connections) connection->Revoke(memory);
  if (!waits) {
    const std::lock_guard lock(mutex_);
    if (is_stopping_.load()) return;
    closing_.push_back(std::move(closing));
    Wake();
    return;
  }
  for (const auto& connection : closing.connections) {
    if (!connection->WaitUntilRevoked(memory.get(), closing.deadline_ns)) {
      connection->LoseUnlessRevoked(memory.get());
    }
  }
  memory->gate.WaitUntilEmpty(closing.deadline_ns);
  memory->CloseExports();
}

// ---- The engine's thread. ----

void EngineCore::Run() {
  pthread_setname_np(pthread_self(), "transfer");
  epoll_event events[kMaxEvents];
  while (!is_stopping_.load()) {
    const bool has_copies = StepCopies();
    const int count = epoll_wait(epoll_.get(), events, kMaxEvents, has_copies ? 0 : TimeoutMs());
    for (int i = 0; i < count; ++i) Handle(events[i]);
    RetireLost();
    DropLateArrivals();
    FinishClosing();
    if (spin_ns_ > 0 && last_served_ != nullptr) Spin();
  }
}

int EngineCore::TimeoutMs() const {
  int64_t next_ns = kNever;
  for (const auto& [number, arrival] : arrivals_) {
    next_ns = std::min(next_ns, arrival->deadline_ns());
  }
  if (accept_again_ns_ != 0) next_ns = std::min(next_ns, accept_again_ns_);
  const std::lock_guard lock(mutex_);
  return PollTimeoutMs(next_ns, closing_.empty() ? -1 : kClosingCheckMs);
}

void EngineCore::Handle(const epoll_event& event) {
  const uint64_t number = event.data.u64 >> 2;
  switch (static_cast<Watched>(event.data.u64 & 3)) {
    case Watched::kConnection:
      if (std::shared_ptr<Connection> connection = FindConnection(number)) {
        connection->Serve(event.events);
        last_served_ = std::move(connection);
      }
      return;
    case Watched::kArrival:
      AdvanceArrival(number);
      return;
    case Watched::kOwn:
      break;
  }
  if (event.data.u64 == kWakeToken) {
    uint64_t count;
    const ssize_t got = read(wake_.get(), &count, sizeof count);
    static_cast<void>(got);
  } else if (event.data.u64 == kListenerToken) {
    AcceptAll(listener_, false);
  } else {
    AcceptAll(door_, true);
  }
}

void EngineCore::AcceptAll(const Descriptor& listener, bool by_door) {
  for (;;) {
    Descriptor socket;
    const Status status = Accept(listener, &socket);
    if (status.code == StatusCode::kTimeout) return;
    if (!status.ok()) {
      // Most likely this process has as many descriptors as it may.
      accept_again_ns_ = MonotonicNs() + kAcceptPauseNs;
      epoll_event none{};
      epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener.get(), &none);
      return;
    }
    const size_t peers = Connections().size();
    if (arrivals_.size() >= kMaxArrivals || peers + arrivals_.size() >= max_peers_) continue;
    const uint64_t number = next_arrival_++;
    auto arrival = std::make_unique<Arrival>(std::move(socket), by_door, &identity_,
                                             MonotonicNs() + kHandshakeNs);
    if (!AddToEpoll(arrival->socket(), Token(Watched::kArrival, number), EPOLLIN).ok()) continue;
    arrivals_[number] = std::move(arrival);
  }
}

void EngineCore::AdvanceArrival(uint64_t number) {
  const auto found = arrivals_.find(number);
  if (found == arrivals_.end()) return;
  const Arrival::Step step = found->second->Advance();
  if (step == Arrival::Step::kMore) return;
  const std::unique_ptr<Arrival> arrival = std::move(found->second);
  arrivals_.erase(found);
  if (step == Arrival::Step::kRefused) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, arrival->socket(), nullptr);
  std::shared_ptr<Connection> connection;
  // What cannot be adopted was closed.
  static_cast<void>(Adopt(arrival->Finish(), true, &connection));
}

void EngineCore::DropLateArrivals() {
  if (arrivals_.empty() && accept_again_ns_ == 0) return;
  const int64_t now_ns = MonotonicNs();
  std::erase_if(arrivals_,
                [&](const auto& arrival) { return arrival.second->deadline_ns() <= now_ns; });
  if (accept_again_ns_ == 0 || accept_again_ns_ > now_ns) return;
  accept_again_ns_ = 0;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kListenerToken;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener_.get(), &event);
  event.data.u64 = kDoorToken;
  if (door_) epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, door_.get(), &event);
}

void EngineCore::RetireLost() {
  std::vector<std::shared_ptr<Connection>> lost;
  {
    const std::lock_guard lock(mutex_);
    lost.swap(lost_);
    for (const auto& connection : lost) connections_.erase(connection->number());
  }
  for (const auto& connection : lost) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, connection->socket(), nullptr);
    if (last_served_ == connection) last_served_.reset();
    events_.RemovePeer(connection->number());
    connection->Retire();
  }
}

void EngineCore::FinishClosing() {
  std::vector<Closing> closing;
  {
    const std::lock_guard lock(mutex_);
    if (closing_.empty()) return;
    closing.swap(closing_);
  }
  std::erase_if(closing, [](Closing& region) {
    const bool is_late = MonotonicNs() >= region.deadline_ns;
    std::erase_if(region.connections, [&](const std::shared_ptr<Connection>& connection) {
      if (is_late) connection->LoseUnlessRevoked(region.memory.get());
      return connection->WaitUntilRevoked(region.memory.get(), 0);
    });
    if (!region.connections.empty() || !region.memory->gate.WaitUntilEmpty(0)) return false;
    region.memory->CloseExports();
    return true;
  });
  const std::lock_guard lock(mutex_);
  for (Closing& region : closing) closing_.push_back(std::move(region));
}

// One piece of one connection's copies; whether there may be more.
bool EngineCore::StepCopies() {
  std::shared_ptr<Connection> connection;
  {
    const std::lock_guard lock(mutex_);
    if (copying_.empty()) return false;
    connection = std::move(copying_.front());
    copying_.pop_front();
  }
  const bool has_more = connection->StepCopies();
  const std::lock_guard lock(mutex_);
  if (has_more && std::ranges::find(copying_, connection) == copying_.end()) {
    copying_.push_back(std::move(connection));
  }
  return !copying_.empty();
}

// The peer that was just served may ask again before a wake-up would be over.
void EngineCore::Spin() {
  int64_t until_ns = MonotonicNs() + spin_ns_;
  for (int i = 1; MonotonicNs() < until_ns && !is_stopping_.load(); ++i) {
    if (last_served_->ServeIfReady()) until_ns = MonotonicNs() + spin_ns_;
    if (i % kSpinsBetweenPolls != 0) continue;
    epoll_event event;
    if (epoll_wait(epoll_.get(), &event, 1, 0) > 0) {
      Handle(event);
      break;
    }
  }
}

}  // namespace mlperf::transfer
