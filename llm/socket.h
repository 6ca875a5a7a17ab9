// Sockets of TCP whose reads come with the kernel's time stamps.
#ifndef MLPERF_LLM_SOCKET_H_
#define MLPERF_LLM_SOCKET_H_

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mlperf::llm {

// A file descriptor that is closed with its object.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// The addresses of a host in the order of preference. Empty: it is not known, and `fault` says why.
std::vector<SocketAddress> Resolve(const std::string& host, uint16_t port, std::string* fault);

// Begins to connect. An empty descriptor: that failed, as errno says. The socket does not block and
// is writable once it is connected; ConnectError says how that went.
Descriptor BeginConnect(const SocketAddress& address);
int ConnectError(const Descriptor& socket);

struct Received {
  ssize_t size;     // 0: the other end closed the connection. Negative: as errno says.
  int64_t real_ns;  // When the last of the bytes came, by the wall clock; 0: not known.
};

Received Receive(const Descriptor& socket, std::span<char> to);

// Takes what was sent from the front of `bytes`. Returns errno, or 0: all was sent, or there is no
// room for now.
int Send(const Descriptor& socket, std::string_view* bytes);

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_SOCKET_H_
