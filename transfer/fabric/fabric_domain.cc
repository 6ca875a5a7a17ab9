#include "fabric/fabric_domain.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>

#include "fabric/fabric_endpoint.h"
#include "fabric_machine.h"

namespace mlperf::transfer {
namespace {

// Endpoints whose queue has no descriptor are looked at this often; the others when something came,
// and now and then, as libfabric's own retries need it.
constexpr int kLookMs = 1;
constexpr int kSleepMs = 100;

// One-sided operations between unconnected ends, done when the bytes are in place.
InfoPtr Hints(const Libfabric& library, const FabricKind& kind) {
  InfoPtr hints(library.dupinfo(nullptr), library.freeinfo);
  if (!hints) return hints;
  hints->caps = FI_MSG | FI_RMA | FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE;
  hints->ep_attr->type = FI_EP_RDM;
  hints->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
  hints->domain_attr->threading = FI_THREAD_SAFE;
  hints->tx_attr->op_flags = FI_DELIVERY_COMPLETE;
  hints->fabric_attr->prov_name = strdup(kind.libfabric_name);  // freeinfo frees it.
  return hints;
}

uint64_t RandomKey() {
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

}  // namespace

FabricDomain::FabricDomain(const FabricKind& kind, const Libfabric& library, InfoPtr info)
    : kind_(kind),
      library_(library),
      info_(std::move(info)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Status FabricDomain::Open(const FabricKind& kind, std::shared_ptr<FabricDomain>* domain) {
  const Libfabric* library = nullptr;
  if (Status status = OpenLibfabric(&library); !status.ok()) return status;
  library->ReadSettingsOnce();
  const InfoPtr hints = Hints(*library, kind);
  if (!hints) return Status::Failed("libfabric has no memory");
  fi_info* found = nullptr;
  const int result = library->getinfo(library->api_version(), kind.source, nullptr,
                                      kind.source ? FI_SOURCE : 0, hints.get(), &found);
  InfoPtr info(found, library->freeinfo);
  if (result != 0) return Status::Failed(library->Explain(kind.libfabric_name, result));
  auto opened = std::make_shared<FabricDomain>(kind, *library, std::move(info));
  if (!opened->wake_) return Status::System("eventfd", errno);
  if (const int r = library->fabric(opened->info()->fabric_attr, opened->fabric_.out(), nullptr)) {
    return Status::Failed(library->Explain("fi_fabric", r));
  }
  if (const int r = fi_domain(opened->fabric(), opened->info(), opened->domain_.out(), nullptr)) {
    return Status::Failed(library->Explain("fi_domain", r));
  }
  *domain = std::move(opened);
  return {};
}

Status FabricDomain::RegisterMemory(char* data, uint64_t nbytes, Access access,
                                    FabricObject<fid_mr>* memory) {
  uint64_t rights = FI_READ | FI_WRITE;  // Of this end's own operations.
  if (Allows(access, Access::kRead)) rights |= FI_REMOTE_READ;
  if (Allows(access, Access::kWrite)) rights |= FI_REMOTE_WRITE;
  // Where this end chooses the key, it cannot be guessed.
  const bool chosen_by_it = (info()->domain_attr->mr_mode & FI_MR_PROV_KEY) != 0;
  const uint64_t key = chosen_by_it ? 0 : RandomKey();
  const int result = fi_mr_reg(domain(), data, nbytes, rights, 0, key, 0, memory->out(), nullptr);
  if (result == 0) return {};
  std::string why =
      library_.Explain("registering " + std::to_string(nbytes) + " bytes with libfabric", result);
  if (const std::string limit = WhyNoLockedMemory(); !limit.empty()) why += "; " + limit;
  return Status::Failed(why);
}

uint64_t FabricDomain::RemoteAddressOf(const char* data) const {
  const bool by_address = (info()->domain_attr->mr_mode & FI_MR_VIRT_ADDR) != 0;
  return by_address ? reinterpret_cast<uint64_t>(data) : 0;
}

std::string FabricDomain::Protocol() const {
  const fi_info& i = *info();
  return std::string(i.fabric_attr->prov_name) + " " + std::to_string(i.ep_attr->protocol) + "." +
         std::to_string(i.ep_attr->protocol_version) + " " + std::to_string(i.addr_format);
}

void FabricDomain::List(const std::shared_ptr<FabricEndpoint>& endpoint) {
  {
    const std::lock_guard lock(mutex_);
    endpoints_.push_back(endpoint);
  }
  Wake();
}

void FabricDomain::Unlist(const FabricEndpoint* endpoint) {
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(endpoints_, [&](const auto& listed) { return listed.get() == endpoint; });
  }
  Wake();
}

void FabricDomain::Drive() {
  while (!stopping_.load()) {
    std::vector<std::shared_ptr<FabricEndpoint>> endpoints;
    {
      const std::lock_guard lock(mutex_);
      endpoints = endpoints_;
    }
    if (!DriveAll(endpoints)) SleepUntilSomethingComes(endpoints);
  }
}

bool FabricDomain::DriveAll(const std::vector<std::shared_ptr<FabricEndpoint>>& endpoints) {
  bool busy = false;
  for (const auto& endpoint : endpoints) busy |= endpoint->Drive();
  return busy;
}

void FabricDomain::SleepUntilSomethingComes(
    const std::vector<std::shared_ptr<FabricEndpoint>>& endpoints) {
  int timeout_ms = kSleepMs;
  std::vector<pollfd> polled = {{wake_.get(), POLLIN, 0}};
  for (const auto& endpoint : endpoints) {
    int descriptor = -1;
    switch (endpoint->PrepareToSleep(&descriptor)) {
      case FabricEndpoint::Sleep::kNotNow:
        return;
      case FabricEndpoint::Sleep::kByTime:
        timeout_ms = kLookMs;
        break;
      case FabricEndpoint::Sleep::kByDescriptor:
        polled.push_back({descriptor, POLLIN, 0});
        break;
    }
  }
  poll(polled.data(), polled.size(), timeout_ms);
  uint64_t count;
  if (polled[0].revents != 0 && read(wake_.get(), &count, sizeof count) < 0) return;
}

void FabricDomain::Stop() {
  stopping_.store(true);
  Wake();
}

void FabricDomain::Wake() {
  const uint64_t one = 1;
  // It fails only where the counter is full: then the thread is awake.
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

}  // namespace mlperf::transfer
