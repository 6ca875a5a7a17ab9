// Reads from a socket, and when the bytes came by the kernel's stamp: the mock's schedules begin
// there, so that it keeps them even if it reads late.
#ifndef MLPERF_LOADGEN_TESTS_MOCK_LLM_ARRIVAL_H_
#define MLPERF_LOADGEN_TESTS_MOCK_LLM_ARRIVAL_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace mlperf::mock_llm {

// Has the kernel stamp what comes over `fd`, and over what is accepted from it.
void AskForStamps(int fd);

// As recv. `arrived_ns`: of the last byte, ns of the monotonic clock.
ssize_t ReceiveStamped(int fd, char* to, size_t size, int64_t* arrived_ns);

}  // namespace mlperf::mock_llm

#endif  // MLPERF_LOADGEN_TESTS_MOCK_LLM_ARRIVAL_H_
