#include "lane_server.h"

#include <utility>

#include "quiet_thread.h"

namespace mlperf::network {

LaneServer::LaneServer(std::shared_ptr<HostedSystem> system)
    : system_(std::move(system)),
      door_(&system_->poller,
            [this](const std::string& secret, transfer::Descriptor socket, ForeignArena arena) {
              Open(secret, std::move(socket), std::move(arena));
            }) {
  thread_ = StartQuietThread([this] {
    while (!is_stopping_) {
      system_->poller.Wait(-1);
      system_->work.LetWorkerGoFirst();
    }
  });
}

LaneServer::~LaneServer() {
  EndRun();
  is_stopping_ = true;
  system_->poller.Wake();
  thread_.join();
}

void LaneServer::BeginRun(std::string secret, LaneLimits limits) {
  EndRun();
  std::lock_guard<std::mutex> lock(mutex_);
  secret_ = secret;
  limits_ = limits;
  door_.Expect(std::move(secret));
}

void LaneServer::EndRun() {
  std::shared_ptr<NodeLane> ended;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    door_.Expect("");
    secret_.clear();
    ended = std::move(lane_);
  }
  if (ended != nullptr) ended->Close();
  std::lock_guard<std::mutex> lock(end_mutex_);
  ++run_;
  end_.reset();
  end_came_.Lower();
}

// The first that proves the secret has the lane; the secret is of no use to others then.
void LaneServer::Open(const std::string& secret, transfer::Descriptor socket, ForeignArena arena) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (secret_.empty() || secret != secret_) return;
  uint64_t run;
  {
    std::lock_guard<std::mutex> end_lock(end_mutex_);
    run = run_;
  }
  lane_ = std::make_shared<NodeLane>(system_, std::move(socket), std::move(arena), limits_,
                                     [this, run](LaneEnd end) { Report(run, std::move(end)); });
  secret_.clear();
  door_.Expect("");
  lane_->Open();
}

void LaneServer::Report(uint64_t run, LaneEnd end) {
  std::lock_guard<std::mutex> lock(end_mutex_);
  if (run != run_ || end_.has_value()) return;
  end_ = std::move(end);
  end_came_.Raise();
}

std::shared_ptr<NodeLane> LaneServer::lane() {
  std::lock_guard<std::mutex> lock(mutex_);
  return lane_;
}

int64_t LaneServer::last_received_ns() {
  const std::shared_ptr<NodeLane> current = lane();
  return current != nullptr ? current->last_received_ns() : 0;
}

bool LaneServer::WaitForEnd(int timeout_ms) {
  const std::shared_ptr<NodeLane> current = lane();
  return current == nullptr || current->WaitForEnd(timeout_ms);
}

std::optional<LaneEnd> LaneServer::TakeEnd() {
  std::lock_guard<std::mutex> lock(end_mutex_);
  end_came_.Lower();
  return std::exchange(end_, std::nullopt);
}

}  // namespace mlperf::network
