// What is used of the CUDA driver API: declared here, taken from libcuda.so.1 at run time, so that
// building needs no CUDA.
#ifndef MLPERF_TRANSFER_CUDA_DRIVER_H_
#define MLPERF_TRANSFER_CUDA_DRIVER_H_

#include <cstddef>
#include <string>

#include "status.h"

namespace mlperf::transfer {

// As cuda.h has them, whose names they keep.
using CUresult = int;
using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = struct CUctx_st*;
using CUstream = struct CUstream_st*;
struct CUipcMemHandle {
  char reserved[64];
};
struct CUuuid {
  char bytes[16];
};

inline constexpr CUresult kCudaSuccess = 0;
inline constexpr int kCudaMemoryType = 2;                 // CU_POINTER_ATTRIBUTE_MEMORY_TYPE
inline constexpr int kCudaDeviceOrdinal = 9;              // CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
inline constexpr unsigned kCudaDeviceMemory = 2;          // CU_MEMORYTYPE_DEVICE
inline constexpr unsigned kCudaLazyEnablePeerAccess = 1;  // CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS
inline constexpr unsigned kCudaNonBlockingStream = 1;     // CU_STREAM_NON_BLOCKING

struct CudaDriver {
  CUresult (*Init)(unsigned flags);
  CUresult (*DriverGetVersion)(int* version);
  CUresult (*GetErrorString)(CUresult error, const char** text);
  CUresult (*DeviceGetCount)(int* count);
  CUresult (*DeviceGet)(CUdevice* device, int ordinal);
  CUresult (*DeviceGetUuid)(CUuuid* uuid, CUdevice device);
  CUresult (*DevicePrimaryCtxRetain)(CUcontext* context, CUdevice device);
  CUresult (*DevicePrimaryCtxRelease)(CUdevice device);
  CUresult (*CtxSetCurrent)(CUcontext context);
  CUresult (*PointerGetAttribute)(void* data, int attribute, CUdeviceptr pointer);
  CUresult (*MemGetAddressRange)(CUdeviceptr* base, size_t* nbytes, CUdeviceptr pointer);
  CUresult (*IpcGetMemHandle)(CUipcMemHandle* handle, CUdeviceptr pointer);
  CUresult (*IpcOpenMemHandle)(CUdeviceptr* pointer, CUipcMemHandle handle, unsigned flags);
  CUresult (*IpcCloseMemHandle)(CUdeviceptr pointer);
  CUresult (*StreamCreate)(CUstream* stream, unsigned flags);
  CUresult (*StreamDestroy)(CUstream stream);
  CUresult (*StreamSynchronize)(CUstream stream);
  CUresult (*MemcpyAsync)(CUdeviceptr to, CUdeviceptr from, size_t nbytes, CUstream stream);

  // kOk, or kFailed with the driver's own words.
  Status Check(const char* what, CUresult result) const;
  std::string version_text() const;
};

// The driver of this machine, opened once and never closed. It is not initialised: a process that
// was cannot use CUDA in children that it forks, so that is left to whom it serves.
Status OpenCudaDriver(const CudaDriver** driver);

// "no NVIDIA GPU" if `devices`, the folder of device files, has none; else empty.
std::string WhyNoGpu(const std::string& devices = "/dev");

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_CUDA_DRIVER_H_
