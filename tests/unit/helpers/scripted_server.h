// A server on a local port that does to each connection what a test says.
#ifndef MLPERF_LOADGEN_TESTS_SCRIPTED_SERVER_H_
#define MLPERF_LOADGEN_TESTS_SCRIPTED_SERVER_H_

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace mlperf::loadgen {

// One connection, as the script sees it.
class ServedConnection {
 public:
  ServedConnection(int fd, int number) : fd_(fd), number_(number) {}

  int number() const { return number_; }

  // The next request, which has no body; empty: the client closed the connection.
  std::string ReadRequest() {
    std::string request;
    char byte;
    while (!request.ends_with("\r\n\r\n")) {
      if (recv(fd_, &byte, 1, 0) != 1) return "";
      request.push_back(byte);
    }
    return request;
  }

  // So many bytes, or those before the client closed the connection.
  size_t ReadBytes(size_t count) {
    std::vector<char> buffer(1 << 16);
    size_t read = 0;
    while (read < count) {
      const ssize_t size = recv(fd_, buffer.data(), buffer.size(), 0);
      if (size <= 0) break;
      read += static_cast<size_t>(size);
    }
    return read;
  }

  void Send(std::string_view text) const { send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }

  // Until the client closes the connection.
  void WaitForEnd() { ReadBytes(SIZE_MAX); }

 private:
  const int fd_;
  const int number_;
};

class ScriptedServer {
 public:
  using Script = std::function<void(ServedConnection*)>;

  // `script` serves each connection in a thread of its own; the connection is closed after it.
  explicit ScriptedServer(Script script)
      : script_(std::move(script)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    bind(listener_, any, size);
    listen(listener_, 128);
    getsockname(listener_, any, &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Accept(); });
  }

  ~ScriptedServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
    {
      const std::lock_guard lock(mutex_);
      for (const int fd : open_) shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& served : served_) served.join();
  }

  uint16_t port() const { return port_; }
  int connections() const { return count_; }

 private:
  void Accept() {
    for (;;) {
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      const std::lock_guard lock(mutex_);
      open_.push_back(fd);
      served_.emplace_back([this, fd, number = count_++] { Serve(fd, number); });
    }
  }

  void Serve(int fd, int number) {
    ServedConnection connection(fd, number);
    script_(&connection);
    const std::lock_guard lock(mutex_);
    std::erase(open_, fd);
    close(fd);
  }

  const Script script_;
  const int listener_;
  uint16_t port_ = 0;
  std::atomic<int> count_{0};
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> served_;
  std::thread thread_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TESTS_SCRIPTED_SERVER_H_
