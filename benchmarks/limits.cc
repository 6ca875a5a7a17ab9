// What this machine can do at best: the floor under every number of the load generator.
//
//   limits [DIRECTORY]
//
// Prints a Markdown table; a file is written to DIRECTORY (default: the current one) and deleted.
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr size_t kBlockBytes = 1 << 20;
constexpr int kRepeats = 5;

using Clock = std::chrono::steady_clock;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

void SleepUntilNs(int64_t due_ns) {
  std::this_thread::sleep_until(Clock::time_point(std::chrono::nanoseconds(due_ns)));
}

void PrintRow(const std::string& what, const std::string& value) {
  std::printf("| %s | %s |\n", what.c_str(), value.c_str());
  std::fflush(stdout);
}

void PrintNumber(const std::string& what, double value, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof text, "%.3g %s", value, unit);
  PrintRow(what, text);
}

void PrintDistribution(const std::string& what, std::vector<int64_t> values_ns) {
  std::sort(values_ns.begin(), values_ns.end());
  const auto at = [&](double quantile) {
    const auto i = static_cast<size_t>(quantile * static_cast<double>(values_ns.size()));
    return static_cast<double>(values_ns[std::min(i, values_ns.size() - 1)]) / 1e3;
  };
  char text[96];
  std::snprintf(text, sizeof text, "p50 %.2f, p99 %.2f, max %.0f us", at(0.5), at(0.99), at(1));
  PrintRow(what, text);
}

// The least time of a call, in ns: the best of some repeats, which others disturbed least.
template <typename Function>
double NsPerCall(int calls, Function function) {
  int64_t best_ns = INT64_MAX;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    const int64_t start_ns = NowNs();
    for (int i = 0; i < calls; ++i) function();
    best_ns = std::min(best_ns, NowNs() - start_ns);
  }
  return static_cast<double>(best_ns) / calls;
}

void MeasureClock() {
  volatile int64_t read_ns = 0;
  PrintNumber("reading the clock", NsPerCall(1000000, [&] { read_ns = NowNs(); }), "ns");
}

// How long after its due time a sleeping thread runs again.
void MeasureSleep(const std::string& slack, int64_t sleep_ns, int sleeps) {
  std::vector<int64_t> late_ns;
  for (int i = 0; i < sleeps; ++i) {
    const int64_t due_ns = NowNs() + sleep_ns;
    SleepUntilNs(due_ns);
    late_ns.push_back(NowNs() - due_ns);
  }
  PrintDistribution("wake-up after " + std::to_string(sleep_ns / 1000) + " us, " + slack, late_ns);
}

void MeasureSleeps() {
  for (const int64_t sleep_ns : {50000, 1000000}) {
    MeasureSleep("usual timer slack", sleep_ns, 1000);
  }
  const int usual_slack_ns = prctl(PR_GET_TIMERSLACK);
  prctl(PR_SET_TIMERSLACK, 1);
  for (const int64_t sleep_ns : {50000, 1000000}) {
    MeasureSleep("least timer slack", sleep_ns, 1000);
  }
  prctl(PR_SET_TIMERSLACK, usual_slack_ns);
}

void MeasureSpin() {
  constexpr int64_t kSpinNs = 20000;
  std::vector<int64_t> late_ns;
  for (int i = 0; i < 20000; ++i) {
    const int64_t due_ns = NowNs() + kSpinNs;
    int64_t now_ns = 0;
    while (now_ns < due_ns) now_ns = NowNs();
    late_ns.push_back(now_ns - due_ns);
  }
  PrintDistribution("end of a spin of 20 us", late_ns);
}

// A box for one timestamp: the sender fills it, and a thread that sleeps on a futex empties it.
class SleepingReceiver {
 public:
  SleepingReceiver() : thread_([this] { Receive(); }) {}

  void Send() {
    {
      const std::lock_guard lock(mutex_);
      sent_ns_ = NowNs();
    }
    changed_.notify_one();
  }
  bool empty() {
    const std::lock_guard lock(mutex_);
    return sent_ns_ == 0;
  }
  std::vector<int64_t> Stop() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_one();
    thread_.join();
    return late_ns_;
  }

 private:
  void Receive() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return sent_ns_ != 0 || stop_; });
      if (sent_ns_ == 0) return;
      late_ns_.push_back(NowNs() - sent_ns_);
      sent_ns_ = 0;
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int64_t sent_ns_ = 0;
  bool stop_ = false;
  std::vector<int64_t> late_ns_;
  std::thread thread_;
};

void MeasureFutex() {
  SleepingReceiver receiver;
  for (int i = 0; i < 5000; ++i) {
    // Long enough for the receiver to have fallen asleep.
    std::this_thread::sleep_for(std::chrono::microseconds(30));
    receiver.Send();
    while (!receiver.empty()) std::this_thread::yield();
  }
  PrintDistribution("hand-over to a sleeping thread (futex)", receiver.Stop());
}

void MeasureSpinningHandOver() {
  constexpr int kHandOvers = 20000;
  std::atomic<int64_t> sent_ns{0};
  std::vector<int64_t> late_ns;
  std::thread receiver([&] {
    for (int i = 0; i < kHandOvers; ++i) {
      int64_t received_ns = 0;
      while (received_ns == 0) received_ns = sent_ns.load(std::memory_order_acquire);
      late_ns.push_back(NowNs() - received_ns);
      sent_ns.store(0, std::memory_order_release);
    }
  });
  for (int i = 0; i < kHandOvers; ++i) {
    while (sent_ns.load(std::memory_order_acquire) != 0) {
    }
    sent_ns.store(NowNs(), std::memory_order_release);
  }
  receiver.join();
  PrintDistribution("hand-over to a spinning thread", late_ns);
}

// Both digits of a byte at once, from a table.
void MeasureHex(const std::vector<uint8_t>& bytes, std::vector<char>* text) {
  std::vector<char> digits;
  for (int byte = 0; byte < 256; ++byte) {
    for (const int digit : {byte / 16, byte % 16}) digits.push_back("0123456789ABCDEF"[digit]);
  }
  const double ns = NsPerCall(200, [&] {
    for (size_t i = 0; i < bytes.size(); ++i) {
      std::memcpy(text->data() + 2 * i, digits.data() + 2 * size_t{bytes[i]}, 2);
    }
    // The compiler must not drop what is not read.
    asm volatile("" : : "r"(text->data()) : "memory");
  });
  PrintNumber("bytes into hex digits, one thread", static_cast<double>(bytes.size()) / ns, "GB/s");
}

bool MeasureWrite(const std::string& directory, const std::vector<char>& text) {
  constexpr int kBlocks = 200;
  const std::string path = directory + "/limits_scratch";
  const int file = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
  bool written = file >= 0;
  const int64_t start_ns = NowNs();
  for (int i = 0; written && i < kBlocks; ++i) {
    written = write(file, text.data(), kBlockBytes) == static_cast<ssize_t>(kBlockBytes);
  }
  const auto ns = static_cast<double>(NowNs() - start_ns);
  if (!written) {
    std::fprintf(stderr, "cannot write %s: %s; name a directory with 200 MB to spare\n",
                 path.c_str(), std::strerror(errno));
  }
  if (file >= 0) {
    close(file);
    unlink(path.c_str());
  }
  if (written) PrintNumber("write() to the page cache", kBlocks * double{kBlockBytes} / ns, "GB/s");
  return written;
}

}  // namespace

int main(int argc, char** argv) {
  std::printf("| limit of this machine | measured |\n|---|---|\n");
  MeasureClock();
  MeasureSleeps();
  MeasureSpin();
  MeasureFutex();
  MeasureSpinningHandOver();
  std::vector<uint8_t> bytes(kBlockBytes);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7919 >> 8);
  std::vector<char> text(2 * kBlockBytes);
  MeasureHex(bytes, &text);
  return MeasureWrite(argc > 1 ? argv[1] : ".", text) ? EXIT_SUCCESS : EXIT_FAILURE;
}
