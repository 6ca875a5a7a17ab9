// Goal: the provider for GPU memory asks the driver for the right copies between the right places,
// checks what a peer claims, and reports the driver's faults. Method: a driver of plain functions,
// whose device memory is an array of this process. It was never run with a GPU.
#include "cuda_provider.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <numeric>
#include <string>
#include <vector>

#include "cuda/cuda_driver.h"

namespace mlperf::transfer {
namespace {

namespace fs = std::filesystem;

constexpr size_t kAllocated = 1 << 16;
constexpr CUresult kNoSuchDevice = 101, kInvalidValue = 1, kIllegalAddress = 700;

// The GPU: one allocation. What a handle names, and how the next copies end.
struct Gpu {
  std::vector<char> memory = std::vector<char>(kAllocated);
  char uuid = 'u';
  CUresult end_of_stream = kCudaSuccess;
  int mapped = 0;

  CUdeviceptr begin() const { return reinterpret_cast<CUdeviceptr>(memory.data()); }
  bool Holds(CUdeviceptr pointer) const {
    return pointer >= begin() && pointer < begin() + kAllocated;
  }
};
Gpu* gpu = nullptr;

CUresult Text(CUresult error, const char** text) {
  *text = error == kIllegalAddress ? "an illegal memory access was encountered" : "a fault";
  return kCudaSuccess;
}

CUresult Attribute(void* data, int attribute, CUdeviceptr pointer) {
  if (!gpu->Holds(pointer)) return kInvalidValue;
  if (attribute == kCudaMemoryType) {
    memcpy(data, &kCudaDeviceMemory, sizeof kCudaDeviceMemory);
  } else {
    memset(data, 0, sizeof(int));
  }
  return kCudaSuccess;
}

CudaDriver FakeDriver() {
  CudaDriver d{};
  d.Init = [](unsigned) { return kCudaSuccess; };
  d.GetErrorString = Text;
  d.DeviceGetCount = [](int* count) { return *count = 1, kCudaSuccess; };
  d.DeviceGet = [](CUdevice* device, int ordinal) {
    *device = ordinal;
    return ordinal == 0 ? kCudaSuccess : kNoSuchDevice;
  };
  d.DeviceGetUuid = [](CUuuid* uuid, CUdevice) {
    memset(uuid, gpu->uuid, sizeof *uuid);
    return kCudaSuccess;
  };
  d.DevicePrimaryCtxRetain = [](CUcontext* context, CUdevice) {
    *context = reinterpret_cast<CUcontext>(gpu);
    return kCudaSuccess;
  };
  d.DevicePrimaryCtxRelease = [](CUdevice) { return kCudaSuccess; };
  d.CtxSetCurrent = [](CUcontext) { return kCudaSuccess; };
  d.PointerGetAttribute = Attribute;
  d.MemGetAddressRange = [](CUdeviceptr* base, size_t* nbytes, CUdeviceptr pointer) {
    *base = gpu->begin();
    *nbytes = kAllocated;
    return gpu->Holds(pointer) ? kCudaSuccess : kInvalidValue;
  };
  d.IpcGetMemHandle = [](CUipcMemHandle* handle, CUdeviceptr pointer) {
    memcpy(handle->reserved, &pointer, sizeof pointer);
    return kCudaSuccess;
  };
  d.IpcOpenMemHandle = [](CUdeviceptr* pointer, CUipcMemHandle handle, unsigned) {
    memcpy(pointer, handle.reserved, sizeof *pointer);
    if (!gpu->Holds(*pointer)) return kInvalidValue;
    ++gpu->mapped;
    return kCudaSuccess;
  };
  d.IpcCloseMemHandle = [](CUdeviceptr) { return --gpu->mapped, kCudaSuccess; };
  d.StreamCreate = [](CUstream*, unsigned) { return kCudaSuccess; };
  d.StreamDestroy = [](CUstream) { return kCudaSuccess; };
  d.StreamSynchronize = [](CUstream) { return gpu->end_of_stream; };
  d.MemcpyAsync = [](CUdeviceptr to, CUdeviceptr from, size_t nbytes, CUstream) {
    memcpy(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), nbytes);
    return kCudaSuccess;
  };
  return d;
}

class CudaProviderTest : public testing::Test {
 protected:
  static constexpr size_t kOffset = 4096, kNbytes = 8192;  // Of the region in the allocation.

  void SetUp() override {
    gpu = &gpu_;
    ASSERT_TRUE(provider_->Register(region(), kNbytes, Access::kReadWrite, &memory_).ok());
    ASSERT_TRUE(provider_->Connect(provider_->Introduce(), &link_).ok());
  }
  char* region() { return gpu_.memory.data() + kOffset; }

  Status Open(const std::string& exported, uint64_t nbytes = kNbytes) {
    return link_->Open(exported, nbytes, Access::kReadWrite, &target_);
  }
  Status Move(bool is_write, const std::vector<Slice>& slices) {
    std::promise<Status> ended;
    const Status status =
        link_->Post({is_write, local_.data(), local_.size(), nullptr, target_, slices},
                    [&](Status s) { ended.set_value(std::move(s)); });
    return status.ok() ? ended.get_future().get() : status;
  }

  Gpu gpu_;
  const CudaDriver driver_ = FakeDriver();
  std::shared_ptr<Provider> provider_ = MakeCudaProvider(driver_);
  std::shared_ptr<ProviderMemory> memory_;
  std::shared_ptr<ProviderLink> link_;
  std::shared_ptr<ProviderTarget> target_;
  std::vector<char> local_ = std::vector<char>(kNbytes);
};

TEST_F(CudaProviderTest, ReadsAndWritesTheBytesOfEachSlice) {
  std::iota(region(), region() + kNbytes, '\1');
  ASSERT_TRUE(Open(memory_->exported()).ok());
  ASSERT_TRUE(Move(false, {{0, 100, 50}, {8000, 8191, 1}, {0, 0, 0}}).ok());
  EXPECT_EQ(memcmp(local_.data(), region() + 100, 50), 0);
  EXPECT_EQ(local_[8000], region()[8191]);
  EXPECT_EQ(local_[50], 0);
  local_.assign(kNbytes, 'w');
  ASSERT_TRUE(Move(true, {{0, 10, 3}}).ok());
  EXPECT_EQ(std::string(region() + 9, 5), "\x0Awww\x0E");
}

TEST_F(CudaProviderTest, HostMemoryIsLeftToTheConnection) {
  std::shared_ptr<ProviderMemory> memory;
  ASSERT_TRUE(provider_->Register(local_.data(), kNbytes, Access::kReadWrite, &memory).ok());
  EXPECT_EQ(memory->exported(), "");
}

TEST_F(CudaProviderTest, AClaimBeyondTheAllocationIsRefused) {
  EXPECT_TRUE(Open(memory_->exported(), kAllocated - kOffset).ok());
  EXPECT_EQ(Open(memory_->exported(), kAllocated - kOffset + 1).code, StatusCode::kRefused);
  EXPECT_EQ(Open(memory_->exported(), ~uint64_t{0}).code, StatusCode::kRefused);
  std::string forged = memory_->exported();
  forged.replace(forged.size() - 8, 8, 8, '\xff');  // The offset.
  EXPECT_EQ(Open(forged).code, StatusCode::kRefused);
  target_.reset();
  EXPECT_EQ(gpu_.mapped, 0);
}

TEST_F(CudaProviderTest, WhatAPeerSaysOfItselfIsChecked) {
  for (const size_t nbytes : {size_t{0}, memory_->exported().size() - 1, size_t{4096}}) {
    EXPECT_EQ(Open(std::string(nbytes, 'x')).code, StatusCode::kRefused);
  }
  EXPECT_EQ(Open(std::string(memory_->exported().size(), 'u')).code, StatusCode::kFailed);
  std::shared_ptr<ProviderLink> link;
  EXPECT_FALSE(provider_->Connect("", &link).ok());
  EXPECT_FALSE(provider_->Connect("another machine", &link).ok());
}

TEST_F(CudaProviderTest, AGpuThatThisProcessDoesNotSeeIsNamed) {
  gpu_.uuid = 'v';
  EXPECT_EQ(Open(memory_->exported()).message,
            "this process does not see the GPU that the peer's region lies on");
}

TEST_F(CudaProviderTest, AFaultOfACopyIsReported) {
  ASSERT_TRUE(Open(memory_->exported()).ok());
  gpu_.end_of_stream = kIllegalAddress;
  EXPECT_EQ(Move(false, {{0, 0, 8}}).message,
            "cuStreamSynchronize: an illegal memory access was encountered (700)");
}

TEST_F(CudaProviderTest, ClosingALinkEndsIt) {
  ASSERT_TRUE(Open(memory_->exported()).ok());
  link_->Close();
  EXPECT_EQ(Move(false, {{0, 0, 8}}).code, StatusCode::kPeerLost);
  link_->Close();
}

TEST_F(CudaProviderTest, ATargetIsUnmappedWithItsLastUser) {
  ASSERT_TRUE(Open(memory_->exported()).ok());
  EXPECT_EQ(gpu_.mapped, 1);
  target_.reset();
  EXPECT_EQ(gpu_.mapped, 0);
}

TEST(DescribeCudaTest, SaysWhyItIsNotUsable) {
  const ProviderInfo info = DescribeCuda();
  EXPECT_EQ(info.name, "cuda");
  EXPECT_EQ(info.tested, "never");
  EXPECT_EQ(info.usable, info.why.empty()) << info.why;
}

TEST(DescribeCudaTest, FindsTheFilesOfGpusAlone) {
  const fs::path folder = fs::path(testing::TempDir()) / "cuda_devices";
  fs::remove_all(folder);
  fs::create_directories(folder);
  for (const char* other : {"nvidiactl", "nvidia-uvm", "nvidia"}) std::ofstream(folder / other);
  EXPECT_EQ(WhyNoGpu(folder), "no NVIDIA GPU");
  std::ofstream(folder / "nvidia0");
  EXPECT_EQ(WhyNoGpu(folder), "");
  fs::remove_all(folder);
}

}  // namespace
}  // namespace mlperf::transfer
