// What a client of endpoints is asked to do.
#ifndef MLPERF_LLM_CLIENT_OPTIONS_H_
#define MLPERF_LLM_CLIENT_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "answer_reader.h"

namespace mlperf::llm {

struct Server {
  std::string host;
  uint16_t port = 0;
  bool tls = false;
  std::string ca_file;      // Certificates to trust in place of the system's; empty: those.
  std::string server_name;  // What the certificate must be for; empty: the host.
  bool insecure = false;    // Any certificate will do.
  std::string shown;        // Its address in texts.
};

struct ClientOptions {
  std::vector<Server> servers;
  size_t max_outstanding = 1;      // Requests at a server at a time.
  size_t warm_connections = 0;     // Of each server, opened before the first request.
  int64_t request_timeout_ns = 0;  // From the begin of a request to its whole answer; 0: none.
  int64_t connect_timeout_ns = 30'000'000'000;
  AnswerOptions answers{.keep_text = false};
  int64_t cancel_after_ns = 0;  // From the begin of a request,
  double cancel_share = 0;      // for this share of them.
  bool round_robin = false;     // Else the server with the fewest outstanding requests is next.
  size_t threads = 1;
  std::vector<std::string> secrets;  // Never shown, even if a server says them; longest first.
};

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_CLIENT_OPTIONS_H_
