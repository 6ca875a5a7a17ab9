#include "fabric/fabric_endpoint.h"

#include <rdma/fi_cm.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>

#include <algorithm>
#include <array>

#include "deadline.h"

namespace mlperf::transfer {
namespace {

constexpr size_t kAddressCapacity = 256;
constexpr uint64_t kLongestPiece = uint64_t{1} << 30;  // Of an operation of InfiniBand's.
constexpr size_t kQueueLength = 1024;

// Which errors say that the peer does not allow it. Of all others the connection is the cause.
bool IsRefusal(int error) {
  return error == FI_EACCES || error == FI_EKEYREJECTED || error == FI_EPERM;
}

}  // namespace

FabricEndpoint::FabricEndpoint(std::shared_ptr<FabricDomain> domain) : domain_(std::move(domain)) {}

Status FabricEndpoint::Open() {
  const auto check = [&](const char* what, int result) {
    return result == 0 ? Status() : Status::Failed(domain_->library().Explain(what, result));
  };
  fi_av_attr addresses{};
  addresses.type = FI_AV_TABLE;
  fi_cq_attr queue{};
  queue.format = FI_CQ_FORMAT_CONTEXT;
  queue.size = kQueueLength;
  queue.wait_obj = FI_WAIT_FD;
  Status status =
      check("fi_av_open", fi_av_open(domain_->domain(), &addresses, addresses_.out(), nullptr));
  if (!status.ok()) return status;
  int result = fi_cq_open(domain_->domain(), &queue, queue_.out(), nullptr);
  if (result != 0) {  // EFA's queue has no descriptor.
    queue.wait_obj = FI_WAIT_NONE;
    result = fi_cq_open(domain_->domain(), &queue, queue_.out(), nullptr);
  } else if (fi_control(&queue_->fid, FI_GETWAIT, &descriptor_) != 0) {
    descriptor_ = -1;
  }
  status = check("fi_cq_open", result);
  if (!status.ok()) return status;
  status = check("fi_endpoint",
                 fi_endpoint(domain_->domain(), domain_->info(), endpoint_.out(), nullptr));
  if (!status.ok()) return status;
  status = check("fi_ep_bind", fi_ep_bind(endpoint_.get(), &addresses_->fid, 0));
  if (!status.ok()) return status;
  status = check("fi_ep_bind", fi_ep_bind(endpoint_.get(), &queue_->fid, FI_TRANSMIT | FI_RECV));
  if (!status.ok()) return status;
  return check("fi_enable", fi_enable(endpoint_.get()));
}

Status FabricEndpoint::Address(std::string* address) {
  std::array<char, kAddressCapacity> name{};
  size_t nbytes = name.size();
  const int result = fi_getname(&endpoint_->fid, name.data(), &nbytes);
  if (result != 0) return Status::Failed(domain_->library().Explain("fi_getname", result));
  address->assign(name.data(), nbytes);
  return {};
}

Status FabricEndpoint::SetPeer(std::string_view address) {
  // libfabric takes an address's length from its content, which the peer chose: zeros follow it.
  std::array<char, kAddressCapacity> name{};
  if (address.size() > name.size() / 2) return Status::Refused("the fabric address is too long");
  std::ranges::copy(address, name.begin());
  const int inserted = fi_av_insert(addresses_.get(), name.data(), 1, &peer_, 0, nullptr);
  if (inserted != 1) return Status::Refused("libfabric does not take the peer's address");
  return {};
}

Status FabricEndpoint::Post(std::unique_ptr<FabricBatch> batch) {
  Batches ended;
  bool waits;
  {
    const std::lock_guard lock(mutex_);
    if (is_closed_) {
      batch->local_memory->Release(this);
      return Status::PeerLost("the connection is closed");
    }
    batches_.push_back(std::move(batch));
    PostWaiting();
    waits = !batches_.back()->is_posted();
    TakeEnded(&ended);
  }
  Announce(std::move(ended));
  // Its thread sleeps on the queue's descriptor; pieces that libfabric did not take need it sooner.
  if (waits || descriptor_ < 0) domain_->Wake();
  return {};
}

void FabricEndpoint::PostWaiting() {
  for (const auto& batch : batches_) {
    while (!batch->is_posted()) {
      if (!PostPiece(batch.get())) return;
    }
  }
}

// False if libfabric can take no more for the moment.
bool FabricEndpoint::PostPiece(FabricBatch* batch) {
  const Slice& slice = batch->slices[batch->next];
  const uint64_t limit = std::min<uint64_t>(kLongestPiece, domain_->info()->ep_attr->max_msg_size);
  const uint64_t nbytes = std::min(slice.nbytes - batch->offset, limit);
  char* local = batch->local + slice.local_offset + batch->offset;
  const uint64_t remote = batch->remote.address + slice.remote_offset + batch->offset;
  if (nbytes > 0) {
    void* descriptor = batch->local_memory->descriptor();
    const ssize_t result = batch->is_write ? fi_write(endpoint_.get(), local, nbytes, descriptor,
                                                      peer_, remote, batch->remote.key, batch)
                                           : fi_read(endpoint_.get(), local, nbytes, descriptor,
                                                     peer_, remote, batch->remote.key, batch);
    if (result == -FI_EAGAIN) {
      if (under_way_ == 0 && refused_since_ns_ == 0) refused_since_ns_ = MonotonicNs();
      return false;
    }
    refused_since_ns_ = 0;
    if (result != 0) {
      batch->status = Status::PeerLost(domain_->library().Explain("posting an operation", result));
      return true;
    }
    ++batch->under_way;
    ++under_way_;
  }
  batch->offset += nbytes;
  if (batch->offset == slice.nbytes) {
    ++batch->next;
    batch->offset = 0;
  }
  return true;
}

bool FabricEndpoint::Drive() {
  Batches ended;
  int taken;
  {
    const std::lock_guard lock(mutex_);
    if (is_closed_) return false;
    taken = TakeCompletions();
    PostWaiting();
    GiveUpIfUnreachable();
    TakeEnded(&ended);
  }
  Announce(std::move(ended));
  return taken > 0;
}

void FabricEndpoint::GiveUpIfUnreachable() {
  // libfabric makes its connection at the first operation, and tries again for ever.
  const double limit_s = domain_->kind().reachable_s;
  if (refused_since_ns_ == 0) return;
  if (static_cast<double>(MonotonicNs() - refused_since_ns_) < limit_s * 1e9) return;
  refused_since_ns_ = 0;
  for (const auto& batch : batches_) {
    if (batch->is_posted()) continue;
    batch->status = Status::PeerLost("libfabric did not reach the peer in time");
  }
}

int FabricEndpoint::TakeCompletions() {
  std::array<fi_cq_entry, 64> entries;
  const ssize_t count = fi_cq_read(queue_.get(), entries.data(), entries.size());
  if (count == -FI_EAVAIL) {
    TakeError();
    return 1;
  }
  for (ssize_t i = 0; i < count; ++i) {
    if (auto* batch = static_cast<FabricBatch*>(entries[static_cast<size_t>(i)].op_context)) {
      --batch->under_way;
      --under_way_;
    }
  }
  return static_cast<int>(std::max<ssize_t>(count, 0));
}

void FabricEndpoint::TakeError() {
  fi_cq_err_entry error{};
  if (fi_cq_readerr(queue_.get(), &error, 0) != 1 || !error.op_context) return;
  auto* batch = static_cast<FabricBatch*>(error.op_context);
  --batch->under_way;
  --under_way_;
  if (!batch->status.ok()) return;
  std::array<char, 128> text{};
  const char* detail =
      fi_cq_strerror(queue_.get(), error.prov_errno, error.err_data, text.data(), text.size());
  const std::string why = domain_->library().Explain("the fabric", -error.err) +
                          (detail && *detail ? std::string(", ") + detail : "");
  batch->status = IsRefusal(error.err) ? Status::Refused(why) : Status::PeerLost(why);
}

void FabricEndpoint::TakeEnded(Batches* ended) {
  for (auto batch = batches_.begin(); batch != batches_.end();) {
    const auto next = std::next(batch);
    const bool is_ended = (*batch)->is_posted() && (*batch)->under_way == 0;
    if (is_ended) ended->splice(ended->end(), batches_, batch);
    batch = next;
  }
}

void FabricEndpoint::Announce(Batches ended) {
  for (const auto& batch : ended) {
    batch->local_memory->Release(this);
    batch->done(std::move(batch->status));
  }
}

FabricEndpoint::Sleep FabricEndpoint::PrepareToSleep(int* descriptor) {
  const std::lock_guard lock(mutex_);
  *descriptor = descriptor_;
  if (is_closed_) return Sleep::kByTime;
  // What libfabric did not take is tried again soon: a connection that is being made says nothing.
  const bool waits = !batches_.empty() && !batches_.back()->is_posted();
  if (descriptor_ < 0) return Sleep::kByTime;
  fid* queue = &queue_->fid;
  if (fi_trywait(domain_->fabric(), &queue, 1) != FI_SUCCESS) return Sleep::kNotNow;
  return waits ? Sleep::kByTime : Sleep::kByDescriptor;
}

void FabricEndpoint::Close() {
  if (generation_ != ProcessGeneration()) return;  // In a forked child all of it is the parent's.
  Batches left;
  {
    const std::lock_guard lock(mutex_);
    if (is_closed_) return;
    is_closed_ = true;
    endpoint_.Close();
    queue_.Close();
    addresses_.Close();
    left.swap(batches_);
  }
  domain_->Unlist(this);
  for (const auto& batch : left) {
    if (batch->status.ok()) batch->status = Status::PeerLost("the connection is closed");
  }
  Announce(std::move(left));
}

}  // namespace mlperf::transfer
