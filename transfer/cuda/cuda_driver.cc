#include "cuda/cuda_driver.h"

#include <dlfcn.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <mutex>

namespace mlperf::transfer {
namespace {

constexpr char kSoname[] = "libcuda.so.1";

template <typename Function>
bool Take(void* library, const char* name, Function* function, std::string* missing) {
  *function = reinterpret_cast<Function>(dlsym(library, name));
  if (*function == nullptr && missing->empty()) *missing = name;
  return *function != nullptr;
}

// The name of the first function that `library` lacks; empty if it has all.
std::string TakeAll(void* library, CudaDriver* d) {
  std::string missing;
  Take(library, "cuInit", &d->Init, &missing);
  Take(library, "cuDriverGetVersion", &d->DriverGetVersion, &missing);
  Take(library, "cuGetErrorString", &d->GetErrorString, &missing);
  Take(library, "cuDeviceGetCount", &d->DeviceGetCount, &missing);
  Take(library, "cuDeviceGet", &d->DeviceGet, &missing);
  Take(library, "cuDeviceGetUuid", &d->DeviceGetUuid, &missing);
  Take(library, "cuDevicePrimaryCtxRetain", &d->DevicePrimaryCtxRetain, &missing);
  Take(library, "cuDevicePrimaryCtxRelease_v2", &d->DevicePrimaryCtxRelease, &missing);
  Take(library, "cuCtxSetCurrent", &d->CtxSetCurrent, &missing);
  Take(library, "cuPointerGetAttribute", &d->PointerGetAttribute, &missing);
  Take(library, "cuMemGetAddressRange_v2", &d->MemGetAddressRange, &missing);
  Take(library, "cuIpcGetMemHandle", &d->IpcGetMemHandle, &missing);
  Take(library, "cuIpcOpenMemHandle_v2", &d->IpcOpenMemHandle, &missing);
  Take(library, "cuIpcCloseMemHandle", &d->IpcCloseMemHandle, &missing);
  Take(library, "cuStreamCreate", &d->StreamCreate, &missing);
  Take(library, "cuStreamDestroy_v2", &d->StreamDestroy, &missing);
  Take(library, "cuStreamSynchronize", &d->StreamSynchronize, &missing);
  Take(library, "cuMemcpyAsync", &d->MemcpyAsync, &missing);
  return missing;
}

bool IsGpu(const std::string& name) {
  constexpr std::string_view kPrefix = "nvidia";
  return name.starts_with(kPrefix) && name.size() > kPrefix.size() &&
         std::all_of(name.begin() + kPrefix.size(), name.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

Status CudaDriver::Check(const char* what, CUresult result) const {
  if (result == kCudaSuccess) return {};
  const char* text = nullptr;
  if (GetErrorString(result, &text) != kCudaSuccess || text == nullptr) text = "an unknown error";
  return Status::Failed(std::string(what) + ": " + text + " (" + std::to_string(result) + ")");
}

std::string CudaDriver::version_text() const {
  int version = 0;
  if (DriverGetVersion(&version) != kCudaSuccess) return {};
  return "CUDA driver " + std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

Status OpenCudaDriver(const CudaDriver** driver) {
  static std::mutex mutex;
  static CudaDriver taken{};
  static bool is_open = false;
  const std::lock_guard lock(mutex);
  *driver = &taken;
  if (is_open) return {};
  void* library = dlopen(kSoname, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return Status::Failed(std::string("no ") + kSoname);
  const std::string missing = TakeAll(library, &taken);
  if (!missing.empty()) {
    dlclose(library);
    return Status::Failed(std::string(kSoname) + " has no function " + missing);
  }
  is_open = true;
  return {};
}

std::string WhyNoGpu(const std::string& devices) {
  std::error_code ignored;
  for (const auto& file : std::filesystem::directory_iterator(devices, ignored)) {
    if (IsGpu(file.path().filename().string())) return {};
  }
  return "no NVIDIA GPU";
}

}  // namespace mlperf::transfer
