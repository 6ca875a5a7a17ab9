// mock_llm [--OPTION VALUE]...: the mock server as a program, until its standard input is closed.
//
// Options are port, max_model_len, record and those of Shape. It prints the port that it listens
// on.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

#include "server.h"

namespace mlperf::mock_llm {
namespace {

bool Set(std::string_view name, int64_t value, Options* options) {
  if (name == "port") {
    options->port = value;
  } else if (name == "max_model_len") {
    options->max_model_len = value;
  } else if (name == "record") {
    options->record = value;
  } else {
    return SetOption(name, value, &options->shape);
  }
  return true;
}

// Thousands of streams need thousands of descriptors.
void RaiseDescriptorLimit() {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc || !name.starts_with("--") ||
        !Set(name.substr(2), std::atoll(argv[i + 1]), &options)) {
      std::fprintf(stderr, "mock_llm: %s is no option with a value\n", argv[i]);
      return 2;
    }
  }
  if (const std::string_view fault = Fault(options.shape); !fault.empty()) {
    std::fprintf(stderr, "mock_llm: %s\n", fault.data());
    return 2;
  }
  RaiseDescriptorLimit();
  prctl(PR_SET_TIMERSLACK, 1);  // Tokens are due to the microsecond.
  try {
    Server server(options);
    std::printf("%lld\n", static_cast<long long>(server.port()));
    std::fflush(stdout);
    server.Run(STDIN_FILENO);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mock_llm: %s\n", error.what());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace mlperf::mock_llm

int main(int argc, char** argv) { return mlperf::mock_llm::Main(argc, argv); }
