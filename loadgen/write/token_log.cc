#include "write/token_log.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "record/sample_row.h"

namespace mlperf::loadgen {
namespace {

static_assert(std::endian::native == std::endian::little, "words are written as in memory");

constexpr uint64_t kWordSize = sizeof(uint64_t);

// As NumPy writes it, of a length that does not depend on the number of words.
std::string Header(uint64_t word_count) {
  constexpr size_t kHeaderSize = 128;
  const std::string literal = "{'descr': '<u8', 'fortran_order': False, 'shape': (" +
                              std::to_string(word_count) + std::string(kSampleLiteralAfterCount);
  constexpr size_t kLiteralSize = kHeaderSize - kNpyMagic.size() - kNpyLengthSize;
  std::string header(kNpyMagic);
  header += static_cast<char>(kLiteralSize);
  header += '\0';
  header += literal;
  header.resize(kHeaderSize - 1, ' ');
  header += '\n';
  return header;
}

class WordWriter {
 public:
  explicit WordWriter(OutputFile* file) : file_(file) {}
  void Add(uint64_t word) {
    std::memcpy(file_->Reserve(kWordSize), &word, kWordSize);
    file_->Commit(kWordSize);
  }

 private:
  OutputFile* file_;
};

// For each sample, the position of its answer plus 1; 0, or beyond the end: it has no events.
std::vector<uint64_t> AnswersBySample(const TokenRecord& tokens) {
  std::vector<uint64_t> answers;
  for (uint64_t i = 0; i < tokens.answer_count(); ++i) {
    const RecordedAnswer& answer = tokens.answer(i);
    if (answer.event_count == 0) continue;
    if (answer.sample >= answers.size()) answers.resize(answer.sample + 1);
    answers[answer.sample] = i + 1;
  }
  return answers;
}

}  // namespace

void TokenEventLog::AddSet(const RunRecord& record, uint64_t row_count) {
  const uint64_t first_row = row_count_;
  row_count_ += row_count;
  if (record.tokens == nullptr) return;
  Set set{record.tokens, {}};
  const std::vector<uint64_t> answers = AnswersBySample(*record.tokens);
  uint64_t row = first_row;
  record.ForEachIssuedQuery([&](uint64_t query) {
    const int64_t waited_ns = record.IssuedNs(query) - record.ScheduledNs(query);
    for (uint64_t i = 0; i < record.slots->samples_per_query; ++i, ++row) {
      const uint64_t sample = query * record.slots->samples_per_query + i;
      if (row >= row_count_ || sample >= answers.size() || answers[sample] == 0) continue;
      const RecordedAnswer& answer = record.tokens->answer(answers[sample] - 1);
      const uint64_t last = answer.first_event + answer.event_count - 1;
      if (record.tokens->event(last).since_issue_ns > kMaxEventNs - waited_ns) {
        ++left_out_count_;  // Three days do not fit.
        continue;
      }
      set.rows.push_back({row, answers[sample] - 1, waited_ns});
      event_count_ += answer.event_count;
    }
  });
  sets_.push_back(std::move(set));
}

// From the end, so that all that is there is complete.
void TokenEventLog::LeaveOutWhatIsTooMuch() {
  const uint64_t frame = Header(0).size() + (row_count_ + 2) * kWordSize;
  const uint64_t room = (max_bytes_ - std::min(max_bytes_, frame)) / kWordSize;
  for (auto set = sets_.rbegin(); set != sets_.rend(); ++set) {
    while (event_count_ > room && !set->rows.empty()) {
      event_count_ -= set->tokens->answer(set->rows.back().answer).event_count;
      set->rows.pop_back();
      ++left_out_count_;
    }
  }
}

void TokenEventLog::Write(OutputFile* file) {
  LeaveOutWhatIsTooMuch();
  file->Append(Header(row_count_ + 2 + event_count_));
  WordWriter words(file);
  words.Add(row_count_);
  uint64_t offset = 0;
  uint64_t row = 0;  // The next whose offset is to be written.
  for (const Set& set : sets_) {
    for (const Row& with_events : set.rows) {
      for (; row <= with_events.number; ++row) words.Add(offset);
      offset += set.tokens->answer(with_events.answer).event_count;
    }
  }
  for (; row <= row_count_; ++row) words.Add(offset);
  for (const Set& set : sets_) {
    for (const Row& with_events : set.rows) {
      const RecordedAnswer& answer = set.tokens->answer(with_events.answer);
      for (uint32_t i = 0; i < answer.event_count; ++i) {
        const RecordedEvent event = set.tokens->event(answer.first_event + i);
        const int64_t since_due_ns = event.since_issue_ns + with_events.waited_ns;
        words.Add(static_cast<uint64_t>(since_due_ns) << kEventTokenBits | event.tokens);
      }
    }
  }
  file->Flush();
}

}  // namespace mlperf::loadgen
