// The mock: an OpenAI-compatible server whose tokens come at known times. One thread.
//
// POST .../chat/completions and .../completions answer as the Shape says; GET .../models, /stats,
// /sent and /reset. An option in the first segment of the path goes before that of the command
// line: /ttft_us=20000,n=32/v1/chat/completions.
#ifndef MLPERF_LOADGEN_TESTS_MOCK_LLM_SERVER_H_
#define MLPERF_LOADGEN_TESTS_MOCK_LLM_SERVER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "events.h"
#include "record.h"
#include "request.h"
#include "shape.h"

namespace mlperf::mock_llm {

struct Options {
  int64_t port = 0;  // 0: the system chooses one.
  int64_t max_model_len = 100'000;
  int64_t record = 0;  // 1: /sent tells when the events of requests with a "#number" were sent.
  Shape shape;
};

class Server {
 public:
  // Listens on the loopback address. Throws std::system_error if it cannot.
  explicit Server(const Options& options);
  ~Server();

  int64_t port() const { return options_.port; }
  // Serves until `stop_fd` can be read or is closed.
  void Run(int stop_fd);

 private:
  struct Stream;
  struct Connection;
  struct Due {
    int64_t at_ns;
    int fd;
    uint64_t number;  // Of the connection, as its descriptor can be another's by then.
    bool operator<(const Due& other) const { return at_ns > other.at_ns; }
  };

  void Watch(int fd, uint32_t events, bool is_new);
  void Accept();
  void Close(Connection* connection);
  // These return false if the connection is gone.
  bool Read(Connection* connection);
  bool ServeRequests(Connection* connection);
  bool Answer(const Request& request, Connection* connection);
  bool Send(std::string_view bytes, Connection* connection);
  bool Flush(Connection* connection);
  bool Step(Connection* connection);
  bool SendTokens(Connection* connection);

  bool BeginAnswer(const Request& request, Connection* connection);
  std::optional<Shape> ShapeOf(const Request& request) const;
  void Schedule(const Connection& connection);
  void EndStream(Connection* connection);
  void ServeDue();
  // Nanoseconds until something is due; -1: nothing is.
  int64_t WaitNs() const;

  Options options_;
  int listener_;
  int epoll_;
  std::vector<std::unique_ptr<Connection>> connections_;  // By descriptor.
  std::priority_queue<Due> due_;
  Record record_;
  std::string event_;  // Is written to again and again, so that its memory is kept.
  uint64_t next_number_ = 1;
  int64_t serial_free_ns_ = 0;  // When the last of the answers with `serial` ends.
};

}  // namespace mlperf::mock_llm

#endif  // MLPERF_LOADGEN_TESTS_MOCK_LLM_SERVER_H_
