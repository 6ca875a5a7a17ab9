#include "trace_log.h"

#include <unistd.h>

#include <charconv>
#include <concepts>
#include <cstring>
#include <string>
#include <string_view>

#include "mllog.h"
#include "version.h"

namespace mlperf::loadgen {
namespace {

// More than any event below takes: its fixed text is about 150 bytes, each of its up to ten
// numbers at most 24.
constexpr size_t kMaxEventSize = 512;

// Writes text and numbers one after another into memory that is large enough.
class Cursor {
 public:
  explicit Cursor(char* begin) : begin_(begin), next_(begin) {}

  Cursor& operator<<(std::string_view text) {
    std::memcpy(next_, text.data(), text.size());
    next_ += text.size();
    return *this;
  }
  Cursor& operator<<(std::integral auto value) {
    next_ = std::to_chars(next_, next_ + 24, value).ptr;
    return *this;
  }
  // Microseconds with three decimals.
  Cursor& Microseconds(int64_t ns) {
    const uint64_t unsigned_ns = static_cast<uint64_t>(ns);
    const uint64_t magnitude_ns = ns < 0 ? 0 - unsigned_ns : unsigned_ns;
    if (ns < 0) *next_++ = '-';
    *this << magnitude_ns / 1000;
    const unsigned fraction = static_cast<unsigned>(magnitude_ns % 1000);
    next_[0] = '.';
    next_[1] = static_cast<char>('0' + fraction / 100);
    next_[2] = static_cast<char>('0' + fraction / 10 % 10);
    next_[3] = static_cast<char>('0' + fraction % 10);
    next_ += 4;
    return *this;
  }
  size_t size() const { return static_cast<size_t>(next_ - begin_); }

 private:
  char* begin_;
  char* next_;
};

// One sample on its way from the schedule to `end_ns`: its answer or its first token.
struct Journey {
  uint64_t query;  // Sequence numbers within the test.
  uint64_t sample;
  uint64_t sample_index;
  int64_t scheduled_ns;
  int64_t issued_ns;
  int64_t end_ns;  // 0: never.
};

// Formats the events of one set.
class EventWriter {
 public:
  EventWriter(OutputFile* file, int64_t origin_ns, bool first)
      : file_(file), origin_ns_(origin_ns), first_(first) {
    const std::string pid = std::to_string(getpid());
    process_ = "\"pid\":" + pid;
    thread_ = process_ + ",\"tid\":" + std::to_string(gettid());
  }
  bool first() const { return first_; }

  // A span; `args` is the inside of a JSON object.
  void Span(std::string_view name, int64_t begin_ns, int64_t end_ns, std::string_view args = "") {
    Cursor out = Start();
    out << "{\"name\":\"" << name << "\",\"ph\":\"X\"," << thread_ << ",\"ts\":";
    out.Microseconds(begin_ns - origin_ns_) << ",\"dur\":";
    out.Microseconds(end_ns - begin_ns) << ",\"args\":{" << args << "}}";
    file_->Commit(out.size());
  }

  void Begin(std::string_view name, const Journey& journey) {
    Cursor out = Start();
    out << "{\"name\":\"" << name << "\",\"cat\":\"default\",\"ph\":\"b\"," << process_
        << ",\"id\":" << journey.sample << ",\"ts\":";
    out.Microseconds(journey.scheduled_ns - origin_ns_)
        << ",\"args\":{\"sample_seq\":" << journey.sample << ",\"query_seq\":" << journey.query
        << ",\"sample_idx\":" << journey.sample_index
        << ",\"issue_start_ns\":" << journey.issued_ns - journey.scheduled_ns;
    if (journey.end_ns != 0) {
      out << ",\"complete_ns\":" << journey.end_ns - journey.scheduled_ns;
    }
    out << "}}";
    file_->Commit(out.size());
  }

  void End(std::string_view name, const Journey& journey) {
    Cursor out = Start();
    out << "{\"name\":\"" << name << "\",\"cat\":\"default\",\"ph\":\"e\"," << process_
        << ",\"id\":" << journey.sample << ",\"ts\":";
    out.Microseconds(journey.end_ns - origin_ns_) << "}";
    file_->Commit(out.size());
  }

  void Counter(std::string_view name, const Journey& journey) {
    Cursor out = Start();
    out << "{\"name\":\"" << name << "\",\"ph\":\"C\"," << process_ << ",\"ts\":";
    out.Microseconds(journey.scheduled_ns - origin_ns_)
        << ",\"args\":{\"issue_delay\":" << journey.issued_ns - journey.scheduled_ns
        << ",\"issue_to_done\":" << journey.end_ns - journey.issued_ns << "}}";
    file_->Commit(out.size());
  }

 private:
  Cursor Start() {
    Cursor out(file_->Reserve(kMaxEventSize));
    if (!first_) out << ",\n";
    first_ = false;
    return out;
  }

  OutputFile* file_;
  int64_t origin_ns_;
  bool first_;
  std::string process_;
  std::string thread_;
};

// The stages around issuing. A stage without a time did not take place.
void WriteStages(const RunRecord& record, EventWriter* events) {
  const std::string count = "\"count\":" + std::to_string(record.loaded_set.size());
  if (record.load_end_ns != 0) {
    events->Span("LoadSamples", record.load_start_ns, record.load_end_ns, count);
  }
  if (record.generate_end_ns != 0) {
    events->Span("GenerateQueries", record.generate_start_ns, record.generate_end_ns);
  }
  if (record.issue_end_ns != 0) {
    events->Span("SampleLoop", record.start_ns, record.issue_end_ns);
  }
  if (record.unload_end_ns != 0) {
    events->Span("UnloadSamples", record.unload_start_ns, record.unload_end_ns, count);
  }
}

// IssueQuery and what the issuing thread did between two of them.
void WriteIssueSpans(const RunPlan& plan, const RunRecord& record, EventWriter* events) {
  if (record.queries_issued == 0 || record.slots->issue_returned_ns.empty()) return;
  const std::string_view between = plan.shape == LoopShape::kOpenLoop ? "Scheduling" : "Waiting";
  // Several issue threads take turns: the query before is then another thread's.
  const bool one_thread = plan.issue_thread_count <= 1;
  int64_t previous_return_ns = 0;
  record.ForEachIssuedQuery([&](uint64_t query) {
    const int64_t issued_ns = record.IssuedNs(query);
    const int64_t returned_ns = record.slots->issue_returned_ns[query];
    if (one_thread && previous_return_ns != 0) {
      events->Span(between, previous_return_ns, issued_ns);
    }
    if (returned_ns != 0) events->Span("IssueQuery", issued_ns, returned_ns);
    previous_return_ns = returned_ns;
  });
}

void WriteSample(bool open_loop, const Journey& done, int64_t first_token_ns, EventWriter* events) {
  Journey token = done;
  token.end_ns = first_token_ns;
  const bool has_token = first_token_ns != 0;
  if (open_loop && done.end_ns != 0) events->Counter("Latency", done);
  if (open_loop && has_token) events->Counter("Token_Latency", token);
  // The events of an id nest.
  events->Begin("Sample", done);
  if (has_token && !open_loop) {
    events->Begin("Token", token);
    events->End("Token", token);
  }
  if (done.end_ns != 0) events->End("Sample", done);
}

void WriteSamples(const RunPlan& plan, const RunRecord& record, EventWriter* events) {
  record.ForEachIssuedQuery([&](uint64_t query) {
    const uint64_t samples_per_query = record.slots->samples_per_query;
    for (uint64_t i = 0; i < samples_per_query; ++i) {
      const uint64_t sample = query * samples_per_query + i;
      const Journey done = {record.first_query + query,
                            record.first_sample + sample,
                            record.slots->sample_index[sample],
                            record.ScheduledNs(query),
                            record.IssuedNs(query),
                            record.CompletedNs(sample)};
      WriteSample(plan.shape == LoopShape::kOpenLoop, done, record.FirstTokenNs(sample), events);
    }
  });
}

}  // namespace

TraceLog::TraceLog(OutputFile* file, int64_t origin_ns) : file_(file), origin_ns_(origin_ns) {
  file_->Append("{\"traceEvents\":[\n");
}

void TraceLog::WriteSet(const RunPlan& plan, const RunRecord& record) {
  EventWriter events(file_, origin_ns_, first_);
  WriteStages(record, &events);
  WriteIssueSpans(plan, record, &events);
  WriteSamples(plan, record, &events);
  first_ = events.first();
}

void TraceLog::Finish() {
  Cursor out(file_->Reserve(kMaxEventSize));
  out << "\n],\n\"displayTimeUnit\":\"ns\",\n\"otherData\":{\n\"ts\":";
  out.Microseconds(origin_ns_) << ",\n\"version\":" << ToJson(Version()).text << "\n}\n}\n";
  file_->Commit(out.size());
  file_->Flush();
}

}  // namespace mlperf::loadgen
