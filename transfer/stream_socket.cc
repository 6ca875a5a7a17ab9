#include "stream_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "deadline.h"

namespace mlperf::transfer {
namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kUnix = "unix://";
constexpr int kBacklog = 512;

struct Parts {
  bool is_unix = false;
  std::string host, port;  // Of TCP.
  std::string name;        // Of Unix; an abstract one begins with '@'.
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Status NoAddress(const std::string& address) {
  return Status::Invalid("\"" + address +
                         "\" is no address; give tcp://HOST:PORT, unix:///PATH or unix://@NAME");
}

bool IsPort(std::string_view text) {
  if (text.empty() || text.size() > 5) return false;
  if (text.find_first_not_of("0123456789") != text.npos) return false;
  return std::stoi(std::string(text)) <= 65535;
}

Status SplitTcp(const std::string& address, Parts* parts) {
  const std::string rest = address.substr(kTcp.size());
  const size_t colon = rest.rfind(':');
  if (colon == rest.npos || colon == 0) return NoAddress(address);
  parts->host = rest.substr(0, colon);
  parts->port = rest.substr(colon + 1);
  if (parts->host.front() == '[') {
    if (parts->host.size() < 3 || parts->host.back() != ']') return NoAddress(address);
    parts->host = parts->host.substr(1, parts->host.size() - 2);
  } else if (parts->host.find(':') != rest.npos) {
    return NoAddress(address);
  }
  return IsPort(parts->port) ? Status() : NoAddress(address);
}

Status Split(const std::string& address, Parts* parts) {
  if (address.find('\0') != address.npos) return NoAddress(address.substr(0, address.find('\0')));
  if (address.starts_with(kTcp)) return SplitTcp(address, parts);
  if (!address.starts_with(kUnix)) return NoAddress(address);
  parts->is_unix = true;
  parts->name = address.substr(kUnix.size());
  if (parts->name.size() < 2 || (parts->name[0] != '/' && parts->name[0] != '@')) {
    return NoAddress(address);
  }
  if (parts->name.size() >= sizeof(sockaddr_un::sun_path)) {
    return Status::Invalid("\"" + address + "\" is longer than the 107 bytes of a Unix name");
  }
  return {};
}

SocketAddress UnixAddress(const std::string& name) {
  SocketAddress made;
  auto* to = reinterpret_cast<sockaddr_un*>(&made.storage);
  to->sun_family = AF_UNIX;
  std::memcpy(to->sun_path, name.data(), name.size());
  const bool is_abstract = name[0] == '@';
  if (is_abstract) to->sun_path[0] = '\0';
  made.size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (is_abstract ? 0 : 1));
  return made;
}

Status Resolve(const std::string& address, bool passive, SocketAddress* resolved) {
  Parts parts;
  Status status = Split(address, &parts);
  if (!status.ok()) return status;
  if (parts.is_unix) {
    *resolved = UnixAddress(parts.name);
    return {};
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
  addrinfo* found = nullptr;
  const int error = getaddrinfo(parts.host.c_str(), parts.port.c_str(), &hints, &found);
  if (error != 0) {
    return Status::Invalid("the host of \"" + address + "\" is not known: " + gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  std::memcpy(&resolved->storage, found->ai_addr, found->ai_addrlen);
  resolved->size = found->ai_addrlen;
  return {};
}

Descriptor NewSocket(const SocketAddress& address) {
  return Descriptor(
      socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

void SetNoDelay(const Descriptor& socket) {
  const int one = 1;  // Fails for a Unix socket, which has no delay.
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

std::string Text(const SocketAddress& address) {
  if (address.storage.ss_family == AF_UNIX) {
    if (address.size <= offsetof(sockaddr_un, sun_path)) return std::string(kUnix);
    const auto* from = reinterpret_cast<const sockaddr_un*>(&address.storage);
    std::string name(from->sun_path, address.size - offsetof(sockaddr_un, sun_path));
    if (name[0] == '\0') {
      name[0] = '@';
    } else {
      name = name.c_str();
    }
    return std::string(kUnix) + name;
  }
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getnameinfo(address.get(), address.size, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return std::string(kTcp);
  }
  const bool is_v6 = address.storage.ss_family == AF_INET6;
  return std::string(kTcp) + (is_v6 ? "[" : "") + host + (is_v6 ? "]:" : ":") + port;
}

// Waits for `events`; kTimeout if they do not come.
Status WaitFor(const Descriptor& socket, int16_t events, int64_t deadline_ns) {
  for (;;) {
    pollfd wanted{socket.get(), events, 0};
    const int count = poll(&wanted, 1, PollTimeoutMs(deadline_ns));
    if (count > 0) return {};
    if (count < 0 && errno != EINTR) return Status::System("poll", errno);
    if (count == 0 && MonotonicNs() >= deadline_ns) {
      return Status::Timeout("the other end did not answer in time");
    }
  }
}

Status Lost(const std::string& what, int error) {
  return Status::PeerLost(Status::System(what, error).message);
}

Status FinishConnect(const std::string& address, const Descriptor& socket, int64_t deadline_ns) {
  Status status = WaitFor(socket, POLLOUT, deadline_ns);
  if (!status.ok()) return {status.code, "connecting to " + address + ": " + status.message};
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? Status() : Lost("connecting to " + address, error);
}

}  // namespace

Status CheckAddress(const std::string& address) {
  Parts parts;
  return Split(address, &parts);
}

bool IsLocalAddress(const std::string& address) {
  Parts parts;
  if (!Split(address, &parts).ok()) return false;
  if (parts.is_unix) return true;
  SocketAddress resolved;
  if (!Resolve(address, false, &resolved).ok()) return false;
  if (resolved.storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&resolved.storage);
    return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&resolved.storage);
  return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

Status Listen(const std::string& address, Descriptor* listener, std::string* bound) {
  SocketAddress resolved;
  Status status = Resolve(address, true, &resolved);
  if (!status.ok()) return status;
  Descriptor made = NewSocket(resolved);
  if (!made) return Status::System("socket", errno);
  const int one = 1;
  if (resolved.storage.ss_family != AF_UNIX) {
    setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  }
  if (bind(made.get(), resolved.get(), resolved.size) != 0 || listen(made.get(), kBacklog) != 0) {
    return Status::System("listening on " + address, errno);
  }
  if (bound != nullptr) {
    SocketAddress own;
    own.size = sizeof own.storage;
    getsockname(made.get(), own.get(), &own.size);
    *bound = Text(own);
  }
  *listener = std::move(made);
  return {};
}

Status Connect(const std::string& address, int64_t deadline_ns, Descriptor* socket) {
  SocketAddress resolved;
  Status status = Resolve(address, false, &resolved);
  if (!status.ok()) return status;
  for (;;) {
    Descriptor made = NewSocket(resolved);
    if (!made) return Status::System("socket", errno);
    SetNoDelay(made);
    if (connect(made.get(), resolved.get(), resolved.size) != 0) {
      if (errno == EAGAIN && MonotonicNs() < deadline_ns) {  // The backlog of a Unix name is full.
        poll(nullptr, 0, 1);
        continue;
      }
      if (errno != EINPROGRESS && errno != EINTR) return Lost("connecting to " + address, errno);
      status = FinishConnect(address, made, deadline_ns);
      if (!status.ok()) return status;
    }
    *socket = std::move(made);
    return {};
  }
}

Status Accept(const Descriptor& listener, Descriptor* socket) {
  Descriptor made(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!made) {
    if (errno == EAGAIN) return Status::Timeout("no connection waits");
    return Status::System("accept", errno);
  }
  SetNoDelay(made);
  *socket = std::move(made);
  return {};
}

std::string PeerAddress(const Descriptor& socket) {
  SocketAddress other;
  other.size = sizeof other.storage;
  if (getpeername(socket.get(), other.get(), &other.size) != 0) return "";
  return Text(other);
}

bool IsOfSameUser(const Descriptor& socket) {
  ucred other{};
  socklen_t size = sizeof other;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &other, &size) != 0) return false;
  return other.uid == geteuid();
}

Status SendAll(const Descriptor& socket, std::string_view bytes, int64_t deadline_ns) {
  while (!bytes.empty()) {
    const ssize_t sent =
        send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      Status status = WaitFor(socket, POLLOUT, deadline_ns);
      if (!status.ok()) return status;
    } else if (errno != EINTR) {
      return Lost("send", errno);
    }
  }
  return {};
}

Status ReceiveAll(const Descriptor& socket, void* to, size_t nbytes, int64_t deadline_ns) {
  auto* at = static_cast<char*>(to);
  while (nbytes > 0) {
    const ssize_t got = recv(socket.get(), at, nbytes, MSG_DONTWAIT);
    if (got == 0) return Status::PeerLost("the other end closed the connection");
    if (got > 0) {
      at += got;
      nbytes -= static_cast<size_t>(got);
    } else if (errno == EAGAIN) {
      Status status = WaitFor(socket, POLLIN, deadline_ns);
      if (!status.ok()) return status;
    } else if (errno != EINTR) {
      return Lost("recv", errno);
    }
  }
  return {};
}

}  // namespace mlperf::transfer
