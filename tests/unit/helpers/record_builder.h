// Builds a RunRecord from plain numbers, as a test writes them down.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_HELPERS_RECORD_BUILDER_H_
#define MLPERF_LOADGEN_TESTS_UNIT_HELPERS_RECORD_BUILDER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "record/run_record.h"

namespace mlperf::loadgen {

constexpr int64_t kNever = INT64_MIN;

// What happened to one sample; times in ns from the start of issuing.
struct SampleEvents {
  int64_t completed_ns = kNever;
  int64_t first_token_ns = kNever;
  int64_t token_count = 0;
  bool failed = false;  // At completed_ns.
};

class RecordBuilder {
 public:
  // The clock reads this at the start of issuing, so that forgetting to subtract it shows.
  static constexpr int64_t kStartNs = 1'000'000'007;

  explicit RecordBuilder(uint64_t samples_per_query = 1) : samples_per_query_(samples_per_query) {}

  // An issued query and what became of its samples.
  RecordBuilder& Query(int64_t scheduled_ns, int64_t issued_ns,
                       const std::vector<SampleEvents>& samples) {
    scheduled_ns_.push_back(scheduled_ns);
    issued_ns_.push_back(issued_ns);
    samples_.insert(samples_.end(), samples.begin(), samples.end());
    return *this;
  }

  // A query that was never issued, though later ones were, with several issue threads.
  RecordBuilder& Gap() { return Query(0, kNever, std::vector<SampleEvents>(samples_per_query_)); }

  RunRecord Build() const {
    auto slots = std::make_shared<SampleSlots>();
    slots->samples_per_query = samples_per_query_;
    RunRecord record;
    record.start_ns = kStartNs;
    slots->scheduled_delta_ns.Grow(issued_ns_.size());
    slots->issued_ns.Grow(issued_ns_.size());
    for (size_t i = 0; i < issued_ns_.size(); ++i) {
      slots->scheduled_delta_ns[i] = scheduled_ns_[i];
      slots->issued_ns[i] = Reading(issued_ns_[i]);
      record.queries_issued += issued_ns_[i] != kNever;
    }
    slots->completed_ns.Grow(samples_.size());
    slots->first_token_ns.Grow(samples_.size());
    slots->token_count.Grow(samples_.size());
    for (size_t i = 0; i < samples_.size(); ++i) {
      const int64_t completed_ns = Reading(samples_[i].completed_ns);
      slots->completed_ns[i] = samples_[i].failed ? -completed_ns : completed_ns;
      slots->first_token_ns[i] = Reading(samples_[i].first_token_ns);
      slots->token_count[i] = samples_[i].token_count;
      record.samples_completed += samples_[i].completed_ns != kNever;
      record.samples_failed += samples_[i].failed;
    }
    record.samples_issued = record.queries_issued * samples_per_query_;
    record.slots = slots;
    return record;
  }

 private:
  static int64_t Reading(int64_t time_ns) { return time_ns == kNever ? 0 : kStartNs + time_ns; }

  uint64_t samples_per_query_;
  std::vector<int64_t> scheduled_ns_;
  std::vector<int64_t> issued_ns_;
  std::vector<SampleEvents> samples_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TESTS_UNIT_HELPERS_RECORD_BUILDER_H_
