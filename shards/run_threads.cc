#include "run_threads.h"

#include <system_error>
#include <thread>
#include <vector>

namespace mlperf::shards {

void RunThreads(size_t count, const std::function<void()>& work) {
  std::vector<std::thread> threads;
  try {
    for (size_t i = 1; i < count; ++i) threads.emplace_back(work);
  } catch (const std::system_error&) {
  }
  if (count != 0) work();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace mlperf::shards
