// The bytes of an answer, as OpenAI's servers send them.
//
// The text of token i is " i", so that a lost, doubled or misplaced one shows. Functions append to
// `out`.
#ifndef MLPERF_LOADGEN_TESTS_MOCK_LLM_EVENTS_H_
#define MLPERF_LOADGEN_TESTS_MOCK_LLM_EVENTS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "shape.h"

namespace mlperf::mock_llm {

// What the parts of one answer have in common.
struct Answer {
  Shape shape;
  uint64_t number = 0;
  bool chat = false;
  bool usage_asked = false;    // By the request, in an event of its own
  bool usage_growing = false;  // or in each event.
};

void AppendStreamHead(const Answer& answer, std::string* out);
// A chat's first event, which has no token.
void AppendRole(const Answer& answer, std::string* out);
void AppendTokens(const Answer& answer, int64_t event, std::string* out);
// What comes after the last token: finish reason, usage, [DONE] and the body's end.
void AppendEnd(const Answer& answer, std::string* out);
void AppendComment(std::string* out);

// A whole answer that is no stream.
std::string WholeAnswer(const Answer& answer);

// A response with a JSON body. `headers` are whole lines.
std::string JsonResponse(int64_t status, std::string_view json, std::string_view headers = "");

}  // namespace mlperf::mock_llm

#endif  // MLPERF_LOADGEN_TESTS_MOCK_LLM_EVENTS_H_
