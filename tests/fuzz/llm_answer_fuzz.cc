// Goal: the reader of answers takes any bytes for a server's, cut anywhere, with the same outcome,
// and keeps to its limits. Method: the input is read at once, in random pieces and byte by byte,
// and the connection is closed after it.
#include <algorithm>
#include <random>
#include <string>
#include <string_view>

#include "answer_reader.h"
#include "fuzz_targets.h"

namespace mlperf::loadgen {
namespace {

constexpr uint64_t kMostBytes = 4'000;

struct Outcome {
  int status;
  std::string reason, failure, content, reasoning, first_event;
  size_t events;
  uint64_t faults;
  int64_t tokens;
  bool is_reusable;

  bool operator==(const Outcome&) const = default;
};

template <typename NextSize>
Outcome Read(std::string_view input, const NextSize& next_size) {
  llm::AnswerReader reader({true, true, kMostBytes});
  int64_t time_ns = 1;
  bool was_over = false;
  while (!input.empty()) {
    const std::string piece(input.substr(0, next_size()));
    input.remove_prefix(piece.size());
    time_ns += 10;
    const bool is_over = reader.Feed(piece, {time_ns, time_ns + 1, true});
    Require(is_over >= was_over, "what is over stays over");
    was_over = is_over;
  }
  const bool is_reusable = reader.is_reusable();
  reader.End({time_ns + 10, time_ns + 10, false});
  const llm::Answer& answer = reader.answer();
  Require(reader.is_over() && reader.is_at_end(), "a closed connection ends the answer");
  Require(answer.reason.empty() == answer.failure.empty(), "a failure has a reason");
  Require(answer.reason.size() < 400 && answer.failure.size() < 1'000, "reasons are short");
  Require(!answer.reason.empty() || answer.n_tokens > 0, "an answer has tokens");
  Require(answer.text.content.size() <= kMostBytes, "no more is kept than may come");
  int64_t before_ns = 0;
  for (const llm::TokenEvent& event : answer.events) {
    Require(event.at_ns >= before_ns && event.at_ns <= answer.completed_ns, "times ascend");
    before_ns = event.at_ns;
  }
  return {answer.status,         answer.reason,      answer.failure,       answer.text.content,
          answer.text.reasoning, answer.first_event, answer.events.size(), answer.faults,
          answer.n_tokens,       is_reusable};
}

}  // namespace

bool FuzzLlmAnswer(std::string_view input) {
  const Outcome whole = Read(input, [&] { return input.size(); });
  std::minstd_rand draw(static_cast<uint32_t>(input.size()));
  Require(whole == Read(input, [&] { return size_t{1} + draw() % 90; }),
          "random cuts change nothing");
  if (input.size() <= 20'000) {
    Require(whole == Read(input, [] { return size_t{1}; }), "single bytes change nothing");
  }
  return whole.reason.empty();
}

}  // namespace mlperf::loadgen
