#include "lane_dispatcher.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "loadgen.h"
#include "platform/clock.h"

namespace mlperf::network {
namespace {

// More parcels than this are not worth a call of the kernel each: they are gathered for a while.
constexpr int64_t kHighPacePerS = 45'000;
constexpr long kGatherNs = 100'000;
constexpr size_t kGatheredBytes = 32 << 10;
// The thread that issues writes as much itself; more would make its next query late.
constexpr size_t kIssuerBytes = 64 << 10;
constexpr size_t kReaderBytes = 4 << 20;  // At a time, so that answers come through.
constexpr uint64_t kParcelBytes = 4 << 20;
constexpr size_t kManyRows = 16'384;
constexpr int kMostReads = 16;
constexpr size_t kMostAnswers = 256;  // At a time, so that no issuing thread waits for long.

int64_t NowNs() { return loadgen::MonotonicClock().NowNs(); }

}  // namespace

LaneDispatcher::LaneDispatcher(size_t node_count, DispatchLimits limits, Balance balance,
                               uint64_t most_prepared_bytes)
    : backlog_(limits),
      limits_(limits),
      most_prepared_bytes_(most_prepared_bytes),
      prepared_(most_prepared_bytes),
      fleet_(node_count, limits, balance),
      pace_(kHighPacePerS) {
  thread_ = std::thread([this] { Run(); });
}

LaneDispatcher::~LaneDispatcher() { Stop(); }

// ---- Nodes -------------------------------------------------------------------------------------

void LaneDispatcher::Open(uint32_t number, std::string address, transfer::Descriptor socket,
                          uint64_t max_payload_bytes, uint64_t max_answer_bytes, bool sees_arena) {
  Lock lock(mutex_);
  LaneNode& node = fleet_.nodes()[number];
  node.address = std::move(address);
  node.max_payload_bytes = max_payload_bytes;
  node.connection =
      std::make_shared<LaneConnection>(std::move(socket), max_answer_bytes, sees_arena);
  node.is_usable = true;
  WakeReader();
}

std::vector<uint64_t> LaneDispatcher::Lose(uint32_t number) {
  Lock lock(mutex_);
  LaneNode& node = fleet_.nodes()[number];
  if (node.connection) shutdown(node.connection->socket.get(), SHUT_RDWR);
  node.connection.reset();
  node.is_usable = false;
  node.outstanding = 0;
  node.outstanding_bytes = 0;
  WakeReader();
  return slots_.ReleaseAll(number);
}

void LaneDispatcher::SetClockOffset(uint32_t node, int64_t offset_ns) {
  Lock lock(mutex_);
  fleet_.nodes()[node].clock_offset_ns = offset_ns;
}

uint64_t LaneDispatcher::AnsweredBy(uint32_t node) const {
  Lock lock(mutex_);
  return fleet_.nodes()[node].answered;
}

// ---- Queries -----------------------------------------------------------------------------------

void LaneDispatcher::Issue(const QuerySample* samples, size_t count) {
  Lock lock(mutex_);
  if (has_ceased_ || count == 0) return;
  backlog_.Push(samples, count, NowNs());
  if (is_blocked_ || wants_payload_) return;
  DispatchLocked();
  WriteNow(&lock);
}

void LaneDispatcher::Flush() {
  Lock lock(mutex_);
  is_flushing_ = true;
  DispatchLocked();
  WriteAll(&lock, kIssuerBytes);
}

void LaneDispatcher::Dispatch() {
  Lock lock(mutex_);
  DispatchLocked();
  WriteNow(&lock);
}

void LaneDispatcher::DispatchLocked() {
  is_blocked_ = wants_payload_ = false;
  while (!backlog_.empty() && !has_ceased_) {
    if (!fleet_.HasUsable()) {
      FailBacklog();
    } else if (!SendNext()) {
      return;
    }
  }
  if (std::exchange(is_flushing_, false) && !has_ceased_) FlushNodes();
}

// False if the backlog has to wait.
bool LaneDispatcher::SendNext() {
  const size_t together = backlog_.Together();
  const size_t able = fleet_.CountWithRoom(together);
  is_blocked_ = able == 0;
  if (is_blocked_) return false;
  const uint32_t number = fleet_.Choose(together);
  const LaneNode& node = fleet_.nodes()[number];
  wants_payload_ = !Pack(node, backlog_.ShareFor(node.outstanding, able), together);
  if (wants_payload_) {
    report_.Raise();
    return false;
  }
  fleet_.Turn();
  Commit(number);
  return true;
}

// Fills the parcel with at most `most` samples. False if a payload is missing without which none
// may go.
bool LaneDispatcher::Pack(const LaneNode& node, size_t most, size_t together) {
  const uint64_t most_bytes =
      std::min(limits_.payload_bytes - node.outstanding_bytes, kParcelBytes);
  parcel_.samples.clear();
  parcel_.bytes = 0;
  for (size_t count = 0; count < most;) {
    auto sample = prepared_.Find(backlog_[count].index);
    if (!sample) return count > 0 && backlog_.MayEndAfter(count, parcel_.bytes, together);
    const bool is_sent = sample->refusal.empty() && sample->payload_bytes <= node.max_payload_bytes;
    if (is_sent) parcel_.bytes += sample->payload_bytes;
    parcel_.samples.push_back(std::move(sample));
    ++count;
    if (parcel_.bytes >= most_bytes && backlog_.MayEndAfter(count, parcel_.bytes, together)) break;
  }
  return true;
}

// Gives the parcel to the node.
void LaneDispatcher::Commit(uint32_t number) {
  LaneNode& node = fleet_.nodes()[number];
  const int64_t now_ns = NowNs();
  const size_t count = parcel_.samples.size();
  pace_.Add(1, now_ns);
  std::vector<size_t> places;
  places.reserve(count);
  for (size_t place = 0; place < count; ++place) {
    std::string refusal = RefusalOf(node, place);
    prepared_.Use(backlog_[place].index, *parcel_.samples[place]);
    if (refusal.empty()) {
      places.push_back(place);
    } else {
      Report({LaneEventKind::kRefused, number, {backlog_[place].id}, std::move(refusal)});
    }
  }
  for (size_t i = 0; i < places.size(); ++i) {
    const loadgen::QueuedSample& sample = backlog_[places[i]];
    const auto& prepared = parcel_.samples[places[i]];
    const bool ends_query = i + 1 == places.size() || backlog_[places[i + 1]].query != sample.query;
    std::shared_ptr<const void> read_there = prepared->block ? prepared : nullptr;
    const uint64_t key =
        slots_.Occupy(number, sample, prepared->payload_bytes, now_ns, std::move(read_there));
    node.connection->Add(key, sample.index, ends_query, prepared);
  }
  node.outstanding += places.size();
  node.outstanding_bytes += parcel_.bytes;
  backlog_.Drop(count);
}

// Why a sample of the parcel is not sent; empty if it is.
std::string LaneDispatcher::RefusalOf(const LaneNode& node, size_t place) const {
  const PreparedSample& sample = *parcel_.samples[place];
  if (!sample.refusal.empty()) return node.address + ": " + sample.refusal;
  if (sample.payload_bytes <= node.max_payload_bytes) return "";
  return node.address + ": sample " + std::to_string(backlog_[place].index) + " has " +
         std::to_string(sample.payload_bytes) + " bytes, more than the " +
         std::to_string(node.max_payload_bytes) +
         " the node takes: serve with a higher max_payload_bytes";
}

void LaneDispatcher::FailBacklog() {
  LaneEvent event{LaneEventKind::kRefused, 0, {}, "no node is left to send it to"};
  for (size_t place = 0; place < backlog_.size(); ++place) {
    event.ids.push_back(backlog_[place].id);
  }
  backlog_.Drop(backlog_.size());
  Report(std::move(event));
}

void LaneDispatcher::FlushNodes() {
  for (LaneNode& node : fleet_.nodes()) {
    if (node.is_usable) node.connection->AddFlush();
  }
  if (!keeps_payloads_) prepared_.Clear();
}

// ---- Payloads ----------------------------------------------------------------------------------

std::vector<uint64_t> LaneDispatcher::Wanted(size_t most) const {
  Lock lock(mutex_);
  std::vector<uint64_t> wanted;
  if (!wants_payload_ || has_ceased_) return wanted;
  for (size_t place = 0; place < backlog_.size() && wanted.size() < most; ++place) {
    const uint64_t index = backlog_[place].index;
    if (place > 16 * most) break;
    if (prepared_.Find(index) || std::ranges::find(wanted, index) != wanted.end()) continue;
    wanted.push_back(index);
  }
  return wanted;
}

bool LaneDispatcher::Prepare(uint64_t index, std::string_view layout,
                             const std::vector<PreparedSamples::Part>& parts,
                             uint64_t payload_bytes) {
  const std::shared_ptr<Arena> shared = arena(false);
  auto sample = PreparedSamples::Make(layout, parts, payload_bytes, shared.get());
  Lock lock(mutex_);
  return prepared_.Put(index, std::move(sample));
}

std::shared_ptr<Arena> LaneDispatcher::arena(bool make) {
  Lock lock(mutex_);
  if (!arena_ && make) {
    // Without it payloads are sent.
    const transfer::Status made = Arena::Make(most_prepared_bytes_, &arena_);
    if (!made.ok()) arena_ = nullptr;
  }
  return arena_;
}

void LaneDispatcher::Refuse(uint64_t index, std::string reason) {
  Lock lock(mutex_);
  prepared_.Refuse(index, std::move(reason));
}

void LaneDispatcher::KeepPayloads() {
  Lock lock(mutex_);
  keeps_payloads_ = true;
}

void LaneDispatcher::ForgetPayloads() {
  Lock lock(mutex_);
  keeps_payloads_ = false;
  prepared_.Clear();
}

// ---- Reports -----------------------------------------------------------------------------------

void LaneDispatcher::Report(LaneEvent event) {
  events_.push_back(std::move(event));
  report_.Raise();
}

std::vector<LaneEvent> LaneDispatcher::TakeEvents() {
  Lock lock(mutex_);
  report_.Lower();
  return std::exchange(events_, {});
}

std::vector<TimingRow> LaneDispatcher::TakeRows() {
  Lock lock(mutex_);
  std::vector<TimingRow> rows;
  if (rows_.size() >= kManyRows) rows.reserve(rows_.capacity());
  std::swap(rows, rows_);
  return rows;
}

// ---- Writing -----------------------------------------------------------------------------------

void LaneDispatcher::MarkSent(LaneConnection* lane) {
  const int64_t now_ns = NowNs();
  for (const uint64_t key : lane->pending_keys) slots_.MarkSent(key, now_ns);
  lane->pending_keys.clear();
}

void LaneDispatcher::WriteNow(Lock* lock) {
  if (!pace_.IsHigh(NowNs())) return WriteAll(lock, kIssuerBytes);
  WakeReader();  // It writes what was gathered for a while, unless it is enough sooner.
  for (uint32_t number = 0; number < fleet_.nodes().size(); ++number) {
    const Lane& lane = fleet_.nodes()[number].connection;
    if (lane && lane->pending.bytes() >= kGatheredBytes) Write(lock, number, kIssuerBytes);
  }
}

void LaneDispatcher::WriteAll(Lock* lock, size_t most_bytes) {
  for (uint32_t number = 0; number < fleet_.nodes().size(); ++number) {
    Write(lock, number, most_bytes);
  }
}

// Writes what waits for a node, unless another thread is at it, which then writes this as well.
void LaneDispatcher::Write(Lock* lock, uint32_t number, size_t most_bytes) {
  const Lane lane = fleet_.nodes()[number].connection;
  if (!lane || lane->is_writing || lane->is_full || lane->is_broken) return;
  lane->is_writing = true;
  while (!lane->writing.empty() || !lane->pending.empty()) {
    if (lane->writing.empty()) {
      MarkSent(lane.get());
      std::swap(lane->writing, lane->pending);
    }
    lock->unlock();
    const WriteEnd end = lane->writing.WriteTo(lane->socket.get(), most_bytes);
    lock->lock();
    lane->is_broken = end == WriteEnd::kBroken;  // Reading says why.
    lane->is_full = end == WriteEnd::kFull;
    if (end != WriteEnd::kDone) break;
  }
  lane->is_writing = false;
  if (lane->is_full) WakeReader();
}

// ---- The dispatcher's thread -------------------------------------------------------------------

void LaneDispatcher::WakeReader() {
  if (reader_sleeps_) wake_.Raise();
}

void LaneDispatcher::Run() {
  prctl(PR_SET_TIMERSLACK, 1);
  while (Wait()) {
    for (size_t i = 0; i < watched_.size(); ++i) {
      const auto& [number, lane] = watched_[i];
      if (polled_[i + 1].revents & ~POLLOUT) Read(number, lane);
    }
    Lock lock(mutex_);
    for (size_t i = 0; i < watched_.size(); ++i) {
      if (polled_[i + 1].revents & POLLOUT) watched_[i].second->is_full = false;
    }
    if (is_blocked_) DispatchLocked();
    WriteAll(&lock, kReaderBytes);
  }
}

// Until there is something to do. False: the thread is to end.
bool LaneDispatcher::Wait() {
  bool gathers;
  {
    Lock lock(mutex_);
    wake_.Lower();
    if (is_stopping_) return false;
    gathers = pace_.IsHigh(NowNs());
    reader_sleeps_ = !gathers;
    polled_.assign(1, {wake_.fd(), POLLIN, 0});
    watched_.clear();
    for (uint32_t number = 0; number < fleet_.nodes().size(); ++number) {
      const Lane& lane = fleet_.nodes()[number].connection;
      if (!lane || lane->has_ended) continue;
      watched_.emplace_back(number, lane);
      const short wanted = lane->is_full ? POLLIN | POLLOUT : POLLIN;
      polled_.push_back({lane->socket.get(), wanted, 0});
    }
  }
  if (gathers) {
    const timespec while_ns = {0, kGatherNs};
    nanosleep(&while_ns, nullptr);
  }
  poll(polled_.data(), polled_.size(), gathers ? 0 : -1);
  Lock lock(mutex_);
  reader_sleeps_ = false;
  return !is_stopping_;
}

void LaneDispatcher::Read(uint32_t number, const Lane& lane) {
  for (int i = 0; i < kMostReads; ++i) {
    const std::span<std::byte> room = lane->reader.Room();
    const ssize_t size = recv(lane->socket.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (size <= 0) return Break(number, lane, "the connection was closed");
    const int64_t received_ns = NowNs();
    lane->reader.Filled(static_cast<size_t>(size));
    while (TakeBatch(number, lane, received_ns)) {
    }
    if (!lane->reader.fault().empty()) {
      return Break(number, lane, "it sent what cannot be read: " + lane->reader.fault());
    }
    if (static_cast<size_t>(size) < room.size()) return;
  }
}

// Some of the answers that are there. False if there were none, or they are not wanted.
bool LaneDispatcher::TakeBatch(uint32_t number, const Lane& lane, int64_t received_ns) {
  batch_.clear();
  for (Received<AnswerRecord> answer; batch_.size() < kMostAnswers && lane->reader.Next(&answer);) {
    batch_.push_back(std::move(answer));
  }
  if (batch_.empty()) return false;
  taken_.Clear();
  {
    Lock lock(mutex_);
    LaneNode& node = fleet_.nodes()[number];
    if (has_ceased_ || node.connection != lane) return false;  // It is lost, with what it had.
    TakeAnswers(batch_, number, received_ns, &node, &slots_, &taken_);
    const int64_t completed_ns = NowNs();
    for (TimingRow& row : taken_.rows) row.completed_ns = completed_ns;
    rows_.insert(rows_.end(), taken_.rows.begin(), taken_.rows.end());
    for (LaneEvent& event : taken_.events) Report(std::move(event));
    if (rows_.size() >= kManyRows) report_.Raise();
  }
  if (!taken_.first_tokens.empty()) {
    FirstTokenComplete(taken_.first_tokens.data(), taken_.first_tokens.size());
  }
  if (!taken_.completions.empty()) {
    QuerySamplesComplete(taken_.completions.data(), taken_.completions.size());
  }
  return true;
}

void LaneDispatcher::Break(uint32_t number, const Lane& lane, const std::string& why) {
  Lock lock(mutex_);
  lane->is_broken = lane->has_ended = true;
  if (fleet_.nodes()[number].connection == lane) {
    Report({LaneEventKind::kBroken, number, {}, why});
  }
}

// ---- The end -----------------------------------------------------------------------------------

void LaneDispatcher::Cease() {
  Lock lock(mutex_);
  has_ceased_ = true;
}

void LaneDispatcher::Finish() {
  Lock lock(mutex_);
  has_ceased_ = true;
  for (const LaneNode& node : fleet_.nodes()) {
    if (node.connection) shutdown(node.connection->socket.get(), SHUT_WR);
  }
}

void LaneDispatcher::Stop() {
  {
    Lock lock(mutex_);
    has_ceased_ = is_stopping_ = true;
    wake_.Raise();
  }
  if (thread_.joinable()) thread_.join();
  Lock lock(mutex_);
  for (LaneNode& node : fleet_.nodes()) {
    node.connection.reset();
    node.is_usable = false;
  }
}

}  // namespace mlperf::network
