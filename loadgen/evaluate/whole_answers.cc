#include "evaluate/whole_answers.h"

#include <cstdint>
#include <cstdio>

namespace mlperf::loadgen {
namespace {

constexpr double kCautionShare = 0.01;

}  // namespace

WholeAnswerFinding JudgeWholeAnswers(const RunPlan& plan, const RunRecord& record) {
  if (record.tokens == nullptr || !plan.use_token_latencies || !plan.has_latency_bound) return {};
  uint64_t whole = 0;
  uint64_t answers = 0;
  for (uint64_t i = 0; i < record.tokens->answer_count(); ++i) {
    const RecordedAnswer& answer = record.tokens->answer(i);
    if (answer.event_count == 0 || record.TokenCount(answer.sample) < 2) continue;
    if (record.AnsweredNs(answer.sample) == 0 || record.Cancelled(answer.sample)) continue;
    ++answers;
    whole += answer.event_count == 1 ? 1 : 0;
  }
  if (answers == 0 || static_cast<double>(whole) <= kCautionShare * static_cast<double>(answers)) {
    return {};
  }
  if (whole == answers) {
    return {.caution = "",
            .reason =
                "the answers came whole, with all of their tokens at once: tpot_latency "
                "cannot be judged; have the server stream, or measure without "
                "use_token_latencies"};
  }
  char text[200];
  std::snprintf(text, sizeof(text),
                "%.3g %% of the answers came whole, with all of their tokens at once: their time "
                "per token is no time of decoding, and keeps nearly any bound.",
                100 * static_cast<double>(whole) / static_cast<double>(answers));
  return {.caution = text, .reason = ""};
}

}  // namespace mlperf::loadgen
