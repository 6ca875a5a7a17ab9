#include "serve/served_samples.h"

#include <utility>

#include "platform/clock.h"

namespace mlperf::loadgen {

ResponseId ServedSamples::Admit(const uint64_t* keys, size_t count) {
  std::lock_guard<std::mutex> lock(mutex_);
  const uint64_t first = next_;
  next_ += count;
  for (size_t i = 0; i < count; ++i) outstanding_.emplace(first + i, keys[i]);
  return first;
}

bool ServedSamples::IsOutstanding(ResponseId id) {
  std::lock_guard<std::mutex> lock(mutex_);
  return outstanding_.count(id) > 0;
}

void ServedSamples::Clear() {
  std::lock_guard<std::mutex> lock(mutex_);
  outstanding_.clear();
  claimed_.clear();
  first_of_run_ = next_;
  is_open_ = false;
  ready_ = {};
  wake_.Lower();
}

void ServedSamples::Open() {
  std::lock_guard<std::mutex> lock(mutex_);
  is_open_ = true;
}

ServedRows ServedSamples::Take() {
  std::lock_guard<std::mutex> lock(mutex_);
  wake_.Lower();
  return std::exchange(ready_, {});
}

bool ServedSamples::Claim(ResponseId id) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto node = outstanding_.extract(id);
  if (!node.empty()) {
    claimed_.insert(std::move(node));
    return true;
  }
  if (id >= next_ || id == kResponseIdReserved) {
    AddText(ServedEvent::kFault,
            "completed a sample with response id " + std::to_string(id) +
                ", which no query has: answer with the ids given to issue_query");
  } else if (id >= first_of_run_) {
    AddText(ServedEvent::kFault, "completed a sample twice: complete each sample exactly once");
  }
  return false;
}

void ServedSamples::Complete(const QuerySampleResponse& response, int64_t now_ns) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto node = claimed_.extract(response.id);
  if (node.empty()) return;  // Cleared meanwhile.
  const bool readable = response.data != 0;
  if (!readable && response.size > 0) {
    AddText(ServedEvent::kFault,
            "a response of size above 0 has its data at address 0; it was sent without");
  }
  Add({node.mapped(), ServedEvent::kCompleted, now_ns, response.n_tokens,
       readable ? response.size : 0},
      reinterpret_cast<const void*>(response.data));
}

void ServedSamples::Fail(ResponseId id, const std::string& reason, int64_t now_ns) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (id == kResponseIdReserved) return AddText(ServedEvent::kFault, reason);
  const auto node = claimed_.extract(id);
  if (node.empty()) return;
  Add({node.mapped(), ServedEvent::kFailed, now_ns, 0, reason.size()}, reason.data());
}

void ServedSamples::FirstToken(const QuerySampleResponse& response, int64_t now_ns) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = outstanding_.find(response.id);
  if (found == outstanding_.end()) {
    if (response.id >= first_of_run_) {
      AddText(ServedEvent::kFault,
              "reported the first token of a sample that is not outstanding: call "
              "FirstTokenComplete once for each sample, before its completion");
    }
    return;
  }
  const size_t size = response.data == 0 ? 0 : response.size;
  Add({found->second, ServedEvent::kFirstToken, now_ns, response.n_tokens, size},
      reinterpret_cast<const void*>(response.data));
}

void ServedSamples::Add(ServedRow row, const void* data) {
  ready_.rows.push_back(row);
  if (row.size > 0) ready_.bytes.append(static_cast<const char*>(data), row.size);
  wake_.Raise();
}

void ServedSamples::Abort() {
  std::lock_guard<std::mutex> lock(mutex_);
  AddText(ServedEvent::kAborted, "its system under test called AbortTest");
}

void ServedSamples::AddText(ServedEvent event, const std::string& text) {
  if (is_open_) Add({0, event, MonotonicClock().NowNs(), 0, text.size()}, text.data());
}

}  // namespace mlperf::loadgen
