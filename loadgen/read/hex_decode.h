// Hexadecimal digits to bytes, with the vector instructions of the processor.
#ifndef MLPERF_LOADGEN_READ_HEX_DECODE_H_
#define MLPERF_LOADGEN_READ_HEX_DECODE_H_

#include <cstddef>
#include <cstdint>

namespace mlperf::loadgen {

// Decodes 2 * `byte_count` digits, in upper or lower case. False if any of them is none: what
// `bytes` then holds means nothing.
bool DecodeHex(const char* digits, size_t byte_count, uint8_t* bytes);

// The same with no instruction that a processor of this architecture may lack; DecodeHex falls back
// to it.
bool DecodeHexPortably(const char* digits, size_t byte_count, uint8_t* bytes);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_READ_HEX_DECODE_H_
