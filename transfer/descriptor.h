// A file descriptor that is closed with its object, and in every process that is forked off.
//
// A child that kept a copy of a socket would hide the end of its parent from the peer. So each
// descriptor is listed, and pthread_atfork closes those listed in the child; an object there holds
// -1 from then on only in effect: ProcessGeneration() says whether it is of this process.
#ifndef MLPERF_TRANSFER_DESCRIPTOR_H_
#define MLPERF_TRANSFER_DESCRIPTOR_H_

#include <cstdint>

namespace mlperf::transfer {

class Descriptor {
 public:
  Descriptor() = default;
  // Takes `fd` over; negative: none. It should be close-on-exec.
  explicit Descriptor(int fd);
  ~Descriptor() { Close(); }
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void Close();

 private:
  int fd_ = -1;
  uint64_t generation_ = 0;  // Of the process that opened it.
};

// Counts the forks that led to this process since the library was loaded. Objects that remember it
// can tell that they are a child's copy.
uint64_t ProcessGeneration();

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_DESCRIPTOR_H_
