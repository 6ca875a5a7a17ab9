#include "fabric_provider.h"

#include <thread>
#include <utility>

#include "fabric/fabric_domain.h"
#include "fabric/fabric_endpoint.h"
#include "fabric/fabric_memory.h"
#include "fabric/libfabric.h"
#include "fabric_machine.h"

namespace mlperf::transfer {
namespace {

struct FabricTarget : ProviderTarget {
  FabricKey key;
};

class FabricLink : public ProviderLink {
 public:
  explicit FabricLink(std::shared_ptr<FabricEndpoint> endpoint) : endpoint_(std::move(endpoint)) {}
  ~FabricLink() override { endpoint_->Close(); }

  Status Open(std::string_view exported, uint64_t, Access,
              std::shared_ptr<ProviderTarget>* target) override {
    auto opened = std::make_shared<FabricTarget>();
    if (Status status = FromBytes(exported, &opened->key); !status.ok()) return status;
    *target = std::move(opened);
    return {};
  }

  Status Post(const ProviderBatch& posted, std::function<void(Status)> done) override {
    auto local = std::static_pointer_cast<FabricMemory>(posted.local_memory);
    if (!local->Use(endpoint_)) return Status::Refused("the local region is closed");
    auto batch = std::make_unique<FabricBatch>();
    batch->is_write = posted.is_write;
    batch->local = posted.local;
    batch->remote = static_cast<const FabricTarget&>(*posted.target).key;
    batch->slices.assign(posted.slices.begin(), posted.slices.end());
    batch->done = std::move(done);
    batch->local_memory = std::move(local);
    return endpoint_->Post(std::move(batch));
  }

  void Close() override { endpoint_->Close(); }

 private:
  const std::shared_ptr<FabricEndpoint> endpoint_;
};

class FabricProvider : public Provider {
 public:
  explicit FabricProvider(std::shared_ptr<FabricDomain> domain) : domain_(std::move(domain)) {}

  ~FabricProvider() override {
    if (generation_ != ProcessGeneration()) {  // The thread is the parent's: there is none to join.
      static_cast<void>(thread_.release());
      return;
    }
    if (served_) served_->Close();
    domain_->Stop();
    if (!thread_) return;
    // The last owner of this can be an operation that the thread has just ended.
    if (thread_->get_id() == std::this_thread::get_id()) {
      thread_->detach();
    } else {
      thread_->join();
    }
  }

  Status Start() {
    served_ = std::make_shared<FabricEndpoint>(domain_);
    if (Status status = served_->Open(); !status.ok()) return status;
    std::string address;
    if (Status status = served_->Address(&address); !status.ok()) return status;
    introduction_ = domain_->Protocol() + '\n' + address;
    domain_->List(served_);
    thread_ = std::make_unique<std::thread>([domain = domain_] { domain->Drive(); });
    return {};
  }

  const char* name() const override { return domain_->kind().name; }
  std::string Introduce() override { return introduction_; }

  Status Connect(std::string_view introduction, std::shared_ptr<ProviderLink>* link) override {
    const std::string protocol = domain_->Protocol() + '\n';
    if (!introduction.starts_with(protocol) || introduction.size() != introduction_.size()) {
      return Status::Failed("the peer's " + std::string(name()) + " is not of the same protocol (" +
                            domain_->Protocol() + ")");
    }
    auto endpoint = std::make_shared<FabricEndpoint>(domain_);
    if (Status status = endpoint->Open(); !status.ok()) return status;
    if (Status status = endpoint->SetPeer(introduction.substr(protocol.size())); !status.ok()) {
      return status;
    }
    domain_->List(endpoint);
    *link = std::make_shared<FabricLink>(std::move(endpoint));
    return {};
  }

  Status Register(char* data, uint64_t nbytes, Access access,
                  std::shared_ptr<ProviderMemory>* memory) override {
    auto registered = std::make_shared<FabricMemory>(domain_, data);
    if (Status status = registered->Register(nbytes, access); !status.ok()) return status;
    *memory = std::move(registered);
    return {};
  }

 private:
  const uint64_t generation_ = ProcessGeneration();
  const std::shared_ptr<FabricDomain> domain_;
  std::shared_ptr<FabricEndpoint> served_;  // The one that peers reach.
  std::string introduction_;
  std::unique_ptr<std::thread> thread_;
};

// Empty if libfabric has a device of this kind.
std::string WhyNotUsable(const FabricKind& kind, std::string* version) {
  const Libfabric* library = nullptr;
  if (const Status status = OpenLibfabric(&library); !status.ok()) return status.message;
  *version = "libfabric " + library->version_text();
  if (std::string why = WhyNoDevice(kind.name == std::string("efa")); !why.empty()) return why;
  if (std::string why = WhyNoLockedMemory(); !why.empty()) return why;
  std::shared_ptr<FabricDomain> domain;
  return FabricDomain::Open(kind, &domain).message;
}

}  // namespace

ProviderInfo DescribeFabric(const FabricKind& kind) {
  ProviderInfo info = {kind.name, false, {}, {}, kind.tested};
  info.why = WhyNotUsable(kind, &info.version);
  info.usable = info.why.empty();
  return info;
}

Status MakeFabricProvider(const FabricKind& kind, std::shared_ptr<Provider>* provider) {
  std::shared_ptr<FabricDomain> domain;
  if (Status status = FabricDomain::Open(kind, &domain); !status.ok()) return status;
  auto made = std::make_shared<FabricProvider>(std::move(domain));
  if (Status status = made->Start(); !status.ok()) return status;
  *provider = std::move(made);
  return {};
}

}  // namespace mlperf::transfer
