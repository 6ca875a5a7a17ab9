#include "cuda_provider.h"

#include <cstring>
#include <utility>

#include "cuda/cuda_copier.h"
#include "cuda/cuda_driver.h"
#include "shared_memory.h"

namespace mlperf::transfer {
namespace {

// What travels to the peer for a region in device memory.
struct Exported {
  CUipcMemHandle handle;  // Of the allocation that the region lies in.
  CUuuid device;
  uint64_t offset;
};

class CudaMemory : public ProviderMemory {
 public:
  explicit CudaMemory(std::string exported) : exported_(std::move(exported)) {}
  std::string exported() const override { return exported_; }
  // The connection has peers that opened it let go; the driver knows no other way.
  void Close() override {}

 private:
  const std::string exported_;
};

// A peer's region, mapped.
struct CudaTarget : ProviderTarget {
  CudaTarget(const CudaDriver& given, CUdevice opened_on) : driver(given), device(opened_on) {}
  ~CudaTarget() override {
    if (base != 0 && driver.CtxSetCurrent(context) == kCudaSuccess) driver.IpcCloseMemHandle(base);
    if (context != nullptr) driver.DevicePrimaryCtxRelease(device);
  }

  const CudaDriver& driver;
  const CUdevice device;
  CUcontext context = nullptr;
  CUdeviceptr base = 0;
  CUdeviceptr begin = 0;  // Of the region.
};

// The device of this process with that identity, whatever its number here.
Status FindDevice(const CudaDriver& driver, const CUuuid& uuid, CUdevice* device) {
  int count = 0;
  Status status = driver.Check("cuInit", driver.Init(0));
  if (status.ok()) status = driver.Check("cuDeviceGetCount", driver.DeviceGetCount(&count));
  if (!status.ok()) return status;
  for (int i = 0; i < count; ++i) {
    CUuuid found{};
    if (driver.DeviceGet(device, i) == kCudaSuccess &&
        driver.DeviceGetUuid(&found, *device) == kCudaSuccess &&
        memcmp(&found, &uuid, sizeof uuid) == 0) {
      return {};
    }
  }
  return Status::Failed("this process does not see the GPU that the peer's region lies on");
}

Status Map(const CudaDriver& driver, const Exported& exported, uint64_t nbytes,
           std::shared_ptr<CudaTarget>* mapped) {
  CUdevice device = 0;
  Status status = FindDevice(driver, exported.device, &device);
  if (!status.ok()) return status;
  auto target = std::make_shared<CudaTarget>(driver, device);
  status = driver.Check("cuDevicePrimaryCtxRetain",
                        driver.DevicePrimaryCtxRetain(&target->context, device));
  if (status.ok()) {
    status = driver.Check("cuCtxSetCurrent", driver.CtxSetCurrent(target->context));
  }
  if (status.ok()) {
    status = driver.Check(
        "cuIpcOpenMemHandle",
        driver.IpcOpenMemHandle(&target->base, exported.handle, kCudaLazyEnablePeerAccess));
  }
  CUdeviceptr base = 0;
  size_t size = 0;
  if (status.ok()) {
    status =
        driver.Check("cuMemGetAddressRange", driver.MemGetAddressRange(&base, &size, target->base));
  }
  if (!status.ok()) return status;
  if (exported.offset > size || nbytes > size - exported.offset) {
    return Status::Refused("the peer's region is larger than the GPU's memory that it lies in");
  }
  target->begin = target->base + exported.offset;
  *mapped = std::move(target);
  return {};
}

class CudaLink : public ProviderLink {
 public:
  explicit CudaLink(const CudaDriver& driver) : driver_(driver), copier_(driver) {}

  Status Open(std::string_view bytes, uint64_t nbytes, Access,
              std::shared_ptr<ProviderTarget>* target) override {
    Exported exported;
    if (bytes.size() != sizeof exported) {
      return Status::Refused("the peer's region has a CUDA handle of " +
                             std::to_string(bytes.size()) + " bytes instead of " +
                             std::to_string(sizeof exported));
    }
    memcpy(&exported, bytes.data(), sizeof exported);
    std::shared_ptr<CudaTarget> mapped;
    if (Status status = Map(driver_, exported, nbytes, &mapped); !status.ok()) return status;
    *target = std::move(mapped);
    return {};
  }

  Status Post(const ProviderBatch& posted, std::function<void(Status)> done) override {
    const auto target = std::static_pointer_cast<CudaTarget>(posted.target);
    // The driver knows by an address whether it is the host's or a device's.
    const auto local = reinterpret_cast<CUdeviceptr>(posted.local);
    CudaBatch batch{target->context, {}, target, std::move(done)};
    batch.copies.reserve(posted.slices.size());
    for (const Slice& slice : posted.slices) {
      const CUdeviceptr here = local + slice.local_offset;
      const CUdeviceptr there = target->begin + slice.remote_offset;
      batch.copies.push_back(posted.is_write ? CudaCopy{there, here, slice.nbytes}
                                             : CudaCopy{here, there, slice.nbytes});
    }
    return copier_.Add(std::move(batch));
  }

  void Close() override { copier_.Stop(); }

 private:
  const CudaDriver& driver_;
  CudaCopier copier_;
};

class CudaProvider : public Provider {
 public:
  explicit CudaProvider(const CudaDriver& driver) : driver_(driver) {}

  const char* name() const override { return kCuda; }
  // Handles are good on this machine alone.
  std::string Introduce() override { return BootId(); }

  Status Connect(std::string_view introduction, std::shared_ptr<ProviderLink>* link) override {
    if (introduction.empty() || introduction != BootId()) {
      return Status::Failed("cuda: the peer is on another machine");
    }
    *link = std::make_shared<CudaLink>(driver_);
    return {};
  }

  Status Register(char* data, uint64_t, Access, std::shared_ptr<ProviderMemory>* memory) override {
    std::string exported;
    if (Status status = Export(reinterpret_cast<CUdeviceptr>(data), &exported); !status.ok()) {
      return status;
    }
    *memory = std::make_shared<CudaMemory>(std::move(exported));
    return {};
  }

 private:
  // Leaves `bytes` empty for host memory. A program that has device memory has initialised CUDA.
  Status Export(CUdeviceptr begin, std::string* bytes) const {
    unsigned type = 0;
    if (driver_.PointerGetAttribute(&type, kCudaMemoryType, begin) != kCudaSuccess ||
        type != kCudaDeviceMemory) {
      return {};
    }
    Exported exported{};
    CUdeviceptr base = 0;
    size_t size = 0;
    int ordinal = 0;
    CUdevice device = 0;
    Status status =
        driver_.Check("cuMemGetAddressRange", driver_.MemGetAddressRange(&base, &size, begin));
    if (!status.ok()) return status;
    exported.offset = begin - base;
    status = driver_.Check("cuIpcGetMemHandle", driver_.IpcGetMemHandle(&exported.handle, base));
    if (!status.ok()) return status;
    status = driver_.Check("cuPointerGetAttribute",
                           driver_.PointerGetAttribute(&ordinal, kCudaDeviceOrdinal, begin));
    if (status.ok()) status = driver_.Check("cuDeviceGet", driver_.DeviceGet(&device, ordinal));
    if (status.ok()) {
      status = driver_.Check("cuDeviceGetUuid", driver_.DeviceGetUuid(&exported.device, device));
    }
    if (!status.ok()) return status;
    bytes->assign(reinterpret_cast<const char*>(&exported), sizeof exported);
    return {};
  }

  const CudaDriver& driver_;
};

}  // namespace

ProviderInfo DescribeCuda() {
  ProviderInfo info = {kCuda, false, {}, {}, "never"};
  const CudaDriver* driver = nullptr;
  if (const Status status = OpenCudaDriver(&driver); !status.ok()) {
    info.why = status.message;
    return info;
  }
  info.version = driver->version_text();
  info.why = WhyNoGpu();
  info.usable = info.why.empty();
  return info;
}

Status MakeCudaProvider(std::shared_ptr<Provider>* provider) {
  const CudaDriver* driver = nullptr;
  if (Status status = OpenCudaDriver(&driver); !status.ok()) return status;
  *provider = MakeCudaProvider(*driver);
  return {};
}

std::shared_ptr<Provider> MakeCudaProvider(const CudaDriver& driver) {
  return std::make_shared<CudaProvider>(driver);
}

}  // namespace mlperf::transfer
