#include "server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "arrival.h"

namespace mlperf::mock_llm {
namespace {

constexpr int kBacklog = 65'535;
constexpr int kDueAtOnce = 256;  // Then requests have their turn.
constexpr int64_t kNever = -1;

[[noreturn]] void Fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

bool HasPassed(int64_t count, int64_t every) { return every > 0 && count % every == 0; }

std::string ErrorJson(std::string_view message) {
  return R"({"error":{"message":")" + std::string(message) + R"(","type":"mock_error"}})";
}

}  // namespace

struct Server::Stream {
  mock_llm::Answer answer;
  int64_t start_ns;
  int64_t event = 0;  // The next one.
  int64_t event_count;
  int64_t cut_at = kNever;
  int64_t comment_ns;  // When the next comment is due.
  std::optional<int64_t> mark;
  bool whole;  // It is one JSON and no stream.

  int64_t EventDueNs() const {
    return start_ns + DueNs(answer.shape, whole ? event_count - 1 : event);
  }
  bool IsComment() const { return event == 0 && comment_ns > 0 && comment_ns < EventDueNs(); }
  int64_t StepDueNs() const { return IsComment() ? comment_ns : EventDueNs(); }
};

struct Server::Connection {
  int fd;
  uint64_t number;
  std::string read = {};
  int64_t read_ns = 0;  // When the last of it came.
  std::string unsent = {};
  bool close_after = false;
  std::optional<Stream> stream = std::nullopt;
};

Server::Server(const Options& options) : options_(options) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (listener_ < 0 || epoll_ < 0) Fail("socket");
  const int one = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(options.port));
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, kBacklog) != 0) Fail("bind");
  getsockname(listener_, generic, &size);
  options_.port = ntohs(address.sin_port);
  AskForStamps(listener_);
  Watch(listener_, EPOLLIN, true);
}

Server::~Server() {
  for (const auto& connection : connections_) {
    if (connection) close(connection->fd);
  }
  close(epoll_);
  close(listener_);
}

void Server::Watch(int fd, uint32_t events, bool is_new) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(epoll_, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) != 0) Fail("epoll_ctl");
}

void Server::Run(int stop_fd) {
  Watch(stop_fd, EPOLLIN, true);
  std::array<epoll_event, 512> events;
  while (true) {
    ServeDue();
    const int64_t wait_ns = WaitNs();
    const timespec wait{wait_ns / 1'000'000'000, wait_ns % 1'000'000'000};
    const int count = epoll_pwait2(epoll_, events.data(), events.size(),
                                   wait_ns == kNever ? nullptr : &wait, nullptr);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      if (event.data.fd == stop_fd) return;
      if (event.data.fd == listener_) {
        Accept();
        continue;
      }
      Connection* connection = connections_[static_cast<size_t>(event.data.fd)].get();
      if (!connection || (event.events & EPOLLOUT && !Flush(connection))) continue;
      if (event.events & ~static_cast<uint32_t>(EPOLLOUT)) Read(connection);
    }
  }
}

void Server::ServeDue() {
  for (int served = 0; served < kDueAtOnce && WaitNs() == 0; ++served) {
    const Due due = due_.top();
    due_.pop();
    Connection* connection = connections_[static_cast<size_t>(due.fd)].get();
    if (connection && connection->number == due.number && connection->stream) Step(connection);
  }
}

int64_t Server::WaitNs() const {
  return due_.empty() ? kNever : std::max<int64_t>(0, due_.top().at_ns - NowNs());
}

// ---- Connections -------------------------------------------------------------------------------

void Server::Accept() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const auto place = static_cast<size_t>(fd);
    if (place >= connections_.size()) connections_.resize(place + 1);
    connections_[place] = std::make_unique<Connection>(Connection{fd, next_number_++});
    record_.Connections(1);
    Watch(fd, EPOLLIN | EPOLLRDHUP, true);
  }
}

void Server::Close(Connection* connection) {
  if (connection->stream) {
    ++record_.counts.abandoned;
    EndStream(connection);
  }
  record_.Connections(-1);
  close(connection->fd);
  connections_[static_cast<size_t>(connection->fd)].reset();
}

bool Server::Read(Connection* connection) {
  char bytes[65'536];
  const ssize_t count = ReceiveStamped(connection->fd, bytes, sizeof bytes, &connection->read_ns);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (count <= 0) {
    Close(connection);
    return false;
  }
  connection->read.append(bytes, static_cast<size_t>(count));
  return ServeRequests(connection);
}

bool Server::Send(std::string_view bytes, Connection* connection) {
  ssize_t sent = 0;
  if (connection->unsent.empty()) {
    sent = send(connection->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      Close(connection);
      return false;
    }
    sent = std::max<ssize_t>(0, sent);
    if (static_cast<size_t>(sent) == bytes.size()) return true;
    Watch(connection->fd, EPOLLIN | EPOLLRDHUP | EPOLLOUT, false);
  }
  connection->unsent.append(bytes.substr(static_cast<size_t>(sent)));
  return true;
}

bool Server::Flush(Connection* connection) {
  const std::string bytes = std::exchange(connection->unsent, {});
  Watch(connection->fd, EPOLLIN | EPOLLRDHUP, false);
  return Send(bytes, connection);
}

// ---- Requests ----------------------------------------------------------------------------------

bool Server::ServeRequests(Connection* connection) {
  while (!connection->stream) {
    const std::optional<Request> request = TakeRequest(&connection->read);
    if (!request) return true;
    connection->close_after = request->close;
    if (!Answer(*request, connection)) return false;
  }
  return true;
}

bool Server::Answer(const Request& request, Connection* connection) {
  if (request.EndsWith("/completions")) return BeginAnswer(request, connection);
  std::string json = "{}";
  if (request.EndsWith("/stats")) json = record_.StatsJson();
  if (request.EndsWith("/sent")) json = record_.SentJson();
  if (request.EndsWith("/reset")) record_.Reset();
  if (request.EndsWith("/models")) {
    json = R"({"object":"list","data":[{"id":"mock","object":"model","max_model_len":)" +
           std::to_string(options_.max_model_len) + "}]}";
  }
  return Send(JsonResponse(200, json), connection);
}

std::optional<Shape> Server::ShapeOf(const Request& request) const {
  Shape shape = options_.shape;
  for (const char* name : {"max_completion_tokens", "max_tokens"}) {
    shape.n = request.Number(name).value_or(shape.n);
  }
  const std::string_view options = request.Options();
  if (!options.empty() && !SetOptions(options, &shape)) return std::nullopt;
  return shape;
}

bool Server::BeginAnswer(const Request& request, Connection* connection) {
  const int64_t arrived_ns = connection->read_ns;
  const std::optional<Shape> shape = ShapeOf(request);
  const std::string_view fault = shape ? Fault(*shape) : "the path holds an unknown option";
  if (!fault.empty()) return Send(JsonResponse(400, ErrorJson(fault)), connection);
  const int64_t count = ++record_.counts.requests;
  if (HasPassed(count, shape->fail_every)) {
    ++record_.counts.refused;
    return Send(JsonResponse(shape->fail_status, ErrorJson("mock refuses"), "Retry-After: 1\r\n"),
                connection);
  }
  const int64_t event_count = EventCount(*shape);
  int64_t start_ns = arrived_ns;
  if (shape->serial) {
    start_ns = std::max(arrived_ns, serial_free_ns_);
    serial_free_ns_ = start_ns + DueNs(*shape, event_count - 1);
  }
  connection->stream = Stream{
      .answer = {.shape = *shape,
                 .number = static_cast<uint64_t>(count),
                 .chat = request.EndsWith("/chat/completions"),
                 .usage_asked = request.Asks("include_usage"),
                 .usage_growing = request.Asks("continuous_usage_stats")},
      .start_ns = start_ns,
      .event_count = event_count,
      .cut_at = HasPassed(count, shape->cut_every) ? std::max<int64_t>(1, event_count / 2) : kNever,
      .comment_ns = shape->keepalive_us > 0 ? arrived_ns + 1000 * shape->keepalive_us : 0,
      .mark = options_.record ? request.Mark() : std::nullopt,
      .whole = !request.Asks("stream")};
  connection->close_after |= shape->close != 0;
  record_.Streams(1);
  const Stream& stream = *connection->stream;
  if (!stream.whole) {
    std::string out;
    AppendStreamHead(stream.answer, &out);
    if (stream.answer.chat && shape->role == static_cast<int64_t>(Role::kAtOnce)) {
      AppendRole(stream.answer, &out);
    }
    if (!Send(out, connection)) return false;
  }
  Schedule(*connection);
  return true;
}

// ---- Answers -----------------------------------------------------------------------------------

void Server::Schedule(const Connection& connection) {
  due_.push({connection.stream->StepDueNs(), connection.fd, connection.number});
}

void Server::EndStream(Connection* connection) {
  connection->stream.reset();
  record_.Streams(-1);
}

bool Server::Step(Connection* connection) {
  Stream& stream = *connection->stream;
  if (!stream.IsComment()) return SendTokens(connection);
  stream.comment_ns += 1000 * stream.answer.shape.keepalive_us;
  std::string out;
  AppendComment(&out);
  if (!Send(out, connection)) return false;
  Schedule(*connection);
  return true;
}

bool Server::SendTokens(Connection* connection) {
  Stream& stream = *connection->stream;
  const mock_llm::Answer& answer = stream.answer;
  const int64_t due_ns = stream.EventDueNs();
  std::string& out = event_;
  out.clear();
  if (stream.whole) {
    out = WholeAnswer(answer);
    stream.event = stream.event_count;
  } else {
    if (stream.event == 0 && answer.chat &&
        answer.shape.role == static_cast<int64_t>(Role::kWithFirstToken)) {
      AppendRole(answer, &out);
    }
    AppendTokens(answer, stream.event++, &out);
    if (stream.event == stream.event_count) AppendEnd(answer, &out);
  }
  const std::optional<int64_t> mark = stream.mark;
  const int64_t before_ns = NowNs();
  record_.Sent(due_ns, before_ns);
  if (!Send(out, connection)) return false;
  if (mark) record_.SentOf(*mark, before_ns, NowNs());

  if (stream.event == stream.cut_at) {
    ++record_.counts.cut;
    EndStream(connection);
    Close(connection);
    return false;
  }
  if (stream.event < stream.event_count) {
    Schedule(*connection);
    return true;
  }
  ++record_.counts.finished;
  EndStream(connection);
  if (connection->close_after) {
    Close(connection);
    return false;
  }
  return ServeRequests(connection);
}

}  // namespace mlperf::mock_llm
