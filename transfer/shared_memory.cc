#include "shared_memory.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "deadline.h"
#include "stream_socket.h"

namespace mlperf::transfer {
namespace {

constexpr uint64_t kMostBytes = uint64_t{1} << 47;  // What a process can address.

Status MapAll(int fd, uint64_t nbytes, bool writable, char** data) {
  const int protection = PROT_READ | (writable ? PROT_WRITE : 0);
  void* mapped = mmap(nullptr, nbytes, protection, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) {
    return Status::System("mapping " + std::to_string(nbytes) + " bytes of shared memory", errno);
  }
  *data = static_cast<char*>(mapped);
  return {};
}

// One byte and room for one descriptor beside it.
struct Message {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};

  Message() {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
  }
};

// Repeats `call` (sendmsg or recvmsg of one byte) until it moved the byte.
template <typename Call>
Status Repeat(const Descriptor& socket, int16_t events, int64_t deadline_ns, const Call& call) {
  for (;;) {
    const ssize_t moved = call();
    if (moved > 0) return {};
    if (moved == 0) return Status::PeerLost("the other end closed the connection");
    if (errno != EAGAIN && errno != EINTR) {
      return Status::PeerLost(Status::System("passing a descriptor", errno).message);
    }
    pollfd wanted{socket.get(), events, 0};
    poll(&wanted, 1, PollTimeoutMs(deadline_ns));
    if (MonotonicNs() >= deadline_ns) return Status::Timeout("no descriptor was passed in time");
  }
}

}  // namespace

SharedMemory::~SharedMemory() {
  if (data_ != nullptr) munmap(data_, nbytes_);
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : descriptor_(std::move(other.descriptor_)),
      data_(std::exchange(other.data_, nullptr)),
      nbytes_(std::exchange(other.nbytes_, 0)) {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  if (this == &other) return *this;
  if (data_ != nullptr) munmap(data_, nbytes_);
  descriptor_ = std::move(other.descriptor_);
  data_ = std::exchange(other.data_, nullptr);
  nbytes_ = std::exchange(other.nbytes_, 0);
  return *this;
}

Status SharedMemory::Make(const std::string& name, uint64_t nbytes, bool read_only_for_others,
                          SharedMemory* memory) {
  if (nbytes == 0 || nbytes > kMostBytes) {
    return Status::Invalid("shared memory of " + std::to_string(nbytes) +
                           " bytes; give 1 to 2^47 bytes");
  }
  SharedMemory made;
  made.descriptor_ = Descriptor(memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const int fd = made.descriptor_.get();
  if (fd < 0) return Status::System("memfd_create", errno);
  if (ftruncate(fd, static_cast<off_t>(nbytes)) != 0) {
    return Status::System("shared memory of " + std::to_string(nbytes) + " bytes", errno);
  }
  Status status = MapAll(fd, nbytes, true, &made.data_);
  if (!status.ok()) return status;
  made.nbytes_ = nbytes;
  // The mapping above stays writable.
  const int seals =
      F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | (read_only_for_others ? F_SEAL_FUTURE_WRITE : 0);
  if (fcntl(fd, F_ADD_SEALS, seals) != 0) return Status::System("sealing shared memory", errno);
  *memory = std::move(made);
  return {};
}

Status SharedMemory::Map(Descriptor descriptor, uint64_t nbytes, bool writable,
                         SharedMemory* memory) {
  const int seals = fcntl(descriptor.get(), F_GET_SEALS);
  struct stat found;
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fstat(descriptor.get(), &found) != 0) {
    return Status::Refused(
        "what the peer handed over is no memory that is sealed against shrinking");
  }
  if (nbytes == 0 || nbytes > kMostBytes || static_cast<uint64_t>(found.st_size) < nbytes) {
    return Status::Refused("the shared memory has " + std::to_string(found.st_size) +
                           " bytes, and not the " + std::to_string(nbytes) + " that were named");
  }
  SharedMemory made;
  Status status = MapAll(descriptor.get(), nbytes, writable, &made.data_);
  if (!status.ok()) return status;
  made.nbytes_ = nbytes;
  *memory = std::move(made);
  return {};
}

Status SendDescriptor(const Descriptor& socket, const Descriptor& sent, int64_t deadline_ns) {
  Message message;
  cmsghdr* control = CMSG_FIRSTHDR(&message.header);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = sent.get();
  std::memcpy(CMSG_DATA(control), &fd, sizeof fd);
  return Repeat(socket, POLLOUT, deadline_ns, [&] {
    return sendmsg(socket.get(), &message.header, MSG_NOSIGNAL | MSG_DONTWAIT);
  });
}

Status ReceiveDescriptor(const Descriptor& socket, Descriptor* received, int64_t deadline_ns) {
  Message message;
  Status status = Repeat(socket, POLLIN, deadline_ns, [&] {
    // Room for one descriptor exactly: the kernel drops what more a peer may send.
    message.header.msg_controllen = CMSG_LEN(sizeof(int));
    return recvmsg(socket.get(), &message.header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  });
  if (!status.ok()) return status;
  const cmsghdr* control = CMSG_FIRSTHDR(&message.header);
  if (control == nullptr || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS ||
      control->cmsg_len != CMSG_LEN(sizeof(int))) {
    return Status::Refused("a message came without the descriptor that it should carry");
  }
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(control), sizeof fd);
  *received = Descriptor(fd);
  return {};
}

std::string BootId() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace mlperf::transfer
