// Random tests against systems with random faults, for as long as one likes. Each run is checked
// against the system's own account of it; the first disagreement ends the program with what is
// needed to repeat it. Memory, threads and descriptors must not grow.
//
//   soak --runs 10000 --seed 1
//   soak --seconds 3600
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "ledger.h"
#include "process_watch.h"
#include "random_run.h"
#include "run_spec.h"

namespace mlperf::soak {
namespace {

constexpr unsigned kHangLimitS = 120;
constexpr uint64_t kWarmUpRuns = 200;
// A window of runs has its least memory use compared; runs differ in what they record.
constexpr uint64_t kWindowRuns = 100;
constexpr uint64_t kGrowthLimitKib = 4 * 1024;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMemoryIsComparable = false;  // Sanitizers keep what was freed.
#else
constexpr bool kMemoryIsComparable = true;
#endif

struct Options {
  uint64_t runs = 1000;
  uint64_t seconds = 0;  // 0: until the runs are done; else instead of the runs.
  uint64_t seed = 1;
  bool verbose = false;
  std::string directory = std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
  SpecLimits limits;
};

[[noreturn]] void Refuse(const std::string& problem) {
  std::fprintf(stderr,
               "%s\nusage: soak [--runs N] [--seconds S] [--seed X] [--queries Q] [--threads T] "
               "[--faults on|off] [--directory D] [--verbose]\n"
               "  --seconds S  go on for S seconds, whatever --runs says\n"
               "  --queries Q  upper bound of min_query_count of a run (200)\n"
               "  --threads T  upper bound of answering threads, 1 to 8 (8)\n"
               "  --directory  where logs go while a run lasts (/dev/shm)\n",
               problem.c_str());
  std::exit(2);
}

uint64_t Number(const std::string& name, const char* text, uint64_t least, uint64_t most) {
  char* end = nullptr;
  errno = 0;
  const uint64_t number = std::strtoull(text, &end, 10);
  const bool is_number = *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
  if (is_number && number >= least && number <= most) return number;
  Refuse(name + " is '" + text + "', not a number from " + std::to_string(least) + " to " +
         std::to_string(most));
}

Options ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--verbose") {
      options.verbose = true;
      continue;
    }
    if (i + 1 == argc) Refuse(name + " is unknown, or has no value");
    const char* value = argv[++i];
    if (name == "--runs") {
      options.runs = Number(name, value, 1, UINT64_MAX);
    } else if (name == "--seconds") {
      options.seconds = Number(name, value, 1, 1'000'000'000);
    } else if (name == "--seed") {
      options.seed = Number(name, value, 0, UINT64_MAX);
    } else if (name == "--queries") {
      options.limits.queries = Number(name, value, 1, 1'000'000);
    } else if (name == "--threads") {
      options.limits.threads = Number(name, value, 1, 8);
    } else if (name == "--faults") {
      if (std::string_view(value) != "on" && std::string_view(value) != "off") {
        Refuse("--faults is '" + std::string(value) + "', not on or off");
      }
      options.limits.faults = std::string_view(value) == "on";
    } else if (name == "--directory") {
      options.directory = value;
    } else {
      Refuse(name + " is unknown");
    }
  }
  return options;
}

// What a run that hangs leaves behind. Written before each run, as a handler must not format.
char hang_message[2048];
size_t hang_message_size = 0;

extern "C" void OnHang(int) {
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, hang_message, hang_message_size);
  _exit(1);
}

std::string Repeat(const Options& options, uint64_t seed) {
  return "repeat with --runs 1 --seed " + std::to_string(seed) + " --queries " +
         std::to_string(options.limits.queries) + " --threads " +
         std::to_string(options.limits.threads) + " --faults " +
         (options.limits.faults ? "on" : "off");
}

void ExpectEndOfRun(const Options& options, uint64_t seed) {
  const std::string message = "the run hangs: " + Repeat(options, seed) + "\n  " +
                              Describe(DrawRunSpec(seed, options.limits)) + "\n";
  hang_message_size = std::min(message.size(), sizeof(hang_message));
  std::copy_n(message.data(), hang_message_size, hang_message);
  alarm(kHangLimitS);
}

// Memory use over time: the least of each window of runs.
class MemoryTrend {
 public:
  void Add(uint64_t kib) {
    if (++runs_ <= kWarmUpRuns) return;
    least_kib_ = least_kib_ == 0 ? kib : std::min(least_kib_, kib);
    if (runs_ % kWindowRuns != 0) return;
    if (first_kib_ == 0) first_kib_ = least_kib_;
    last_kib_ = least_kib_;
    least_kib_ = 0;
  }
  uint64_t first_kib() const { return first_kib_; }
  uint64_t last_kib() const { return last_kib_; }
  bool grows() const { return last_kib_ > first_kib_ + kGrowthLimitKib; }

 private:
  uint64_t runs_ = 0;
  uint64_t least_kib_ = 0;
  uint64_t first_kib_ = 0;
  uint64_t last_kib_ = 0;
};

void Print(const Totals& totals, const MemoryTrend& trend, double seconds) {
  const auto number = [](uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "%llu runs (%llu valid, %llu threw, %llu aborted, %llu stalled), %llu queries, %llu samples; "
      "faults:",
      number(totals.runs), number(totals.valid), number(totals.thrown), number(totals.aborted),
      number(totals.stalled), number(totals.queries), number(totals.samples));
  for (size_t kind = 0; kind < kFaultKinds; ++kind) {
    std::printf("%s %llu %s", kind == 0 ? "" : ",", number(totals.faults[kind]),
                NameOf(static_cast<Fault>(kind)));
  }
  std::printf(
      "; %llu late completions; resident %llu KiB after warm-up, %llu KiB at the end, peak %llu "
      "KiB; %.1f s\n",
      number(totals.late_completions), number(trend.first_kib()), number(trend.last_kib()),
      number(StatusKib("VmHWM:")), seconds);
}

int Main(const Options& options) {
  signal(SIGALRM, OnHang);
  // The allocator's own areas for each thread fragment, and would look like a leak.
  mallopt(M_ARENA_MAX, 1);
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [start] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const auto is_done = [&](uint64_t run) {
    return options.seconds > 0 ? seconds() >= static_cast<double>(options.seconds)
                               : run == options.runs;
  };
  RandomRuns runs(options.directory, options.limits);
  MemoryTrend trend;
  Holdings first;
  for (uint64_t run = 0; !is_done(run); ++run) {
    const uint64_t seed = options.seed + run;
    ExpectEndOfRun(options, seed);
    if (options.verbose) std::printf("%s\n", Describe(DrawRunSpec(seed, options.limits)).c_str());
    std::vector<std::string> disagreements = runs.RunOne(seed);
    if (run == 0) first = Holdings();
    if (!HoldsAgain(first)) disagreements.push_back("threads or descriptors are left");
    trend.Add(UsedKib());
    if (kMemoryIsComparable && trend.grows()) {
      disagreements.push_back("memory grows, from " + std::to_string(trend.first_kib()) + " to " +
                              std::to_string(trend.last_kib()) + " KiB");
    }
    if (disagreements.empty()) continue;
    std::fprintf(stderr, "%s\n  %s\n", Repeat(options, seed).c_str(),
                 Describe(DrawRunSpec(seed, options.limits)).c_str());
    for (const std::string& text : disagreements) std::fprintf(stderr, "  - %s\n", text.c_str());
    return 1;
  }
  alarm(0);
  Print(runs.totals(), trend, seconds());
  return 0;
}

}  // namespace
}  // namespace mlperf::soak

int main(int argc, char** argv) {
  return mlperf::soak::Main(mlperf::soak::ParseOptions(argc, argv));
}
