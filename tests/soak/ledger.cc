#include "ledger.h"

#include <algorithm>
#include <chrono>

#include "dice.h"

namespace mlperf::soak {

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

const char* NameOf(Fault fault) {
  constexpr const char* kNames[kFaultKinds] = {
      "unknown ids",         "foreign ids",    "guessed ids",       "duplicates",
      "racing duplicates",   "after the run",  "dropped",           "null data",
      "double first tokens", "no first token", "late first tokens", "bad token counts",
      "exceptions",          "aborts",         "nested starts",     "slow callbacks"};
  return kNames[static_cast<size_t>(fault)];
}

std::vector<uint8_t> Payload(uint64_t seed, size_t size) {
  Dice dice(seed);
  std::vector<uint8_t> bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(dice.Next());
  return bytes;
}

const std::vector<uint8_t>& ChangedPayload() {
  static const std::vector<uint8_t> changed = {'c', 'h', 'a', 'n', 'g', 'e', 'd'};
  return changed;
}

void Ledger::NoteLoad(const std::vector<QuerySampleIndex>& samples) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!sets.empty() && !sets.back().is_unloaded) {
    problems.push_back("a set was loaded while another was");
  }
  SetCalls set;
  set.loaded = samples;
  set.load_begin_ns = NowNs();
  sets.push_back(set);
}

void Ledger::NoteUnload(const std::vector<QuerySampleIndex>& samples) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (sets.empty() || sets.back().is_unloaded) {
    problems.push_back("a set was unloaded that was not loaded");
    return;
  }
  sets.back().unloaded = samples;
  sets.back().is_unloaded = true;
}

uint64_t Ledger::NoteIssue(const std::vector<QuerySample>& samples) {
  const int64_t now_ns = NowNs();
  const std::lock_guard<std::mutex> lock(mutex_);
  const uint64_t before = issued.size();
  if (sets.empty() || sets.back().is_unloaded) {
    problems.push_back("a query was issued while no set was loaded");
    return before;
  }
  SetCalls& set = sets.back();
  if (set.first_issue_ns == 0 || now_ns < set.first_issue_ns) set.first_issue_ns = now_ns;
  set.last_callback_ns = std::max(set.last_callback_ns, now_ns);
  for (const QuerySample& sample : samples) {
    if (std::find(set.loaded.begin(), set.loaded.end(), sample.index) == set.loaded.end()) {
      problems.push_back("sample " + std::to_string(sample.index) + " was issued, not loaded");
    }
    issued.push_back({sample.id, sample.index, sets.size() - 1, issue_calls_, now_ns});
  }
  ++issue_calls_;
  return before;
}

void Ledger::NoteCallback() {
  const int64_t now_ns = NowNs();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!sets.empty()) {
    sets.back().last_callback_ns = std::max(sets.back().last_callback_ns, now_ns);
  }
}

void Ledger::NoteFault(Fault fault) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++fault_counts[static_cast<size_t>(fault)];
}

void Ledger::NoteProblem(const std::string& problem) {
  const std::lock_guard<std::mutex> lock(mutex_);
  problems.push_back(problem);
}

void Ledger::AddAttempts(std::vector<Attempt> more) {
  const std::lock_guard<std::mutex> lock(mutex_);
  attempts.insert(attempts.end(), more.begin(), more.end());
}

}  // namespace mlperf::soak
