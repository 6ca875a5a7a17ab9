// What of this machine decides whether a NIC can be used by libfabric.
#ifndef MLPERF_TRANSFER_FABRIC_MACHINE_H_
#define MLPERF_TRANSFER_FABRIC_MACHINE_H_

#include <cstdint>
#include <string>

namespace mlperf::transfer {

// "no RDMA device", "no EFA device": nothing of this kind in `devices`, the folder where the kernel
// lists them. Empty if there is one.
std::string WhyNoDevice(bool only_efa, const std::string& devices = "/sys/class/infiniband");

// "locked memory is limited to 8 MiB", with how to change it, if this process may lock so little
// that a NIC cannot be used; else empty.
std::string WhyNoLockedMemory();
std::string WhyNoLockedMemory(uint64_t limit, bool may_exceed);

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_FABRIC_MACHINE_H_
