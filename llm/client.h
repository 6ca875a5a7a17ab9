// A client of OpenAI-compatible endpoints: takes the queries of a test and hands over the answers.
//
// Queries are shared out among the client's threads, in turn; each has connections of its own.
#ifndef MLPERF_LLM_CLIENT_H_
#define MLPERF_LLM_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "answer_sink.h"
#include "client_options.h"
#include "client_report.h"
#include "prepared_requests.h"
#include "worker.h"

namespace mlperf::llm {

// All methods may be called from any thread, but those that begin and end it by one alone.
class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();  // As Stop.
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // ---- The begin
  // Resolves the servers, starts the threads and opens the connections that are asked for, once.
  // Throws std::runtime_error, which names the server.
  void Open();
  // Where answers go. Before the first query; `sink` outlives Stop.
  void SetSink(AnswerSink* sink);
  PreparedRequests& prepared() { return prepared_; }

  // ---- Queries
  void Issue(const Request* requests, size_t count);

  // ---- Reports
  // Readable while there are events, or many rows. Belongs to this object.
  int fd() const { return news_.get(); }
  ClientCounts Counts();
  std::vector<RequestRow> TakeRows();
  std::vector<ClientEvent> TakeEvents();

  // ---- The end
  // Nothing is sent or handed over any more. A call of the sink that has begun ends before.
  void Cease();
  // Ends the threads and closes the connections. May be called twice.
  void Stop();

  const ClientOptions& options() const { return options_; }

 private:
  ServerFleet ResolveFleet(size_t max_outstanding) const;
  void LowerNews();

  const ClientOptions options_;
  PreparedRequests prepared_;
  Descriptor news_;
  AnswerSink* sink_ = nullptr;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::mutex turn_mutex_;
  size_t turn_ = 0;
};

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_CLIENT_H_
