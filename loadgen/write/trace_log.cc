#include "write/trace_log.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstring>
#include <string>
#include <string_view>

#include "write/mllog.h"
#include "write/version.h"

namespace mlperf::loadgen {
namespace {

constexpr std::string_view kDocumentStart = "{\"traceEvents\":[\n";

// More than any event below takes: its fixed text is about 150 bytes, each of its up to ten
// numbers at most 24.
constexpr size_t kMaxEventSize = 512;
// For a sample with the spans of its query, at most eight events, and the end of the document.
constexpr size_t kRoomOfASample = 9 * kMaxEventSize;

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
  bool failed;     // Then.
};

// Formats the events of one set, `max_bytes` at most.
class EventWriter {
 public:
  EventWriter(OutputFile* file, int64_t origin_ns, uint64_t max_bytes, bool first)
      : file_(file), origin_ns_(origin_ns), max_bytes_(max_bytes), first_(first) {
    const std::string pid = std::to_string(getpid());
    process_ = "\"pid\":" + pid;
    thread_ = process_ + ",\"tid\":" + std::to_string(gettid());
  }
  bool first() const { return first_; }
  uint64_t written_bytes() const { return written_bytes_; }
  bool HasRoom() const { return max_bytes_ >= written_bytes_ + kRoomOfASample; }

  // A span; `args` is the inside of a JSON object.
  void Span(std::string_view name, int64_t begin_ns, int64_t end_ns, std::string_view args = "") {
    Cursor out = Start();
    out << "{\"name\":\"" << name << "\",\"ph\":\"X\"," << thread_ << ",\"ts\":";
    out.Microseconds(begin_ns - origin_ns_) << ",\"dur\":";
    out.Microseconds(end_ns - begin_ns) << ",\"args\":{" << args << "}}";
    Commit(out);
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
    if (journey.failed) out << ",\"failed\":true";
    out << "}}";
    Commit(out);
  }

  void End(std::string_view name, const Journey& journey) {
    Cursor out = Start();
    out << "{\"name\":\"" << name << "\",\"cat\":\"default\",\"ph\":\"e\"," << process_
        << ",\"id\":" << journey.sample << ",\"ts\":";
    out.Microseconds(journey.end_ns - origin_ns_) << "}";
    Commit(out);
  }

  void Counter(std::string_view name, const Journey& journey) {
    Cursor out = Start();
    out << "{\"name\":\"" << name << "\",\"ph\":\"C\"," << process_ << ",\"ts\":";
    out.Microseconds(journey.scheduled_ns - origin_ns_)
        << ",\"args\":{\"issue_delay\":" << journey.issued_ns - journey.scheduled_ns
        << ",\"issue_to_done\":" << journey.end_ns - journey.issued_ns << "}}";
    Commit(out);
  }

 private:
  Cursor Start() {
    Cursor out(file_->Reserve(kMaxEventSize));
    if (!first_) out << ",\n";
    first_ = false;
    return out;
  }
  void Commit(const Cursor& out) {
    file_->Commit(out.size());
    written_bytes_ += out.size();
  }

  OutputFile* file_;
  int64_t origin_ns_;
  uint64_t max_bytes_;
  uint64_t written_bytes_ = 0;
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

// IssueQuery and what the issuing thread did between two of them, query by query.
class IssueSpans {
 public:
  IssueSpans(const RunPlan& plan, const RunRecord& record)
      : record_(record),
        between_(plan.shape == LoopShape::kOpenLoop ? "Scheduling" : "Waiting"),
        // Several issue threads take turns: the query before is then another thread's.
        one_thread_(plan.issue_thread_count <= 1),
        known_(!record.slots->issue_returned_ns.empty()) {}

  void Write(uint64_t query, EventWriter* events) {
    if (!known_) return;
    const int64_t issued_ns = record_.IssuedNs(query);
    const int64_t returned_ns = record_.slots->issue_returned_ns[query];
    if (one_thread_ && previous_return_ns_ != 0) {
      events->Span(between_, previous_return_ns_, issued_ns);
    }
    if (returned_ns != 0) events->Span("IssueQuery", issued_ns, returned_ns);
    previous_return_ns_ = returned_ns;
  }

 private:
  const RunRecord& record_;
  std::string_view between_;
  bool one_thread_;
  bool known_;
  int64_t previous_return_ns_ = 0;
};

void WriteSample(bool open_loop, const Journey& done, int64_t first_token_ns, EventWriter* events) {
  Journey token = done;
  token.end_ns = first_token_ns;
  token.failed = false;
  const bool has_token = first_token_ns != 0;
  if (open_loop && done.end_ns != 0 && !done.failed) events->Counter("Latency", done);
  if (open_loop && has_token) events->Counter("Token_Latency", token);
  // The events of an id nest.
  events->Begin("Sample", done);
  if (has_token && !open_loop) {
    events->Begin("Token", token);
    events->End("Token", token);
  }
  if (done.end_ns != 0) events->End("Sample", done);
}

// Returns how many samples there was no room for. Once there is none, no later sample is written.
uint64_t WriteQueries(const RunPlan& plan, const RunRecord& record, EventWriter* events) {
  if (record.queries_issued == 0) return 0;
  uint64_t left_out_count = 0;
  IssueSpans spans(plan, record);
  record.ForEachIssuedQuery([&](uint64_t query) {
    if (events->HasRoom()) spans.Write(query, events);
    const uint64_t samples_per_query = record.slots->samples_per_query;
    for (uint64_t i = 0; i < samples_per_query; ++i) {
      if (!events->HasRoom()) {
        ++left_out_count;
        continue;
      }
      const uint64_t sample = query * samples_per_query + i;
      const Journey done = {record.first_query + query,
                            record.first_sample + sample,
                            record.slots->sample_index[sample],
                            record.ScheduledNs(query),
                            record.IssuedNs(query),
                            record.CompletedNs(sample),
                            record.Failed(sample) || record.Cancelled(sample)};
      WriteSample(plan.shape == LoopShape::kOpenLoop, done, record.FirstTokenNs(sample), events);
    }
  });
  return left_out_count;
}

}  // namespace

TraceLog::TraceLog(OutputFile* file, int64_t origin_ns, uint64_t max_bytes)
    : file_(file),
      origin_ns_(origin_ns),
      max_bytes_(max_bytes),
      written_bytes_(kDocumentStart.size()) {
  file_->Append(kDocumentStart);
}

void TraceLog::WriteSet(const RunPlan& plan, const RunRecord& record) {
  const uint64_t room = max_bytes_ - std::min(max_bytes_, written_bytes_);
  EventWriter events(file_, origin_ns_, left_out_count_ > 0 ? 0 : room, first_);
  if (events.HasRoom()) WriteStages(record, &events);
  left_out_count_ += WriteQueries(plan, record, &events);
  written_bytes_ += events.written_bytes();
  first_ = events.first();
}

void TraceLog::Finish() {
  Cursor out(file_->Reserve(kMaxEventSize));
  out << "\n],\n\"displayTimeUnit\":\"ns\",\n\"otherData\":{\n\"ts\":";
  out.Microseconds(origin_ns_) << ",\n\"version\":" << ToJson(Version()).text;
  if (left_out_count_ > 0) out << ",\n\"samples_left_out\":" << left_out_count_;
  out << "\n}\n}\n";
  file_->Commit(out.size());
  file_->Flush();
}

}  // namespace mlperf::loadgen
