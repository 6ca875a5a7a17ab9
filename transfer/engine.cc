#include "engine.h"

#include <utility>

#include "connection.h"
#include "engine_core.h"

namespace mlperf::transfer {

// ---- Region ----

Region::Region(std::shared_ptr<Memory> memory) : memory_(std::move(memory)) {}

Region::~Region() {
  if (memory_->gate.is_closed()) return;
  if (std::shared_ptr<EngineCore> core = memory_->engine.lock()) core->CloseRegion(memory_, false);
}

char* Region::data() const { return memory_->data; }
uint64_t Region::nbytes() const { return memory_->key.nbytes; }
Access Region::access() const { return memory_->key.access; }
const std::string& Region::descriptor() const { return memory_->descriptor; }
bool Region::is_closed() const { return memory_->gate.is_closed(); }

void Region::Close() {
  if (memory_->gate.is_closed()) return;
  if (std::shared_ptr<EngineCore> core = memory_->engine.lock()) core->CloseRegion(memory_, true);
}

// ---- RemoteRegion ----

RemoteRegion::RemoteRegion(std::shared_ptr<RemoteMemory> memory) : memory_(std::move(memory)) {}
RemoteRegion::~RemoteRegion() = default;
uint64_t RemoteRegion::nbytes() const { return memory_->nbytes; }
Access RemoteRegion::access() const { return memory_->access; }

Status RemoteRegion::Read(const std::shared_ptr<Region>& local, std::span<const Slice> slices,
                          std::shared_ptr<Op>* op) {
  return memory_->connection->Transfer(memory_, local, false, slices, std::nullopt, op);
}

Status RemoteRegion::Write(const std::shared_ptr<Region>& local, std::span<const Slice> slices,
                           std::optional<uint32_t> imm, std::shared_ptr<Op>* op) {
  return memory_->connection->Transfer(memory_, local, true, slices, imm, op);
}

// ---- Peer ----

Peer::Peer(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
Peer::~Peer() = default;
uint64_t Peer::number() const { return connection_->number(); }
const std::string& Peer::address() const { return connection_->address(); }
const std::string& Peer::provider() const { return connection_->provider(); }
bool Peer::alive() const { return connection_->is_of_this_process() && connection_->alive(); }

Status Peer::Open(std::string_view descriptor, std::shared_ptr<RemoteRegion>* remote,
                  double timeout_s) {
  std::shared_ptr<RemoteMemory> memory;
  Status status = connection_->Open(descriptor, timeout_s, &memory);
  if (status.ok()) *remote = std::make_shared<RemoteRegion>(std::move(memory));
  return status;
}

Status Peer::Send(const std::shared_ptr<Region>& local, uint64_t offset, uint64_t nbytes,
                  uint32_t tag, std::shared_ptr<Op>* op) {
  return connection_->Send(local, offset, nbytes, tag, op);
}

Status Peer::Receive(const std::shared_ptr<Region>& local, uint64_t offset, uint64_t nbytes,
                     uint32_t tag, std::shared_ptr<Op>* op) {
  return connection_->Receive(local, offset, nbytes, tag, op);
}

void Peer::Close() { connection_->Close(Status::PeerLost("the connection was closed here")); }

// ---- Engine ----

Engine::Engine(std::shared_ptr<EngineCore> core) : core_(std::move(core)) {}

Engine::~Engine() { core_->Close(); }

Status Engine::Start(const EngineOptions& options, std::shared_ptr<Engine>* engine) {
  std::shared_ptr<EngineCore> core;
  Status status = EngineCore::Start(options, &core);
  if (status.ok()) engine->reset(new Engine(std::move(core)));
  return status;
}

const std::string& Engine::address() const { return core_->address(); }
const std::vector<std::string>& Engine::providers() const { return core_->providers(); }
bool Engine::is_closed() const { return core_->is_closed(); }

Status Engine::Allocate(uint64_t nbytes, Access access, std::shared_ptr<Region>* region) {
  Status status = core_->CheckUsable();
  if (!status.ok()) return status;
  auto memory = std::make_shared<Memory>();
  status = SharedMemory::Make("mlperf_transfer", nbytes, !Allows(access, Access::kWrite),
                              &memory->shared);
  if (!status.ok()) return status;
  memory->data = memory->shared.data();
  memory->key.nbytes = nbytes;
  memory->key.access = access;
  core_->AddRegion(memory);
  *region = std::make_shared<Region>(std::move(memory));
  return {};
}

Status Engine::Register(void* data, uint64_t nbytes, Access access, std::shared_ptr<Region>* region,
                        std::shared_ptr<void> owner) {
  Status status = core_->CheckUsable();
  if (!status.ok()) return status;
  if (data == nullptr && nbytes > 0) return Status::Invalid("a region needs memory");
  auto memory = std::make_shared<Memory>();
  memory->data = static_cast<char*>(data);
  memory->owner = std::move(owner);
  memory->key.nbytes = nbytes;
  memory->key.access = access;
  core_->AddRegion(memory);
  *region = std::make_shared<Region>(std::move(memory));
  return {};
}

Status Engine::Connect(const std::string& address, double timeout_s, std::shared_ptr<Peer>* peer) {
  std::shared_ptr<Connection> connection;
  Status status = core_->Connect(address, timeout_s, &connection);
  if (status.ok()) *peer = std::make_shared<Peer>(std::move(connection));
  return status;
}

Status Engine::Accept(double timeout_s, std::shared_ptr<Peer>* peer) {
  Status status = core_->CheckUsable();
  return status.ok() ? core_->events().TakePeer(DeadlineAfter(timeout_s), peer) : status;
}

Status Engine::TakeImmediates(double timeout_s, std::vector<Immediate>* immediates) {
  Status status = core_->CheckUsable();
  if (!status.ok()) return status;
  return core_->events().TakeImmediates(DeadlineAfter(timeout_s), immediates);
}

bool Engine::OnImmediate(std::function<void()> call) {
  return core_->is_of_this_process() && core_->events().OnImmediate(std::move(call));
}

int Engine::event_descriptor() {
  return core_->is_of_this_process() ? core_->events().descriptor() : -1;
}

void Engine::Close() { core_->Close(); }

}  // namespace mlperf::transfer
