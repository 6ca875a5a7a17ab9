#include "shared_poller.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace mlperf::network {
namespace {

constexpr uint64_t kWakeData = 0;
constexpr int kMostEvents = 8;  // Taken at a time.

// `made`, or what the call that made it failed with.
int Require(int made, const char* call) {
  if (made < 0) throw std::system_error(errno, std::generic_category(), call);
  return made;
}

// What the kernel hands back with an event.
uint64_t DataOf(int fd, uint64_t number) { return number << 32 | static_cast<uint32_t>(fd); }

}  // namespace

SharedPoller::SharedPoller()
    : epoll_(Require(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(Require(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
  // By its edge: each Wake is seen once, and nothing has to be read for it.
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = kWakeData;
  Require(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event), "epoll_ctl");
}

void SharedPoller::Watch(int fd, uint32_t events, Handler handler) {
  std::lock_guard<std::mutex> lock(mutex_);
  const uint64_t number = next_number_++;
  watched_[fd] = {number, std::make_shared<const Handler>(std::move(handler))};
  Control(EPOLL_CTL_ADD, fd, events, number);
}

void SharedPoller::Arm(int fd, uint32_t events) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = watched_.find(fd);
  if (found == watched_.end()) return;
  Control(EPOLL_CTL_MOD, fd, events, found->second.number);
}

void SharedPoller::Forget(int fd) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (watched_.erase(fd) > 0) Control(EPOLL_CTL_DEL, fd, 0, 0);
}

void SharedPoller::Control(int operation, int fd, uint32_t events, uint64_t number) {
  epoll_event event = {};
  event.events = events | EPOLLONESHOT;
  event.data.u64 = DataOf(fd, number);
  Require(epoll_ctl(epoll_.get(), operation, fd, &event), "epoll_ctl");
}

std::shared_ptr<const SharedPoller::Handler> SharedPoller::HandlerOf(uint64_t data) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = watched_.find(static_cast<int>(data & 0xFFFFFFFF));
  const bool known = found != watched_.end() && found->second.number == data >> 32;
  return known ? found->second.handler : nullptr;
}

bool SharedPoller::Wait(int timeout_ms) {
  std::array<epoll_event, kMostEvents> events;
  const int count = epoll_wait(epoll_.get(), events.data(), kMostEvents, timeout_ms);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    if (event.data.u64 == kWakeData) continue;
    if (const auto handler = HandlerOf(event.data.u64)) (*handler)(event.events);
  }
  return count > 0;
}

void SharedPoller::Wake() {
  const uint64_t one = 1;
  // It fails only if it was woken 2^64 times: then it is awake enough.
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof(one));
}

}  // namespace mlperf::network
