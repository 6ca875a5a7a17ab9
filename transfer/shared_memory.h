// Memory that two processes of one machine share: a sealed memfd, made by one end, mapped by both.
//
// The maker's seals are what lets others trust it: it can neither shrink (touching what was cut off
// would kill them) nor be sealed further, and where they may only read, it cannot be mapped for
// writing any more.
#ifndef MLPERF_TRANSFER_SHARED_MEMORY_H_
#define MLPERF_TRANSFER_SHARED_MEMORY_H_

#include <cstdint>
#include <string>

#include "descriptor.h"
#include "status.h"

namespace mlperf::transfer {

// A mapping, unmapped with its object; the memory lives as long as any process maps it or has its
// descriptor. After a fork the child's copy stays mapped.
class SharedMemory {
 public:
  SharedMemory() = default;
  ~SharedMemory();
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;

  // New memory of zeros, which this end may read and write; others may only read it if
  // `read_only_for_others`. `name` shows in /proc.
  static Status Make(const std::string& name, uint64_t nbytes, bool read_only_for_others,
                     SharedMemory* memory);

  // Maps what another process made. Refused unless it is a memfd of at least `nbytes` that is
  // sealed against shrinking. The descriptor is closed: the mapping does not need it.
  static Status Map(Descriptor descriptor, uint64_t nbytes, bool writable, SharedMemory* memory);

  char* data() const { return data_; }
  uint64_t nbytes() const { return nbytes_; }
  // Of what this end made; empty for what it mapped.
  const Descriptor& descriptor() const { return descriptor_; }

 private:
  Descriptor descriptor_;
  char* data_ = nullptr;
  uint64_t nbytes_ = 0;
};

// Over a Unix socket (stream_socket.h), with one byte: the sender keeps its own. The receiver takes
// one byte, and kRefused if no descriptor came with it. Both wait until `deadline_ns`.
Status SendDescriptor(const Descriptor& socket, const Descriptor& sent, int64_t deadline_ns);
Status ReceiveDescriptor(const Descriptor& socket, Descriptor* received, int64_t deadline_ns);

// Names this run of this machine's kernel; empty if it cannot be read. Two processes with the same
// one can share memory if they are of one user and one network namespace.
std::string BootId();

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_SHARED_MEMORY_H_
