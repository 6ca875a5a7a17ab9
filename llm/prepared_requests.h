// The requests of samples, made before the test, as they are sent.
#ifndef MLPERF_LLM_PREPARED_REQUESTS_H_
#define MLPERF_LLM_PREPARED_REQUESTS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mlperf::llm {

// All methods may be called from any thread.
class PreparedRequests {
 public:
  // `requests`: one for each server.
  void Put(uint64_t index, std::vector<std::string> requests) {
    const auto kept = std::make_shared<const std::vector<std::string>>(std::move(requests));
    const std::lock_guard lock(mutex_);
    requests_[index] = kept;
  }

  // Null: the sample was not prepared.
  std::shared_ptr<const std::string> Find(uint64_t index, uint32_t server) const {
    const std::lock_guard lock(mutex_);
    const auto found = requests_.find(index);
    if (found == requests_.end()) return nullptr;
    return {found->second, &(*found->second)[server]};
  }

  void Clear() {
    const std::lock_guard lock(mutex_);
    requests_.clear();
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, std::shared_ptr<const std::vector<std::string>>> requests_;
};

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_PREPARED_REQUESTS_H_
