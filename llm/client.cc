#include "client.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "tls.h"

namespace mlperf::llm {
namespace {

// The part of `total` that is the thread's, as even as it goes.
size_t ShareOf(size_t total, size_t thread, size_t threads) {
  return total / threads + (thread < total % threads ? 1 : 0);
}

}  // namespace

Client::Client(ClientOptions options)
    : options_(std::move(options)), news_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!news_) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Client::~Client() { Stop(); }

void Client::Open() {
  if (!workers_.empty()) throw std::logic_error("the client is open already");
  const auto raise = [this] {
    const uint64_t one = 1;
    while (write(news_.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
  };
  const size_t threads = options_.threads;
  for (size_t thread = 0; thread < threads; ++thread) {
    workers_.push_back(std::make_unique<Worker>(
        options_, ResolveFleet(ShareOf(options_.max_outstanding, thread, threads)), &prepared_,
        raise));
  }
  SetSink(sink_);
  for (size_t thread = 0; thread < threads; ++thread) {
    const std::string fault =
        workers_[thread]->Warm(ShareOf(options_.warm_connections, thread, threads));
    if (!fault.empty()) throw std::runtime_error(fault);
  }
}

ServerFleet Client::ResolveFleet(size_t max_outstanding) const {
  std::vector<FleetServer> servers;
  for (const Server& server : options_.servers) {
    FleetServer& made = servers.emplace_back();
    made.shown = server.shown;
    std::string fault;
    made.addresses = Resolve(server.host, server.port, &fault);
    if (made.addresses.empty()) {
      throw std::runtime_error(server.shown + ": the host \"" + server.host +
                               "\" is not known: " + fault);
    }
    if (!server.tls) continue;
    made.tls = MakeTlsContext(server, &fault);
    if (made.tls == nullptr) throw std::runtime_error(server.shown + ": " + fault);
  }
  return ServerFleet(std::move(servers), max_outstanding, options_.round_robin);
}

void Client::SetSink(AnswerSink* sink) {
  sink_ = sink;
  for (const auto& worker : workers_) worker->SetSink(sink);
}

void Client::Issue(const Request* requests, size_t count) {
  if (workers_.size() == 1) return workers_[0]->Push(requests, count);
  for (size_t place = 0; place < count; ++place) {
    size_t turn;
    {
      const std::lock_guard lock(turn_mutex_);
      turn = turn_++ % workers_.size();
    }
    workers_[turn]->Push(requests + place, 1);
  }
}

ClientCounts Client::Counts() {
  ClientCounts counts;
  for (const auto& worker : workers_) worker->AddCounts(&counts);
  return counts;
}

std::vector<RequestRow> Client::TakeRows() {
  LowerNews();
  std::vector<RequestRow> rows;
  for (const auto& worker : workers_) worker->TakeRows(&rows);
  return rows;
}

std::vector<ClientEvent> Client::TakeEvents() {
  LowerNews();
  std::vector<ClientEvent> events;
  for (const auto& worker : workers_) worker->TakeEvents(&events);
  return events;
}

// Before what is new is taken, so that nothing is missed.
void Client::LowerNews() {
  uint64_t times;
  while (read(news_.get(), &times, sizeof times) < 0 && errno == EINTR) {
  }
}

void Client::Cease() {
  for (const auto& worker : workers_) worker->Cease();
}

void Client::Stop() {
  for (const auto& worker : workers_) worker->Stop();
}

}  // namespace mlperf::llm
