#include "socket.h"

#include <linux/net_tstamp.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace mlperf::llm {
namespace {

int64_t StampIn(msghdr* message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(message); part != nullptr; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPING) continue;
    timespec software;  // The first of three.
    std::memcpy(&software, CMSG_DATA(part), sizeof software);
    return int64_t{software.tv_sec} * 1'000'000'000 + software.tv_nsec;
  }
  return 0;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

std::vector<SocketAddress> Resolve(const std::string& host, uint16_t port, std::string* fault) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    *fault = gai_strerror(error);
    return {};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    SocketAddress& address = addresses.emplace_back();
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
  }
  return addresses;
}

Descriptor BeginConnect(const SocketAddress& address) {
  Descriptor made(socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made) return made;
  const int one = 1;
  setsockopt(made.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  // Where the kernel does not know it, reads have no stamps.
  const int stamps = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
  setsockopt(made.get(), SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof stamps);
  const auto* to = reinterpret_cast<const sockaddr*>(&address.storage);
  if (connect(made.get(), to, address.size) != 0 && errno != EINPROGRESS) return Descriptor();
  return made;
}

int ConnectError(const Descriptor& socket) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

Received Receive(const Descriptor& socket, std::span<char> to) {
  alignas(cmsghdr) char control[256];
  iovec part{to.data(), to.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t size;
  do {
    size = recvmsg(socket.get(), &message, MSG_DONTWAIT);
  } while (size < 0 && errno == EINTR);
  return {size, size > 0 ? StampIn(&message) : 0};
}

int Send(const Descriptor& socket, std::string_view* bytes) {
  while (!bytes->empty()) {
    const ssize_t sent =
        send(socket.get(), bytes->data(), bytes->size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes->remove_prefix(static_cast<size_t>(sent));
    } else if (errno != EINTR) {
      return errno == EAGAIN ? 0 : errno;
    }
  }
  return 0;
}

}  // namespace mlperf::llm
