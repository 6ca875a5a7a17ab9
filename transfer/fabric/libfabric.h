// libfabric as this machine has it: opened at run time, so that nothing links against it.
//
// Of the library six functions are taken by name and symbol version; all others are inline
// functions of its headers over tables of pointers. So the headers are needed to build this, and of
// the library any version that still knows the symbols that those headers describe.
#ifndef MLPERF_TRANSFER_LIBFABRIC_H_
#define MLPERF_TRANSFER_LIBFABRIC_H_

#include <rdma/fabric.h>

#include <cstdint>
#include <memory>
#include <string>

#include "status.h"

namespace mlperf::transfer {

struct Libfabric {
  decltype(&fi_getinfo) getinfo = nullptr;
  decltype(&fi_freeinfo) freeinfo = nullptr;
  decltype(&fi_dupinfo) dupinfo = nullptr;
  decltype(&fi_fabric) fabric = nullptr;
  decltype(&fi_strerror) strerror = nullptr;
  decltype(&fi_version) version = nullptr;

  std::string path;  // As it was given to dlopen().

  // "2.5": what the library says of itself.
  std::string version_text() const;
  // The interface to ask for: that of the headers, or of the library if it is older.
  uint32_t api_version() const;
  // Has it read its settings from the environment, with those that this needs, which takes some 0.3
  // s at the first call. To be called before anything else is asked of it but its version.
  void ReadSettingsOnce() const;
  // A sentence of a negative result of libfabric.
  std::string Explain(const std::string& what, int64_t result) const;
};

// The library of this process, opened at the first call that finds one, and never closed. Looked
// for as LOADGEN_LIBFABRIC, libfabric.so.1, /opt/amazon/efa/lib64/libfabric.so.1, and where the
// Python package mpich, installed beside this module, keeps it. kFailed says why there is none.
Status OpenLibfabric(const Libfabric** library);

using InfoPtr = std::unique_ptr<fi_info, decltype(&fi_freeinfo)>;

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_LIBFABRIC_H_
