#include "fabric_machine.h"

#include <sys/resource.h>

#include <filesystem>
#include <fstream>

namespace mlperf::transfer {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMiB = 1 << 20;
// Regions and libfabric's own buffers are locked: some tens of MiB before a byte of the user's.
constexpr uint64_t kLeastLockedBytes = 64 * kMiB;
constexpr char kAmazon[] = "0x1d0f";

bool IsEfa(const fs::path& device) {
  std::string vendor;
  std::ifstream(device / "device" / "vendor") >> vendor;
  return vendor == kAmazon;
}

// CAP_IPC_LOCK, without which the limit holds.
bool MayExceedLimit() {
  constexpr int kIpcLock = 14;
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "CapEff:") continue;
    uint64_t capabilities = 0;
    status >> std::hex >> capabilities;
    return (capabilities >> kIpcLock & 1) != 0;
  }
  return false;
}

}  // namespace

std::string WhyNoDevice(bool only_efa, const std::string& devices) {
  std::error_code ignored;
  for (const auto& device : fs::directory_iterator(devices, ignored)) {
    if (!only_efa || IsEfa(device.path())) return {};
  }
  return only_efa ? "no EFA device" : "no RDMA device";
}

std::string WhyNoLockedMemory() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return {};
  return WhyNoLockedMemory(limit.rlim_cur, MayExceedLimit());
}

std::string WhyNoLockedMemory(uint64_t limit, bool may_exceed) {
  if (limit == RLIM_INFINITY || limit >= kLeastLockedBytes || may_exceed) return {};
  return "locked memory is limited to " + std::to_string(limit / kMiB) +
         " MiB: raise it (ulimit -l unlimited)";
}

}  // namespace mlperf::transfer
