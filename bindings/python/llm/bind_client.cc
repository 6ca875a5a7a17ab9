// The client of endpoints.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "answer_reader.h"
#include "bind.h"
#include "client.h"
#include "door_sink.h"
#include "query_taker.h"
#include "record_array.h"

namespace mlperf::python {

namespace py = pybind11;
using namespace py::literals;
using llm::ClientEvent;
using llm::ClientOptions;
using llm::RequestRow;

namespace {

// While it waits for the client's threads, others may run Python.
using Unlocked = py::call_guard<py::gil_scoped_release>;

// A client and where its answers go.
class BoundClient {
 public:
  BoundClient(ClientOptions options, py::object count_tokens)
      : client_(std::make_shared<llm::Client>(std::move(options))),
        count_tokens_(std::move(count_tokens)) {}
  ~BoundClient() {
    const py::gil_scoped_release unlocked;
    client_->Stop();
  }

  void SetDoor(const py::capsule& door) {
    auto sink = std::make_unique<DoorSink>(door, count_tokens_);
    {
      const py::gil_scoped_release unlocked;
      client_->SetSink(sink.get());
    }
    std::swap(sink_, sink);
  }

  const std::shared_ptr<llm::Client>& client() const { return client_; }

 private:
  std::shared_ptr<llm::Client> client_;
  py::object count_tokens_;
  std::unique_ptr<DoorSink> sink_;
};

struct Taker {
  QueryTaker taker;
  std::shared_ptr<llm::Client> client;
};

void Issue(void* self, const QuerySample* samples, size_t count) {
  auto* client = static_cast<llm::Client*>(self);
  const int64_t now_ns = llm::SystemClockPair().MonotonicNs();
  thread_local std::vector<llm::Request> requests;
  requests.clear();
  for (size_t place = 0; place < count; ++place) {
    requests.push_back({samples[place].id, samples[place].index, now_ns});
  }
  client->Issue(requests.data(), count);
}

py::capsule MakeTaker(const BoundClient& bound) {
  auto made = std::make_unique<Taker>();
  made->client = bound.client();
  made->taker = {made->client.get(), &Issue};
  // The taker is the first member, so that their addresses are the same.
  const py::capsule capsule(made.get(), kQueryTakerName, [](PyObject* object) {
    auto* const owned = static_cast<Taker*>(PyCapsule_GetPointer(object, kQueryTakerName));
    const py::gil_scoped_release unlocked;  // It may be the client's last owner.
    delete owned;
  });
  made.release();
  return capsule;
}

int64_t Nanoseconds(const char* name, double seconds) {
  if (seconds > 0 && seconds < 1e9) return static_cast<int64_t>(std::llround(seconds * 1e9));
  throw py::value_error(std::string(name) + " is " +
                        py::str(py::float_(seconds)).cast<std::string>() +
                        "; it must be a number of seconds above 0");
}

void RequireAtLeast(const char* name, int64_t least, int64_t value) {
  if (value >= least) return;
  throw py::value_error(std::string(name) + " is " + std::to_string(value) +
                        "; it must be at least " + std::to_string(least));
}

ClientOptions MakeOptions(std::vector<llm::Server> servers, int64_t max_outstanding,
                          int64_t warm_connections, std::optional<double> request_timeout_s,
                          double connect_timeout_s, uint64_t max_answer_bytes, bool keep_text,
                          bool keep_token_ids, std::optional<double> cancel_after_s,
                          double cancel_share, bool round_robin, int64_t threads,
                          std::vector<std::string> secrets) {
  if (servers.empty()) throw py::value_error("servers is empty; name at least one");
  RequireAtLeast("threads", 1, threads);
  RequireAtLeast("max_outstanding", threads, max_outstanding);
  RequireAtLeast("warm_connections", 0, warm_connections);
  if (!(cancel_share >= 0 && cancel_share <= 1)) {
    throw py::value_error("cancel_share must be from 0 to 1");
  }
  if ((cancel_share > 0) != cancel_after_s.has_value()) {
    throw py::value_error("cancel_share and cancel_after_s go together: give both");
  }
  ClientOptions options;
  options.servers = std::move(servers);
  options.max_outstanding = static_cast<size_t>(max_outstanding);
  options.warm_connections = static_cast<size_t>(warm_connections);
  if (request_timeout_s) {
    options.request_timeout_ns = Nanoseconds("request_timeout_s", *request_timeout_s);
  }
  options.connect_timeout_ns = Nanoseconds("connect_timeout_s", connect_timeout_s);
  options.answers = {keep_text || keep_token_ids, keep_token_ids, max_answer_bytes};
  if (cancel_after_s) options.cancel_after_ns = Nanoseconds("cancel_after_s", *cancel_after_s);
  options.cancel_share = cancel_share;
  options.round_robin = round_robin;
  options.threads = static_cast<size_t>(threads);
  options.secrets = std::move(secrets);
  return options;
}

void Prepare(const BoundClient& bound, uint64_t index, std::vector<std::string> requests) {
  const size_t servers = bound.client()->options().servers.size();
  if (requests.size() != servers) {
    throw py::value_error(std::to_string(requests.size()) + " requests for " +
                          std::to_string(servers) + " servers; give one for each");
  }
  const py::gil_scoped_release unlocked;
  bound.client()->prepared().Put(index, std::move(requests));
}

const char* NameOf(ClientEvent::Kind kind) {
  switch (kind) {
    case ClientEvent::Kind::kLost:
      return "lost";
    case ClientEvent::Kind::kFault:
      return "fault";
    case ClientEvent::Kind::kRefused:
      break;
  }
  return "refused";
}

py::str Shown(const std::string& text) {
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeUTF8(text.data(), static_cast<py::ssize_t>(text.size()), "replace"));
}

py::list TakeEvents(const BoundClient& bound) {
  std::vector<ClientEvent> taken;
  {
    const py::gil_scoped_release unlocked;
    taken = bound.client()->TakeEvents();
  }
  py::list events;
  for (const ClientEvent& event : taken) {
    events.append(py::make_tuple(NameOf(event.kind), event.server, Shown(event.text)));
  }
  return events;
}

py::dict Counts(const BoundClient& bound) {
  llm::ClientCounts counts;
  {
    const py::gil_scoped_release unlocked;
    counts = bound.client()->Counts();
  }
  py::dict failures, statuses;
  for (const auto& [reason, count] : counts.failures) failures[Shown(reason)] = count;
  for (const auto& [status, count] : counts.statuses) statuses[py::int_(status)] = count;
  const uint64_t by_read = counts.reads - counts.reads_by_kernel;
  return py::dict(
      "opened"_a = counts.opened, "reused"_a = counts.reused, "repeated"_a = counts.repeated,
      "cancelled"_a = counts.cancelled, "most_outstanding"_a = counts.most_outstanding,
      "reads"_a = counts.reads, "events"_a = counts.events, "faults"_a = counts.faults,
      "bytes"_a = counts.bytes, "clock_steps"_a = counts.clock_steps, "failures"_a = failures,
      "statuses"_a = statuses,
      "stamps"_a = py::dict("kernel"_a = counts.reads_by_kernel, "read"_a = by_read),
      "lag_ns"_a = py::dict("p50"_a = counts.lags.AtNs(0.5), "p99"_a = counts.lags.AtNs(0.99),
                            "max"_a = counts.lags.most_ns()));
}

py::array TakeRows(const BoundClient& bound) {
  static bool described = false;
  if (!std::exchange(described, true)) {
    PYBIND11_NUMPY_DTYPE(RequestRow, id, index, server, status, issued_ns, connected_ns, sent_ns,
                         first_byte_ns, first_token_ns, last_token_ns, completed_ns, tokens, bytes);
  }
  std::vector<RequestRow> rows;
  {
    const py::gil_scoped_release unlocked;
    rows = bound.client()->TakeRows();
  }
  return AsArray(std::move(rows));
}

// What the fallback without native client hands over.
void CompleteReader(const py::capsule& door, uint64_t id, llm::AnswerReader reader, int64_t sent_ns,
                    py::object count_tokens, bool cancelled) {
  DoorSink sink(door, std::move(count_tokens));
  const py::gil_scoped_release unlocked;
  if (cancelled) {
    const int64_t now_ns = llm::SystemClockPair().MonotonicNs();
    reader.Stop({now_ns, now_ns, false}, "");
  }
  const llm::Answer& answer = reader.answer();
  if (answer.reason.empty()) {
    sink.Complete(id, sent_ns, answer, cancelled);
  } else {
    sink.Fail(id, answer.reason);
  }
}

template <void (llm::Client::*method)()>
void Call(const BoundClient& bound) {
  (bound.client().get()->*method)();
}

void BindServer(py::module_& module) {
  py::class_<llm::Server>(
      module, "Server",
      "Where an endpoint is. `server_name`: the name that its certificate must be for, the host if "
      "empty. `ca_file`: certificates to trust in place of the system's. `insecure`: trusts any. "
      "`shown`: its address in texts.")
      .def(py::init([](std::string host, uint16_t port, bool tls, std::string ca_file,
                       std::string server_name, bool insecure, std::string shown) {
             if (shown.empty()) shown = host + ":" + std::to_string(port);
             return llm::Server{
                 std::move(host), port, tls, std::move(ca_file), std::move(server_name), insecure,
                 std::move(shown)};
           }),
           "host"_a, "port"_a, py::kw_only(), "tls"_a = false, "ca_file"_a = "",
           "server_name"_a = "", "insecure"_a = false, "shown"_a = "");
}

}  // namespace

void BindClient(py::module_& module) {
  BindServer(module);
  py::class_<BoundClient>(
      module, "Client",
      "Sends the queries of a test to endpoints and completes what they answer, in threads of its "
      "own that take no interpreter lock. Servers have numbers from 0. `max_outstanding`: most "
      "requests at a server at a time; others wait. `request_timeout_s`: a request that has no "
      "whole answer so long after it had its connection fails; None: never. `cancel_share`: this "
      "share of the streams is closed `cancel_after_s` after its request had its connection. "
      "`keep_text`: answers are handed over also where no log asks for them. `count_tokens`: "
      "counts "
      "the tokens of the UTF-8 text of an answer where the server does not. `secrets`, the "
      "longest first, are in no reason and no event, even if a server says them.")
      .def(py::init([](std::vector<llm::Server> servers, int64_t max_outstanding,
                       int64_t warm_connections, std::optional<double> request_timeout_s,
                       double connect_timeout_s, uint64_t max_answer_bytes, bool keep_text,
                       bool keep_token_ids, std::optional<double> cancel_after_s,
                       double cancel_share, bool round_robin, int64_t threads,
                       py::object count_tokens, std::vector<std::string> secrets) {
             return std::make_unique<BoundClient>(
                 MakeOptions(std::move(servers), max_outstanding, warm_connections,
                             request_timeout_s, connect_timeout_s, max_answer_bytes, keep_text,
                             keep_token_ids, cancel_after_s, cancel_share, round_robin, threads,
                             std::move(secrets)),
                 std::move(count_tokens));
           }),
           py::kw_only(), "servers"_a, "max_outstanding"_a, "warm_connections"_a = 0,
           "request_timeout_s"_a = py::none(), "connect_timeout_s"_a = 30.0,
           "max_answer_bytes"_a = llm::AnswerOptions().max_answer_bytes, "keep_text"_a = false,
           "keep_token_ids"_a = false, "cancel_after_s"_a = py::none(), "cancel_share"_a = 0.0,
           "round_robin"_a = false, "threads"_a = 1, "count_tokens"_a = py::none(),
           "secrets"_a = std::vector<std::string>())
      .def(
          "open", [](const BoundClient& bound) { bound.client()->Open(); }, Unlocked(),
          "Resolves the servers and opens `warm_connections` to each. Raises RuntimeError, which "
          "names the server and what to do, if that fails.")
      .def("prepare", Prepare, "index"_a, "requests"_a,
           "Keeps the request of a sample, head and body as they are sent, for each server.")
      .def(
          "forget", [](const BoundClient& bound) { bound.client()->prepared().Clear(); },
          Unlocked(), "Drops what was prepared.")
      .def("taker", MakeTaker, "What QueueSut.forward_to takes: queries go to this client.")
      .def("set_door", &BoundClient::SetDoor, "door"_a,
           "Where answers go: _core.completion_door. Before the first query.")
      .def(
          "fileno", [](const BoundClient& bound) { return bound.client()->fd(); },
          "Readable while there are events, or many rows.")
      .def("take_events", TakeEvents,
           "What happened since the last call, for people: kind (\"lost\": a server cannot be "
           "reached; \"fault\": an event that is no JSON; \"refused\": the words of an answer that "
           "failed; each once a server, and the last once a reason), server and text.")
      .def("counts", Counts,
           "What was counted: `opened` connections; `reused`, of requests those on a connection "
           "that had served one; `repeated`, those sent again; `cancelled`, `most_outstanding`, "
           "`reads`, `events`, `faults` (events that are no JSON), `bytes`, `clock_steps`; "
           "`failures` {reason: count}; `statuses` {status: count}; `stamps` {\"kernel\": reads, "
           "\"read\": reads}; `lag_ns`, read minus arrival {\"p50\": ns, \"p99\": ns, \"max\": "
           "ns}.")
      .def("take_rows", TakeRows,
           "The requests that ended since the last call, as records: id, index, server, status, "
           "issued_ns, connected_ns (it had its connection), sent_ns, first_byte_ns, "
           "first_token_ns, last_token_ns, completed_ns (0: it failed), tokens, bytes. Times that "
           "there were none "
           "of are 0.")
      .def("cease", Call<&llm::Client::Cease>, Unlocked(), "Nothing is sent or completed any more.")
      .def("stop", Call<&llm::Client::Stop>, Unlocked(),
           "Ends the threads and closes the connections.");
  module.def(
      "complete", CompleteReader, "door"_a, "response_id"_a, "reader"_a, "sent_ns"_a,
      "count_tokens"_a = py::none(), "cancelled"_a = false,
      "Completes a sample with what the reader of its answer says, or fails it. `sent_ns`: "
      "when its request was sent, by the monotonic clock. `cancelled`: its stream was closed "
      "early, on purpose.");
}

}  // namespace mlperf::python
