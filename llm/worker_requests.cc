// What becomes of requests.
#include <algorithm>
#include <utility>

#include "secrets.h"
#include "worker.h"

namespace mlperf::llm {
namespace {

// An answer's connection is closed if the body does not end so soon after "[DONE]".
constexpr int64_t kDrainNs = 100'000'000;
constexpr size_t kManyRows = 16'384;
constexpr size_t kMostReasons = 1'000;

std::string Seconds(int64_t ns) {
  std::string text = std::to_string(static_cast<double>(ns) / 1e9);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text + " s";
}

}  // namespace

void Worker::TakePushed() {
  {
    const std::lock_guard lock(pushed_mutex_);
    taken_.swap(pushed_);
  }
  if (!has_ceased_) pending_.insert(pending_.end(), taken_.begin(), taken_.end());
  taken_.clear();
}

void Worker::StartPending() {
  while (!pending_.empty() && !has_ceased_) {
    const auto server = fleet_.Choose(now_ns_);
    if (!server) return;
    const Request request = pending_.front();
    pending_.pop_front();
    Start(request, *server);
  }
}

void Worker::Start(const Request& request, uint32_t server) {
  auto bytes = prepared_->Find(request.index, server);
  if (bytes == nullptr) return Refuse(request, server, "the sample is not loaded");
  FleetServer& to = fleet_[server];
  const bool is_idle = !to.idle.empty() && !request.is_repeated;
  uint32_t number = 0;
  if (is_idle) {
    number = to.idle.back();
    to.idle.pop_back();
  } else {
    std::string fault;
    number = Open(server, &fault);
    if (!fault.empty()) return Refuse(request, server, fault);
  }
  Connection& connection = *slots_[number].connection;
  connection.request = request;
  connection.has_request = true;
  ++to.outstanding;
  counts_.most_outstanding = std::max(counts_.most_outstanding, ++outstanding_);
  if (is_idle) StartOn(number, std::move(bytes));
}

// The connection is there.
void Worker::StartOn(uint32_t number, std::shared_ptr<const std::string> bytes) {
  Connection& connection = *slots_[number].connection;
  if (bytes == nullptr) {
    const Request request = connection.request;
    EndRequest(&connection);
    Refuse(request, connection.server(), "the sample is not loaded");
    return Rest(number);
  }
  AnswerOptions answers = options_.answers;
  answers.keep_text = answers.keep_text || (sink_ != nullptr && sink_->WantsText());
  cancel_credit_ += options_.cancel_share;
  connection.cancels = cancel_credit_ >= 1;
  if (connection.cancels) cancel_credit_ -= 1;
  connection.connected_ns = stamps_.NowNs();
  int64_t deadline_ns = INT64_MAX;
  if (options_.request_timeout_ns > 0) {
    deadline_ns = connection.connected_ns + options_.request_timeout_ns;
  }
  if (connection.cancels) {
    deadline_ns = std::min(deadline_ns, connection.connected_ns + options_.cancel_after_ns);
  }
  SetDeadline(number, deadline_ns);
  const bool is_broken =
      connection.Begin(std::move(bytes), answers, &stamps_) == Connection::Io::kBroken;
  if (connection.is_reused()) ++counts_.reused;
  if (is_broken) {
    connection.reader().End(stamps_.Read(0));
    return AfterRead(number, true);
  }
  Watch(number);
}

void Worker::AfterRead(uint32_t number, bool is_broken) {
  Connection& connection = *slots_[number].connection;
  AnswerReader& reader = connection.reader();
  if (connection.state() == Connection::State::kBusy) {
    // One that is repeated has a fresh connection, and so is not repeated again.
    if (is_broken && connection.is_reused() && reader.is_untouched()) return Repeat(number);
    if (is_broken && !reader.is_over()) reader.End(stamps_.Read(0));
    if (!reader.is_over()) return;
    Finish(number, false);
  }
  // A server may answer before it has the whole request, whose rest it would take for the next one.
  const bool is_reusable = reader.is_reusable() && connection.is_sent();
  if (is_broken || (reader.is_at_end() && !is_reusable)) return Close(number);
  if (is_reusable) {
    Rest(number);
  } else if (connection.state() == Connection::State::kBusy) {
    connection.Drain();
    SetDeadline(number, now_ns_ + kDrainNs);
  }
}

// The server had closed the connection before the request came.
void Worker::Repeat(uint32_t number) {
  Connection& connection = *slots_[number].connection;
  Request request = connection.request;
  request.is_repeated = true;
  ++counts_.repeated;
  EndRequest(&connection);
  Close(number);
  pending_.push_front(request);
}

// The request of a connection is over.
void Worker::EndRequest(Connection* connection) {
  connection->has_request = false;
  --fleet_[connection->server()].outstanding;
  --outstanding_;
}

void Worker::Finish(uint32_t number, bool cancelled) {
  Connection& connection = *slots_[number].connection;
  const Answer& answer = connection.answer();
  const uint32_t server = connection.server();
  const Request request = connection.request;
  EndRequest(&connection);
  Record(request, server, &connection);
  counts_.events += answer.stream_events;
  counts_.bytes += answer.bytes;
  counts_.faults += answer.faults;
  if (answer.status != 0) ++counts_.statuses[answer.status];
  if (cancelled) ++counts_.cancelled;
  if (answer.faults > 0 && reported_.insert({server, ""}).second) {
    Report(ClientEvent::Kind::kFault, server, "an event is no JSON: " + answer.first_fault);
  }
  if (!answer.reason.empty()) {
    if (reported_.size() < kMostReasons && reported_.insert({server, answer.reason}).second) {
      Report(ClientEvent::Kind::kRefused, server, answer.failure);
    }
    return HandFailure(request, answer.reason);
  }
  if (has_ceased_ || sink_ == nullptr) return;
  sink_->Complete(request.id, connection.sent_ns(), answer, cancelled);
}

// A request that never had a connection.
void Worker::Refuse(const Request& request, uint32_t server, const std::string& reason) {
  Record(request, server, nullptr);
  HandFailure(request, reason);
}

void Worker::HandFailure(const Request& request, const std::string& words) {
  const std::string reason = WithoutSecrets(words, options_.secrets);
  const bool is_new = counts_.failures.size() < kMostReasons || counts_.failures.contains(reason);
  ++counts_.failures[is_new ? reason : "other reasons"];
  if (!has_ceased_ && sink_ != nullptr) sink_->Fail(request.id, reason);
}

void Worker::Record(const Request& request, uint32_t server, const Connection* connection) {
  RequestRow row{};
  row.id = request.id;
  row.index = request.index;
  row.server = server;
  row.issued_ns = request.issued_ns;
  if (connection != nullptr) {
    const Answer& answer = connection->answer();
    row.status = answer.status;
    row.connected_ns = connection->connected_ns;
    row.sent_ns = connection->sent_ns();
    row.first_byte_ns = answer.first_byte_ns;
    row.first_token_ns = answer.first_token_ns;
    row.last_token_ns = answer.last_token_ns;
    row.completed_ns = answer.reason.empty() ? answer.completed_ns : 0;
    row.tokens = answer.n_tokens;
    row.bytes = answer.bytes;
  }
  rows_.push_back(row);
  if (rows_.size() == kManyRows) has_news_();
}

void Worker::PassDeadline(uint32_t number) {
  Connection& connection = *slots_[number].connection;
  switch (connection.state()) {
    case Connection::State::kConnecting:
    case Connection::State::kHandshake:
      connection.GiveUp("cannot connect: no answer within " + Seconds(options_.connect_timeout_ns));
      return Lose(number);
    case Connection::State::kBusy: {
      const bool is_cancelled =
          connection.cancels && now_ns_ - connection.connected_ns >= options_.cancel_after_ns;
      connection.reader().Stop(
          stamps_.Read(0),
          is_cancelled ? "" : "no whole answer within " + Seconds(options_.request_timeout_ns));
      Finish(number, is_cancelled);
      return Close(number);
    }
    case Connection::State::kDraining:
      return Close(number);
    case Connection::State::kIdle:
      return;
  }
}

}  // namespace mlperf::llm
