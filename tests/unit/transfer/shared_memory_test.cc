// Goal: memory that one end makes is the other's memory, and neither a size nor a seal is taken on
// trust. Method: descriptors passed over a real Unix socket; forged ones made by hand.
#include "shared_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <utility>

#include "deadline.h"

namespace mlperf::transfer {
namespace {

struct Ends {
  Descriptor one, other;

  Ends() {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    one = Descriptor(fds[0]);
    other = Descriptor(fds[1]);
  }
};

Descriptor Passed(const Descriptor& sent) {
  const Ends ends;
  EXPECT_TRUE(SendDescriptor(ends.one, sent, DeadlineAfter(5)).ok());
  Descriptor received;
  EXPECT_TRUE(ReceiveDescriptor(ends.other, &received, DeadlineAfter(5)).ok());
  return received;
}

SharedMemory Made(uint64_t nbytes, bool read_only_for_others) {
  SharedMemory memory;
  const Status status = SharedMemory::Make("test", nbytes, read_only_for_others, &memory);
  EXPECT_TRUE(status.ok()) << status.message;
  return memory;
}

TEST(SharedMemory, BothEndsSeeTheSameBytes) {
  const SharedMemory own = Made(100'000, false);
  SharedMemory mapped;
  ASSERT_TRUE(SharedMemory::Map(Passed(own.descriptor()), 100'000, true, &mapped).ok());
  EXPECT_NE(own.data(), mapped.data());
  std::strcpy(own.data() + 99'000, "there");
  EXPECT_STREQ(mapped.data() + 99'000, "there");
  std::strcpy(mapped.data(), "back");
  EXPECT_STREQ(own.data(), "back");
}

TEST(SharedMemory, AReceivedDescriptorIsClosedOnExec) {
  const SharedMemory own = Made(1, false);
  EXPECT_TRUE(fcntl(Passed(own.descriptor()).get(), F_GETFD) & FD_CLOEXEC);
}

TEST(SharedMemory, ReadOnlyMemoryCannotBeMappedForWriting) {
  const SharedMemory own = Made(4096, true);
  own.data()[7] = 'x';  // Its maker still writes.
  SharedMemory mapped;
  EXPECT_FALSE(SharedMemory::Map(Passed(own.descriptor()), 4096, true, &mapped).ok());
  ASSERT_TRUE(SharedMemory::Map(Passed(own.descriptor()), 4096, false, &mapped).ok());
  EXPECT_EQ(mapped.data()[7], 'x');
}

TEST(SharedMemory, CannotBeCutOffOrUnsealed) {
  const SharedMemory own = Made(8192, false);
  EXPECT_NE(ftruncate(own.descriptor().get(), 4096), 0);
  EXPECT_NE(fcntl(own.descriptor().get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
}

TEST(SharedMemory, ForgedMemoryIsRefused) {
  SharedMemory mapped;
  Descriptor unsealed(memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(ftruncate(unsealed.get(), 4096), 0);
  EXPECT_EQ(SharedMemory::Map(Passed(unsealed), 4096, true, &mapped).code, StatusCode::kRefused);
  const SharedMemory small = Made(4096, false);
  EXPECT_EQ(SharedMemory::Map(Passed(small.descriptor()), 4097, true, &mapped).code,
            StatusCode::kRefused);
  EXPECT_EQ(SharedMemory::Map(Passed(small.descriptor()), uint64_t{1} << 60, true, &mapped).code,
            StatusCode::kRefused);
  const Descriptor file(open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_EQ(SharedMemory::Map(Passed(file), 1, true, &mapped).code, StatusCode::kRefused);
  EXPECT_EQ(mapped.data(), nullptr);
}

TEST(SharedMemory, AMessageWithoutADescriptorIsRefused) {
  const Ends ends;
  ASSERT_EQ(send(ends.one.get(), "x", 1, 0), 1);
  Descriptor received;
  EXPECT_EQ(ReceiveDescriptor(ends.other, &received, DeadlineAfter(5)).code, StatusCode::kRefused);
  EXPECT_EQ(ReceiveDescriptor(ends.other, &received, DeadlineAfter(0.01)).code,
            StatusCode::kTimeout);
}

TEST(SharedMemory, MoreDescriptorsThanOneDoNotStay) {
  const Ends ends;
  const Descriptor file(open("/dev/null", O_RDWR | O_CLOEXEC));
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(3 * sizeof(int));
  const int three[3] = {file.get(), file.get(), file.get()};
  std::memcpy(CMSG_DATA(head), three, sizeof three);
  ASSERT_EQ(sendmsg(ends.one.get(), &message, 0), 1);
  const int next_free = dup(file.get());
  close(next_free);
  {
    Descriptor received;
    ASSERT_TRUE(ReceiveDescriptor(ends.other, &received, DeadlineAfter(5)).ok());
    EXPECT_EQ(received.get(), next_free);
  }
  const int free_again = dup(file.get());
  EXPECT_EQ(free_again, next_free);
  close(free_again);
}

TEST(SharedMemory, NoSizeIsInvalid) {
  SharedMemory memory;
  EXPECT_EQ(SharedMemory::Make("test", 0, false, &memory).code, StatusCode::kInvalid);
  EXPECT_EQ(SharedMemory::Make("test", ~uint64_t{0}, false, &memory).code, StatusCode::kInvalid);
}

TEST(SharedMemory, BootIdIsThatOfTheKernel) {
  EXPECT_EQ(BootId().size(), 36u);
  EXPECT_EQ(BootId(), BootId());
}

}  // namespace
}  // namespace mlperf::transfer
