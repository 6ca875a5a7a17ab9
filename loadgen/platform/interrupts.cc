#include "platform/interrupts.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <thread>

namespace mlperf::loadgen {
namespace {

constexpr int kSignalEnd = 32;  // Above all signals that are handled here.

// What the handler works with; set before it is installed.
std::atomic<RunControl*> running_control{nullptr};  // None: no test runs.
std::atomic<int> received_signal{0};
// How many handlers use the two above just now. A thread may be held up in its handler for any
// time, while another one ends the test.
std::atomic<int> handlers_inside{0};
std::atomic<Interrupts::Hook> first_hook{nullptr};
std::array<struct sigaction, kSignalEnd> previous_actions;
pid_t owner = 0;

bool IsFunction(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 ||
         (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
}

const struct sigaction& PreviousAction(int signal) {
  return previous_actions[static_cast<size_t>(signal)];
}

void CallPrevious(int signal, siginfo_t* info, void* context) {
  const struct sigaction& previous = PreviousAction(signal);
  if (!IsFunction(previous)) return;
  if ((previous.sa_flags & SA_SIGINFO) != 0) return previous.sa_sigaction(signal, info, context);
  previous.sa_handler(signal);
}

// Does with the signal what would have been done without the test, once the handler returns.
void SendAgain(int signal, const struct sigaction& action) {
  sigaction(signal, &action, nullptr);
  raise(signal);
}

enum class SignalFate {
  kFirst,
  kSecond,
  kTooLate,  // The test has ended.
  kForked,   // A child of the process has no part in the test.
};

// Ends the test if this is its first signal. Calls nothing that might not return.
SignalFate EndTest(int signal) {
  if (getpid() != owner) return SignalFate::kForked;
  int none = 0;
  SignalFate fate = SignalFate::kTooLate;
  ++handlers_inside;
  if (RunControl* control = running_control.load()) {
    const bool first = received_signal.compare_exchange_strong(none, signal);
    if (first) control->RequestStop(StopCause::kInterrupt);
    fate = first ? SignalFate::kFirst : SignalFate::kSecond;
  }
  --handlers_inside;
  return fate;
}

// Only calls what a signal handler may call.
void OnSignal(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  switch (EndTest(signal)) {
    case SignalFate::kFirst:
      CallPrevious(signal, info, context);
      if (const Interrupts::Hook hook = first_hook.load()) hook(signal);
      break;
    case SignalFate::kSecond: {
      struct sigaction at_once = {};
      at_once.sa_handler = SIG_DFL;
      SendAgain(signal, at_once);
      break;
    }
    case SignalFate::kTooLate:
      if (IsFunction(PreviousAction(signal))) {
        CallPrevious(signal, info, context);
        break;
      }
      [[fallthrough]];
    case SignalFate::kForked:
      SendAgain(signal, PreviousAction(signal));
      break;
  }
  errno = saved_errno;
}

bool HasDefaultAction(int signal) {
  struct sigaction action;
  return sigaction(signal, nullptr, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 &&
         action.sa_handler == SIG_DFL;
}

void SetHandler(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  sigaction(signal, &action, nullptr);
}

}  // namespace

std::vector<int> UnhandledInterrupts() {
  std::vector<int> signals;
  for (const int signal : {SIGINT, SIGTERM}) {
    if (HasDefaultAction(signal)) signals.push_back(signal);
  }
  return signals;
}

InterruptScope::InterruptScope(Interrupts* interrupts, RunControl* control)
    : interrupts_(interrupts), ignores_file_size_(HasDefaultAction(SIGXFSZ)) {
  if (ignores_file_size_) SetHandler(SIGXFSZ, SIG_IGN);
  interrupts_->received_ = 0;
  running_control = control;
  received_signal = 0;
  first_hook = interrupts_->hook_;
  if (owner != getpid()) handlers_inside = 0;  // Those of the process that this was forked from.
  owner = getpid();
  for (const int signal : interrupts_->signals_) {
    struct sigaction ours = {};
    ours.sa_sigaction = OnSignal;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(signal, nullptr, &previous_actions[static_cast<size_t>(signal)]);
    sigaction(signal, &ours, nullptr);
  }
}

InterruptScope::~InterruptScope() {
  for (const int signal : interrupts_->signals_) {
    struct sigaction current;
    sigaction(signal, nullptr, &current);
    const bool ours = (current.sa_flags & SA_SIGINFO) != 0 && current.sa_sigaction == OnSignal;
    if (ours) sigaction(signal, &previous_actions[static_cast<size_t>(signal)], nullptr);
  }
  running_control = nullptr;
  while (handlers_inside > 0) std::this_thread::yield();
  interrupts_->received_ = received_signal;
  if (ignores_file_size_) SetHandler(SIGXFSZ, SIG_DFL);
}

}  // namespace mlperf::loadgen
