// Threads that take no signals: these are for the threads of the program around them.
#ifndef MLPERF_LOADGEN_NETWORK_QUIET_THREAD_H_
#define MLPERF_LOADGEN_NETWORK_QUIET_THREAD_H_

#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

namespace mlperf::network {

template <typename Function>
std::thread StartQuietThread(Function function) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(function));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_QUIET_THREAD_H_
