// Where a client hands over what became of its requests.
#ifndef MLPERF_LLM_ANSWER_SINK_H_
#define MLPERF_LLM_ANSWER_SINK_H_

#include <cstdint>
#include <string>

#include "answer.h"

namespace mlperf::llm {

// Called by the threads of a client, never by two at once for one request.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;

  // Whether the text of answers is wanted. Asked as each request begins.
  virtual bool WantsText() = 0;
  // A request was answered, or its stream was closed by the client as asked (`cancelled`).
  // `sent_ns`: its last byte was handed to the kernel.
  virtual void Complete(uint64_t id, int64_t sent_ns, const Answer& answer, bool cancelled) = 0;
  virtual void Fail(uint64_t id, const std::string& reason) = 0;
};

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_ANSWER_SINK_H_
