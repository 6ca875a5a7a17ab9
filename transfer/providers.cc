#include "providers.h"

#include <algorithm>

#include "cuda_provider.h"
#include "fabric_provider.h"
#include "provider.h"

namespace mlperf::transfer {
namespace {

constexpr char kOwnVersion[] = "1";  // Of the embedded protocol.

std::string Joined(const std::vector<ProviderInfo>& infos) {
  std::string text;
  for (const ProviderInfo& info : infos) text += (text.empty() ? "" : ", ") + info.name;
  return text;
}

}  // namespace

std::vector<ProviderInfo> ListProviders() {
  return {
      {"shm", true, "", kOwnVersion, "on hardware"},
      DescribeCuda(),
      DescribeFabric(kVerbs),
      DescribeFabric(kEfa),
      {"tcp", true, "", kOwnVersion, "on hardware"},
  };
}

Status ChooseProviders(const std::vector<std::string>& wanted, std::vector<std::string>* chosen) {
  const std::vector<ProviderInfo> known = ListProviders();
  chosen->clear();
  for (const ProviderInfo& info : known) {
    if (wanted.empty() && info.usable) chosen->push_back(info.name);
  }
  for (const std::string& name : wanted) {
    const auto found = std::ranges::find(known, name, &ProviderInfo::name);
    if (found == known.end()) {
      return Status::Invalid("no provider is called \"" + name + "\"; there are " + Joined(known));
    }
    if (!found->usable) {
      return Status::Failed("the provider " + name + " is not usable: " + found->why);
    }
    if (std::ranges::find(*chosen, name) == chosen->end()) chosen->push_back(name);
  }
  return {};
}

Status MakeProvider(const std::string& name, std::shared_ptr<Provider>* provider) {
  provider->reset();
  if (name == "shm" || name == "tcp") return {};
  if (name == kCuda) return MakeCudaProvider(provider);
  if (name == kVerbs.name) return MakeFabricProvider(kVerbs, provider);
  if (name == kEfa.name) return MakeFabricProvider(kEfa, provider);
  return Status::Invalid("no provider is called \"" + name + "\"");
}

}  // namespace mlperf::transfer
