// Answers of a client as completions of the core.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_LLM_DOOR_SINK_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_LLM_DOOR_SINK_H_

#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>

#include "answer_sink.h"
#include "completion_door.h"

namespace mlperf::python {

namespace py = pybind11;

class DoorSink : public llm::AnswerSink {
 public:
  // `door`: the capsule _core.completion_door. `count_tokens`: None, or a callable that is given
  // the UTF-8 text of an answer whose tokens the server does not count, and counts them. Made and
  // destroyed with the interpreter's lock held; all else needs none.
  DoorSink(const py::capsule& door, py::object count_tokens);

  bool WantsText() override;
  void Complete(uint64_t id, int64_t sent_ns, const llm::Answer& answer, bool cancelled) override;
  void Fail(uint64_t id, const std::string& reason) override;

 private:
  void CountTokens(const std::string& text, TimedAnswer* answer) const;

  py::object owner_;
  const CompletionDoor* door_;
  py::object count_tokens_;
};

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_LLM_DOOR_SINK_H_
