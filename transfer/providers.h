// What can move bytes, with what this build and this machine can use of it.
#ifndef MLPERF_TRANSFER_PROVIDERS_H_
#define MLPERF_TRANSFER_PROVIDERS_H_

#include <memory>
#include <string>
#include <vector>

#include "status.h"

namespace mlperf::transfer {

class Provider;

struct ProviderInfo {
  std::string name;
  bool usable = false;
  std::string why;      // Why it is not usable; empty if it is.
  std::string version;  // Of the library that does it, or of this one.
  std::string tested;   // "on hardware", "in emulation" or "never": a constant of the release.
};

// All, usable or not, in the order of preference: shm, cuda, verbs, efa, tcp.
std::vector<ProviderInfo> ListProviders();

// Checks the names that a program gave, and fills in those that are usable if it gave none.
// kInvalid for an unknown name; kFailed, with the reason, for one that is not usable.
Status ChooseProviders(const std::vector<std::string>& wanted, std::vector<std::string>* chosen);

// Null for "tcp" and "shm", which the connection does itself.
Status MakeProvider(const std::string& name, std::shared_ptr<Provider>* provider);

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_PROVIDERS_H_
