// The noise of 64 weights at a time, which is what MakeNoise of noise.h makes.
#ifndef MLPERF_COMPRESS_KERNELS_NOISE_AVX512_H_
#define MLPERF_COMPRESS_KERNELS_NOISE_AVX512_H_

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "noise.h"

namespace mlperf::compress::MLPERF_COMPRESS_PATH {

// The upper half of a table in registers. The lower half mirrors it: table[127 - i] is
// -table[128 + i].
class NoiseValues {
 public:
  explicit NoiseValues(const float* table) {
    for (int i = 0; i < kRegisters; ++i) values_[i] = _mm512_loadu_ps(table + 128 + 16 * i);
  }

  // The values of 16 bytes.
  __m512 Of(__m128i bytes) const {
    const __m512i byte = _mm512_cvtepu8_epi32(bytes);
    const __mmask16 is_lower = _mm512_testn_epi32_mask(byte, _mm512_set1_epi32(0x80));
    const __m512i index = _mm512_mask_xor_epi32(byte, is_lower, byte, _mm512_set1_epi32(0x7F));
    const __mmask16 bit_5 = _mm512_test_epi32_mask(index, _mm512_set1_epi32(0x20));
    const __mmask16 bit_6 = _mm512_test_epi32_mask(index, _mm512_set1_epi32(0x40));
    const __m512 near = _mm512_mask_blend_ps(bit_5, Find(0, index), Find(2, index));
    const __m512 far = _mm512_mask_blend_ps(bit_5, Find(4, index), Find(6, index));
    const __m512 value = _mm512_mask_blend_ps(bit_6, near, far);
    return _mm512_mask_xor_ps(value, is_lower, value, _mm512_set1_ps(-0.0f));
  }

 private:
  static constexpr int kRegisters = 8;

  // By the five lowest bits of each index, in two registers.
  __m512 Find(int first, __m512i index) const {
    return _mm512_permutex2var_ps(values_[first], index, values_[first + 1]);
  }

  __m512 values_[kRegisters];
};

// The words of the next eight states, which are 8 increments further on.
inline __m512i NextNoiseWords(__m512i* states) {
  constexpr uint64_t kStride = 8 * kNoiseIncrement;
  __m512i word = *states;
  *states = _mm512_add_epi64(word, _mm512_set1_epi64(static_cast<int64_t>(kStride)));
  word = _mm512_xor_epi64(word, _mm512_srli_epi64(word, 30));
  word = _mm512_mullo_epi64(word, _mm512_set1_epi64(static_cast<int64_t>(kNoiseFactors[0])));
  word = _mm512_xor_epi64(word, _mm512_srli_epi64(word, 27));
  word = _mm512_mullo_epi64(word, _mm512_set1_epi64(static_cast<int64_t>(kNoiseFactors[1])));
  return _mm512_xor_epi64(word, _mm512_srli_epi64(word, 31));
}

inline const float* MakeNoiseHere(uint64_t key, const float* table, size_t begin, size_t count,
                                  float* to) {
  const size_t offset = begin % 8;
  uint64_t first[8];
  for (size_t i = 0; i < 8; ++i) first[i] = key + (begin / 8 + i + 1) * kNoiseIncrement;
  __m512i states = _mm512_loadu_si512(first);
  const NoiseValues values(table);
  for (size_t at = 0; at < offset + count; at += 64) {
    const __m512i word = NextNoiseWords(&states);
    _mm512_storeu_ps(to + at, values.Of(_mm512_castsi512_si128(word)));
    _mm512_storeu_ps(to + at + 16, values.Of(_mm512_extracti32x4_epi32(word, 1)));
    _mm512_storeu_ps(to + at + 32, values.Of(_mm512_extracti32x4_epi32(word, 2)));
    _mm512_storeu_ps(to + at + 48, values.Of(_mm512_extracti32x4_epi32(word, 3)));
  }
  return to + offset;
}

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH

#endif  // MLPERF_COMPRESS_KERNELS_NOISE_AVX512_H_
