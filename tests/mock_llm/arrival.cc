#include "arrival.h"

#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cstring>

#include "record.h"

namespace mlperf::mock_llm {
namespace {

int64_t Ns(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

// A time of the wall clock on the monotonic clock; not after now.
int64_t Monotonic(const timespec& stamp) {
  timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  return NowNs() - std::max<int64_t>(0, Ns(wall) - Ns(stamp));
}

}  // namespace

void AskForStamps(int fd) {
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
}

ssize_t ReceiveStamped(int fd, char* to, size_t size, int64_t* arrived_ns) {
  iovec part{to, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(timespec))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t count = recvmsg(fd, &message, 0);
  *arrived_ns = NowNs();
  if (count <= 0) return count;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec stamp;
    std::memcpy(&stamp, CMSG_DATA(header), sizeof stamp);
    *arrived_ns = Monotonic(stamp);
  }
  return count;
}

}  // namespace mlperf::mock_llm
