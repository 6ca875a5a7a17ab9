// Runs sets on behalf of the phases of one test: loads, issues, unloads, writes, judges.
#ifndef MLPERF_LOADGEN_CONDUCT_CONDUCTOR_H_
#define MLPERF_LOADGEN_CONDUCT_CONDUCTOR_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "issue/recorder.h"
#include "issue/set_runner.h"
#include "plan/run_plan.h"
#include "query_sample_library.h"
#include "record/run_record.h"
#include "test_result.h"
#include "traffic/accuracy_sampling.h"
#include "traffic/loadable_set.h"
#include "write/run_logs.h"

namespace mlperf::loadgen {

class Conductor {
 public:
  // `token_data`: the accuracy log has first-token bytes.
  Conductor(const RunPlan& plan, QuerySampleLibrary* qsl, const Actors& actors, uint64_t id_tag,
            bool token_data, RunLogFiles* logs, TestResult* result)
      : plan_(plan),
        qsl_(qsl),
        actors_(actors),
        id_tag_(id_tag),
        token_data_(token_data),
        logs_(logs),
        result_(result),
        sampling_(plan) {}

  const RunPlan& plan() const { return plan_; }
  RunLogFiles* logs() { return logs_; }
  TestResult* result() { return result_; }
  bool Stopped() const { return actors_.control->stop_requested(); }
  int64_t NowNs() const { return actors_.clock->NowNs(); }

  // The sets of a phase; none if the test was stopped meanwhile.
  std::vector<LoadableSet> MakeSets(Phase phase);
  // Loads, runs `part` and unloads; the samples are unloaded whatever happens in between. The times
  // go to `record`, if there is one.
  void WithLoaded(const LoadableSet& set, const std::function<void()>& part,
                  RunRecord* record = nullptr);
  // Issues a loaded set. A record without slots: there was no memory or no thread for it.
  RunRecord Issue(const LoadableSet& set, Phase phase, const RunPlan& plan,
                  SetObserver* observer = nullptr);
  // Warms up on a loaded set, if the plan says so. False: the test is to end with that.
  bool WarmUp(const LoadableSet& set);

  // Numbers what counts for nothing as the continuation of what `earlier` issued.
  void ContinueAfter(const Conductor& earlier);

  // Writes a set to the detail log and the files that hold queries.
  void WriteSet(const RunPlan& plan, const RunRecord& record);
  // Evaluates a performance set, and writes what it means. What spoilt an earlier phase is known
  // by then, and speaks against it, too.
  void Judge(const RunPlan& plan, const RunRecord& record);
  // Reasons against the result. Failed samples come before all others.
  void AddReasons(const std::vector<std::string>& reasons);
  void AddCautions(const std::vector<std::string>& cautions);
  // What spoilt a set that is not judged, behind the name of its phase.
  void AddConduct(const RunRecord& record, const std::string& phase);
  // "accuracy: " where a test has a phase besides; empty for what the test is about.
  std::string PhasePrefix(const RunRecord& record) const;

  // Calls what is the user's, inside the gate; an exception ends the test.
  void CallOutside(const std::function<void()>& call);

 private:
  void AddFailure(const std::string& reason);
  void Guarded(const std::function<void()>& part);
  void ReportAbort();
  void SeeSignals();

  // Sequence numbers of samples that count for nothing start here.
  static constexpr uint64_t kFirstUncounted = uint64_t{1} << (kSampleIdBits - 1);

  const RunPlan& plan_;
  QuerySampleLibrary* qsl_;
  const Actors& actors_;
  uint64_t id_tag_;
  bool token_data_;
  RunLogFiles* logs_;
  TestResult* result_;
  AccuracySampling sampling_;
  ptrdiff_t failure_count_ = 0;  // Of the result's reasons.
  uint64_t next_query_ = 0;
  uint64_t next_sample_ = 0;
  // What counts for nothing has numbers of its own, so that it changes none that are logged.
  uint64_t next_uncounted_query_ = kFirstUncounted;
  uint64_t next_uncounted_sample_ = kFirstUncounted;
  uint64_t trials_ = 0;  // Of a peak search.
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_CONDUCT_CONDUCTOR_H_
