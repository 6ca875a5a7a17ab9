// SIGINT and SIGTERM while a test runs: the first ends the test, a second one the process.
#ifndef MLPERF_LOADGEN_PLATFORM_INTERRUPTS_H_
#define MLPERF_LOADGEN_PLATFORM_INTERRUPTS_H_

#include <utility>
#include <vector>

#include "platform/run_control.h"

namespace mlperf::loadgen {

// Which signals end a test. One object serves one test at a time.
class Interrupts {
 public:
  // Called by the signal handler with the first signal, after the handler that was there before.
  using Hook = void (*)(int signal);

  explicit Interrupts(std::vector<int> signals, Hook hook = nullptr)
      : signals_(std::move(signals)), hook_(hook) {}

  // The signal that ended the test; 0: none.
  int received() const { return received_; }

 private:
  friend class InterruptScope;
  std::vector<int> signals_;
  Hook hook_;
  int received_ = 0;
};

// Those of SIGINT and SIGTERM that would end the process: they are neither handled nor ignored.
std::vector<int> UnhandledInterrupts();

// Handles the signals for a scope, on behalf of the only running test of the process, and then
// restores what was there before, unless it was changed meanwhile. A write beyond the limit of
// file sizes becomes an error of the file within the scope, where it would end the process.
class InterruptScope {
 public:
  InterruptScope(Interrupts* interrupts, RunControl* control);
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  Interrupts* interrupts_;
  bool ignores_file_size_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_PLATFORM_INTERRUPTS_H_
