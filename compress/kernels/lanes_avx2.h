// Lanes in two AVX registers.
#ifndef MLPERF_COMPRESS_KERNELS_LANES_AVX2_H_
#define MLPERF_COMPRESS_KERNELS_LANES_AVX2_H_

#include <immintrin.h>

#include <cstdint>

namespace mlperf::compress::MLPERF_COMPRESS_PATH {

struct Lanes {
  __m256d low;
  __m256d high;
};

inline Lanes Fill(double x) { return {_mm256_set1_pd(x), _mm256_set1_pd(x)}; }

inline Lanes FromInts(__m256i ints) {
  return {_mm256_cvtepi32_pd(_mm256_castsi256_si128(ints)),
          _mm256_cvtepi32_pd(_mm256_extracti128_si256(ints, 1))};
}
inline Lanes Load(const float* from) {
  return {_mm256_cvtps_pd(_mm_loadu_ps(from)), _mm256_cvtps_pd(_mm_loadu_ps(from + 4))};
}
inline Lanes Load(const uint8_t* from) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
  return FromInts(_mm256_cvtepu8_epi32(bytes));
}
inline Lanes Load(const uint16_t* from) {
  const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return FromInts(_mm256_cvtepu16_epi32(codes));
}

inline void Store(Lanes x, float* to) {
  _mm_storeu_ps(to, _mm256_cvtpd_ps(x.low));
  _mm_storeu_ps(to + 4, _mm256_cvtpd_ps(x.high));
}
inline __m128i ToCodes(Lanes x) {
  return _mm_packus_epi32(_mm256_cvtpd_epi32(x.low), _mm256_cvtpd_epi32(x.high));
}
inline void Store(Lanes x, uint8_t* to) {
  const __m128i codes = ToCodes(x);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(codes, codes));
}
inline void Store(Lanes x, uint16_t* to) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), ToCodes(x));
}

inline Lanes operator+(Lanes x, Lanes y) {
  return {_mm256_add_pd(x.low, y.low), _mm256_add_pd(x.high, y.high)};
}
inline Lanes operator-(Lanes x, Lanes y) {
  return {_mm256_sub_pd(x.low, y.low), _mm256_sub_pd(x.high, y.high)};
}
inline Lanes operator*(Lanes x, Lanes y) {
  return {_mm256_mul_pd(x.low, y.low), _mm256_mul_pd(x.high, y.high)};
}
inline Lanes operator/(Lanes x, Lanes y) {
  return {_mm256_div_pd(x.low, y.low), _mm256_div_pd(x.high, y.high)};
}
inline Lanes MultiplyAdd(Lanes x, Lanes y, Lanes z) {
  return {_mm256_fmadd_pd(x.low, y.low, z.low), _mm256_fmadd_pd(x.high, y.high, z.high)};
}

inline Lanes Max(Lanes x, Lanes y) {
  return {_mm256_max_pd(x.low, y.low), _mm256_max_pd(x.high, y.high)};
}
inline Lanes Min(Lanes x, Lanes y) {
  return {_mm256_min_pd(x.low, y.low), _mm256_min_pd(x.high, y.high)};
}

inline Lanes Round(Lanes x) {
  return {_mm256_round_pd(x.low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
          _mm256_round_pd(x.high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

// The exponent's bits of a double follow 52 others; this sum has n + 1023 in its lowest bits.
inline __m256d PowerOfTwo(__m256d n) {
  const __m256d sum = _mm256_add_pd(n, _mm256_set1_pd(6755399441055744.0 + 1023));
  return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(sum), 52));
}
inline Lanes PowerOfTwo(Lanes n) { return {PowerOfTwo(n.low), PowerOfTwo(n.high)}; }

// All bits of a lane are set where it is true.
struct Condition {
  __m256d low;
  __m256d high;
};
inline Condition Equal(Lanes x, Lanes y) {
  return {_mm256_cmp_pd(x.low, y.low, _CMP_EQ_OQ), _mm256_cmp_pd(x.high, y.high, _CMP_EQ_OQ)};
}
inline bool IsTrue(Condition condition) {
  return _mm256_movemask_pd(_mm256_and_pd(condition.low, condition.high)) == 0xf;
}
inline Lanes SubtractIf(Condition condition, Lanes x, Lanes y) {
  return x - Lanes{_mm256_and_pd(condition.low, y.low), _mm256_and_pd(condition.high, y.high)};
}
inline void CopyIf(Condition condition, const float* from, float* to) {
  // The lower half of each lane, those of the first four lanes in the places 0, 1, 4 and 5.
  const __m256 halves = _mm256_shuffle_ps(
      _mm256_castpd_ps(condition.low), _mm256_castpd_ps(condition.high), _MM_SHUFFLE(2, 0, 2, 0));
  const __m256d in_order = _mm256_castsi256_pd(
      _mm256_permute4x64_epi64(_mm256_castps_si256(halves), _MM_SHUFFLE(3, 1, 2, 0)));
  _mm256_storeu_ps(to, _mm256_and_ps(_mm256_castpd_ps(in_order), _mm256_loadu_ps(from)));
}

inline void ToArray(Lanes x, double* to) {
  _mm256_storeu_pd(to, x.low);
  _mm256_storeu_pd(to + 4, x.high);
}

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH

#endif  // MLPERF_COMPRESS_KERNELS_LANES_AVX2_H_
