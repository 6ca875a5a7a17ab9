#include "platform/run_control.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace mlperf::loadgen {

void StayHere() {
  while (true) pause();
}

void EndForkedChild() {
  std::fputs(
      "mlperf_loadgen: a child process that was forked in a callback returned from it; it ends "
      "here. End such a child with exec or _exit.\n",
      stderr);
  std::fflush(stderr);
  _exit(EXIT_FAILURE);
}

}  // namespace mlperf::loadgen
