#include "serve/served_samples.h"

#include <algorithm>
#include <utility>

#include "platform/clock.h"

namespace mlperf::loadgen {
namespace {

ServedRow RowOf(const OutstandingSample& sample, ServedEvent event, int64_t now_ns,
                int64_t n_tokens, size_t size) {
  return {sample.key,
          event,
          now_ns,
          n_tokens,
          static_cast<uint64_t>(size),
          sample.index,
          sample.received_ns,
          sample.issued_ns};
}

}  // namespace

ResponseId ServedSamples::Admit(const AdmittedSample* samples, size_t count) {
  std::lock_guard<std::mutex> lock(mutex_);
  const uint64_t first = next_;
  next_ += count;
  for (size_t i = 0; i < count; ++i) {
    const auto& [key, index, received_ns] = samples[i];
    outstanding_.Insert({first + i, key, index, received_ns});
  }
  return first;
}

bool ServedSamples::MarkIssued(ResponseId first, size_t count, int64_t now_ns) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (first < first_of_run_) return false;
  for (size_t i = 0; i < count; ++i) {
    if (OutstandingSample* sample = outstanding_.Find(first + i)) sample->issued_ns = now_ns;
  }
  return true;
}

bool ServedSamples::IsOutstanding(ResponseId id) {
  std::lock_guard<std::mutex> lock(mutex_);
  const OutstandingSample* sample = outstanding_.Find(id);
  return sample != nullptr && !sample->is_claimed;
}

std::vector<ResponseId> ServedSamples::IssuedIds() {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<ResponseId> ids;
  outstanding_.ForEach([&](const OutstandingSample& sample) {
    if (sample.issued_ns != 0 && !sample.is_claimed) ids.push_back(sample.id);
  });
  std::sort(ids.begin(), ids.end());
  return ids;
}

void ServedSamples::Clear() {
  std::lock_guard<std::mutex> lock(mutex_);
  outstanding_.Clear();
  first_of_run_ = next_;
  is_open_ = false;
  outlet_ = nullptr;
  ready_ = {};
  wake_.Lower();
}

void ServedSamples::Open() {
  std::lock_guard<std::mutex> lock(mutex_);
  is_open_ = true;
}

void ServedSamples::SetOutlet(std::shared_ptr<ServedOutlet> outlet) {
  std::lock_guard<std::mutex> lock(mutex_);
  outlet_ = std::move(outlet);
}

ServedRows ServedSamples::Take() {
  std::lock_guard<std::mutex> lock(mutex_);
  wake_.Lower();
  return std::exchange(ready_, {});
}

bool ServedSamples::Claim(ResponseId id) {
  std::unique_lock<std::mutex> lock(mutex_);
  OutstandingSample* sample = outstanding_.Find(id);
  if (sample != nullptr && !sample->is_claimed) {
    sample->is_claimed = true;
    return true;
  }
  if (id >= next_ || id == kResponseIdReserved) {
    AddText(ServedEvent::kFault,
            "completed a sample with response id " + std::to_string(id) +
                ", which no query has: answer with the ids given to issue_query",
            &lock);
  } else if (id >= first_of_run_) {
    AddText(ServedEvent::kFault, "completed a sample twice: complete each sample exactly once",
            &lock);
  }
  return false;
}

bool ServedSamples::Release(ResponseId id, OutstandingSample* sample) {
  OutstandingSample* found = outstanding_.Find(id);
  if (found == nullptr) return false;
  *sample = *found;
  outstanding_.Erase(found);
  return true;
}

void ServedSamples::Complete(const QuerySampleResponse& response, int64_t now_ns) {
  std::unique_lock<std::mutex> lock(mutex_);
  OutstandingSample sample;
  if (!Release(response.id, &sample)) return;
  const bool readable = response.data != 0;
  if (!readable && response.size > 0) {
    AddText(ServedEvent::kFault,
            "a response of size above 0 has its data at address 0; it was sent without", &lock);
    if (!lock.owns_lock()) lock.lock();
  }
  Add(RowOf(sample, ServedEvent::kCompleted, now_ns, response.n_tokens,
            readable ? response.size : 0),
      reinterpret_cast<const void*>(response.data), &lock);
}

void ServedSamples::Fail(ResponseId id, const std::string& reason, int64_t now_ns) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (id == kResponseIdReserved) return AddText(ServedEvent::kFault, reason, &lock);
  OutstandingSample sample;
  if (!Release(id, &sample)) return;
  Add(RowOf(sample, ServedEvent::kFailed, now_ns, 0, reason.size()), reason.data(), &lock);
}

void ServedSamples::FirstToken(const QuerySampleResponse& response, int64_t now_ns) {
  std::unique_lock<std::mutex> lock(mutex_);
  const OutstandingSample* found = outstanding_.Find(response.id);
  if (found == nullptr || found->is_claimed) {
    if (response.id < first_of_run_) return;
    return AddText(ServedEvent::kFault,
                   "reported the first token of a sample that is not outstanding: call "
                   "FirstTokenComplete once for each sample, before its completion",
                   &lock);
  }
  const size_t size = response.data == 0 ? 0 : response.size;
  Add(RowOf(*found, ServedEvent::kFirstToken, now_ns, response.n_tokens, size),
      reinterpret_cast<const void*>(response.data), &lock);
}

void ServedSamples::Abort() {
  std::unique_lock<std::mutex> lock(mutex_);
  AddText(ServedEvent::kAborted, "its system under test called AbortTest", &lock);
  if (lock.owns_lock()) lock.unlock();
  Publish();
}

std::shared_ptr<ServedOutlet> ServedSamples::outlet() {
  std::lock_guard<std::mutex> lock(mutex_);
  return outlet_;
}

void ServedSamples::Publish() {
  if (const std::shared_ptr<ServedOutlet> outlet = this->outlet()) outlet->Publish();
}

void ServedSamples::Flush() {
  if (const std::shared_ptr<ServedOutlet> outlet = this->outlet()) outlet->Flush();
}

// An outlet is called without the lock, as it may write to a socket.
void ServedSamples::Add(const ServedRow& row, const void* data,
                        std::unique_lock<std::mutex>* lock) {
  if (const std::shared_ptr<ServedOutlet> outlet = outlet_) {
    lock->unlock();
    return outlet->Take(row, data);
  }
  ready_.rows.push_back(row);
  if (row.size > 0) ready_.bytes.append(static_cast<const char*>(data), row.size);
  wake_.Raise();
}

void ServedSamples::AddText(ServedEvent event, const std::string& text,
                            std::unique_lock<std::mutex>* lock) {
  if (!is_open_) return;
  Add({0, event, MonotonicClock().NowNs(), 0, text.size(), 0, 0, 0}, text.data(), lock);
}

}  // namespace mlperf::loadgen
