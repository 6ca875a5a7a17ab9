// One answer from bytes, and what it says.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "answer_reader.h"
#include "bind.h"
#include "json_text.h"

namespace mlperf::python {

namespace py = pybind11;
using namespace py::literals;
using llm::Answer;
using llm::AnswerReader;
using llm::TokenEvent;

namespace {

struct AnswerFacts {
  Answer answer;
  bool is_over;
  bool is_reusable;
  int64_t cut_after;
};

const char* NameOf(llm::TokenSource source) {
  switch (source) {
    case llm::TokenSource::kUsage:
      return "usage";
    case llm::TokenSource::kTokenIds:
      return "token ids";
    case llm::TokenSource::kEvents:
      return "events";
    case llm::TokenSource::kUnknown:
      break;
  }
  return "";
}

// A server may send what is no UTF-8.
py::str TextOf(const std::string& utf8) {
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeUTF8(utf8.data(), static_cast<py::ssize_t>(utf8.size()), "replace"));
}

py::object Told(int64_t number) { return number < 0 ? py::none() : py::object(py::int_(number)); }

uint32_t KnownLag(uint32_t lag_ns) { return lag_ns == llm::kUnknownLag ? 0 : lag_ns; }

template <typename Value>
py::array_t<int64_t> ColumnOf(const Answer& answer, Value TokenEvent::* member) {
  py::array_t<int64_t> column(static_cast<py::ssize_t>(answer.events.size()));
  int64_t* to = column.mutable_data();
  for (const TokenEvent& event : answer.events) *to++ = static_cast<int64_t>(event.*member);
  return column;
}

std::string_view BytesOf(const py::buffer_info& info) {
  return {static_cast<const char*>(info.ptr), static_cast<size_t>(info.size * info.itemsize)};
}

// Without a kernel's stamp the two times are the same.
llm::Stamp StampOf(int64_t arrived_ns, int64_t read_ns) {
  return {arrived_ns, read_ns, arrived_ns != read_ns};
}

void BindFacts(py::module_& module) {
  const auto text_of = [](std::string llm::AnswerText::* member) {
    return
        [member](const AnswerFacts& f) { return TextOf(llm::TextOfJson(f.answer.text.*member)); };
  };
  py::class_<AnswerFacts>(
      module, "AnswerFacts",
      "What one answer said so far. Times are of the monotonic clock, in ns; 0: there was none.")
      .def_property_readonly(
          "failed", [](const AnswerFacts& f) { return TextOf(f.answer.failure); },
          "Why the answer is none, in words; empty if it did not fail.")
      .def_property_readonly(
          "reason", [](const AnswerFacts& f) { return TextOf(f.answer.reason); },
          "The same, short, and alike for answers that fail alike.")
      .def_readonly("complete", &AnswerFacts::is_over, "Whether the answer is complete, or failed.")
      .def_property_readonly(
          "status", [](const AnswerFacts& f) { return f.answer.status; },
          "The status of HTTP; 0: there was no head.")
      .def_property_readonly("text", text_of(&llm::AnswerText::content), "Content and refusals.")
      .def_property_readonly("reasoning_text", text_of(&llm::AnswerText::reasoning))
      .def_property_readonly("tool_text", text_of(&llm::AnswerText::tools),
                             "The names and arguments of tool calls, one after another.")
      .def_property_readonly(
          "token_ids",
          [](const AnswerFacts& f) {
            const auto& ids = f.answer.text.token_ids;
            return py::array_t<int32_t>(static_cast<py::ssize_t>(ids.size()), ids.data());
          },
          "The answer's token ids, int32 of shape (n,), where the server sends them and they are "
          "kept.")
      .def_property_readonly(
          "n_tokens", [](const AnswerFacts& f) { return f.answer.n_tokens; },
          "By usage, else token ids, else the number of events with tokens.")
      .def_property_readonly(
          "token_source", [](const AnswerFacts& f) { return NameOf(f.answer.source); },
          "What n_tokens is by: \"usage\", \"token ids\", \"events\", or \"\" without tokens.")
      .def_property_readonly("prompt_tokens",
                             [](const AnswerFacts& f) { return Told(f.answer.prompt_tokens); })
      .def_property_readonly("cached_tokens",
                             [](const AnswerFacts& f) { return Told(f.answer.cached_tokens); })
      .def_property_readonly("reasoning_tokens",
                             [](const AnswerFacts& f) { return Told(f.answer.reasoning_tokens); })
      .def_property_readonly("first_token_ns",
                             [](const AnswerFacts& f) { return f.answer.first_token_ns; })
      .def_property_readonly(
          "first_output_ns", [](const AnswerFacts& f) { return f.answer.first_output_ns; },
          "The first event of the answer proper, which is not reasoning.")
      .def_property_readonly("completed_ns",
                             [](const AnswerFacts& f) { return f.answer.completed_ns; })
      .def_property_readonly(
          "first_token_lag_ns",
          [](const AnswerFacts& f) { return KnownLag(f.answer.first_token_lag_ns); },
          "Read minus arrival.")
      .def_property_readonly(
          "completed_lag_ns",
          [](const AnswerFacts& f) { return KnownLag(f.answer.completed_lag_ns); })
      .def_property_readonly(
          "event_times",
          [](const AnswerFacts& f) { return ColumnOf(f.answer, &TokenEvent::at_ns); },
          "Arrivals of the events with tokens, int64 of shape (n,).")
      .def_property_readonly(
          "event_tokens",
          [](const AnswerFacts& f) { return ColumnOf(f.answer, &TokenEvent::tokens); },
          "Their tokens, int64 of shape (n,); 0: not known.")
      .def_property_readonly(
          "first_event", [](const AnswerFacts& f) { return py::bytes(f.answer.first_event); },
          "The text of the first event with tokens, UTF-8.")
      .def_property_readonly(
          "faults", [](const AnswerFacts& f) { return f.answer.faults; },
          "Events that are no JSON.")
      .def_property_readonly(
          "first_fault", [](const AnswerFacts& f) { return TextOf(f.answer.first_fault); },
          "The first of them, cut to 200 bytes.")
      .def_readonly("reusable", &AnswerFacts::is_reusable,
                    "The body ended properly, and the server keeps the connection.")
      .def_property_readonly(
          "cut_after", [](const AnswerFacts& f) { return Told(f.cut_after); },
          "The tokens that came before the answer was cut; None if it was not.");
}

}  // namespace

void BindAnswers(py::module_& module) {
  BindFacts(module);
  py::class_<AnswerReader>(
      module, "AnswerReader",
      "One answer of an endpoint from the bytes of its connection, however they are cut.")
      .def(py::init([](bool keep_text, bool keep_token_ids, uint64_t max_answer_bytes) {
             return std::make_unique<AnswerReader>(
                 llm::AnswerOptions{keep_text, keep_token_ids, max_answer_bytes});
           }),
           py::kw_only(), "keep_text"_a = true, "keep_token_ids"_a = false,
           "max_answer_bytes"_a = llm::AnswerOptions().max_answer_bytes)
      .def(
          "feed",
          [](AnswerReader& reader, const py::buffer& data, int64_t arrived_ns, int64_t read_ns) {
            return reader.Feed(BytesOf(data.request()), StampOf(arrived_ns, read_ns));
          },
          "data"_a, "arrived_ns"_a, "read_ns"_a,
          "Takes the next bytes. Returns whether the answer is complete, or failed; what follows "
          "only decides whether the connection can be used again.")
      .def(
          "end",
          [](AnswerReader& reader, int64_t arrived_ns, int64_t read_ns) {
            reader.End(StampOf(arrived_ns, read_ns));
          },
          "arrived_ns"_a, "read_ns"_a, "The connection was closed.")
      .def(
          "facts",
          [](const AnswerReader& reader) {
            return AnswerFacts{reader.answer(), reader.is_over(), reader.is_reusable(),
                               reader.cut_after()};
          },
          "What the answer said so far.");
}

}  // namespace mlperf::python
