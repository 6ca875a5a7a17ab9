#include "evaluate/violation_words.h"

#include <array>

#include "settings/count_text.h"

namespace mlperf::loadgen {
namespace {

struct ViolationWords {
  const char* one;
  const char* many;
  const char* fix;
};

// In the order of Violation.
constexpr std::array<ViolationWords, kViolationKinds> kViolationWords = {{
    {"unknown response id", "unknown response ids",
     "answer with the ids given to IssueQuery, unchanged"},
    {"response id of an earlier test or set", "response ids of earlier tests or sets",
     "let no worker of an earlier test or set answer late"},
    {"early completion", "early completions", "answer a sample only after it was issued"},
    {"double completion", "double completions", "complete each sample exactly once"},
    {"double first token", "double first tokens",
     "call FirstTokenComplete exactly once for each sample"},
    {"late first token", "late first tokens",
     "call FirstTokenComplete before QuerySamplesComplete"},
    {"missing first token", "missing first tokens",
     "call FirstTokenComplete for each sample before QuerySamplesComplete, or turn "
     "use_token_latencies off"},
    {"missing token count", "missing token counts",
     "set n_tokens of each response, or turn use_token_latencies off"},
    {"negative token count", "negative token counts",
     "set n_tokens to the number of tokens of the response"},
    {"token count of 1", "token counts of 1",
     "use_token_latencies needs responses of 2 tokens or more"},
    {"completion after the end of its set", "completions after the end of their set",
     "complete each sample exactly once"},
    {"answer with impossible times", "answers with impossible times",
     "give times between the issue and the report, the first token before the completion"},
    {"response without data", "responses without data",
     "give the address of the data with each response of a size above 0"},
    {"failed sample", "failed samples", ""},  // Their reason has words of its own.
    {"fault reported by the system under test", "faults reported by the system under test",
     ""},  // It has said why.
}};

}  // namespace

std::string CountViolation(const ViolationRecord& violations, size_t kind) {
  const uint64_t count = violations.counts[kind];
  const ViolationWords& words = kViolationWords[kind];
  return Counted(count, words.one, words.many);
}

const char* FixOfViolation(size_t kind) { return kViolationWords[kind].fix; }

}  // namespace mlperf::loadgen
