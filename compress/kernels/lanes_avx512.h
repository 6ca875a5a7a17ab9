// Lanes in one AVX-512 register.
#ifndef MLPERF_COMPRESS_KERNELS_LANES_AVX512_H_
#define MLPERF_COMPRESS_KERNELS_LANES_AVX512_H_

#include <immintrin.h>

#include <cstdint>

namespace mlperf::compress::MLPERF_COMPRESS_PATH {

struct Lanes {
  __m512d v;
};

inline Lanes Fill(double x) { return {_mm512_set1_pd(x)}; }

inline Lanes Load(const float* from) { return {_mm512_cvtps_pd(_mm256_loadu_ps(from))}; }
inline Lanes Load(const uint8_t* from) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
  return {_mm512_cvtepi32_pd(_mm256_cvtepu8_epi32(bytes))};
}
inline Lanes Load(const uint16_t* from) {
  const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return {_mm512_cvtepi32_pd(_mm256_cvtepu16_epi32(codes))};
}

inline void Store(Lanes x, float* to) { _mm256_storeu_ps(to, _mm512_cvtpd_ps(x.v)); }
inline void Store(Lanes x, uint8_t* to) {
  const __m128i bytes = _mm256_cvtepi32_epi8(_mm512_cvtpd_epi32(x.v));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), bytes);
}
inline void Store(Lanes x, uint16_t* to) {
  const __m128i codes = _mm256_cvtepi32_epi16(_mm512_cvtpd_epi32(x.v));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), codes);
}

inline Lanes operator+(Lanes x, Lanes y) { return {_mm512_add_pd(x.v, y.v)}; }
inline Lanes operator-(Lanes x, Lanes y) { return {_mm512_sub_pd(x.v, y.v)}; }
inline Lanes operator*(Lanes x, Lanes y) { return {_mm512_mul_pd(x.v, y.v)}; }
inline Lanes operator/(Lanes x, Lanes y) { return {_mm512_div_pd(x.v, y.v)}; }
inline Lanes MultiplyAdd(Lanes x, Lanes y, Lanes z) { return {_mm512_fmadd_pd(x.v, y.v, z.v)}; }

inline Lanes Max(Lanes x, Lanes y) { return {_mm512_max_pd(x.v, y.v)}; }
inline Lanes Min(Lanes x, Lanes y) { return {_mm512_min_pd(x.v, y.v)}; }

inline Lanes Round(Lanes x) { return {_mm512_roundscale_pd(x.v, _MM_FROUND_TO_NEAREST_INT)}; }

inline Lanes PowerOfTwo(Lanes n) { return {_mm512_scalef_pd(_mm512_set1_pd(1), n.v)}; }

inline __mmask8 Equal(Lanes x, Lanes y) { return _mm512_cmp_pd_mask(x.v, y.v, _CMP_EQ_OQ); }
inline bool IsTrue(__mmask8 condition) { return condition == 0xff; }
inline Lanes SubtractIf(__mmask8 condition, Lanes x, Lanes y) {
  return {_mm512_mask_sub_pd(x.v, condition, x.v, y.v)};
}
inline void CopyIf(__mmask8 condition, const float* from, float* to) {
  _mm256_storeu_ps(to, _mm256_maskz_mov_ps(condition, _mm256_loadu_ps(from)));
}

inline void ToArray(Lanes x, double* to) { _mm512_storeu_pd(to, x.v); }

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH

#endif  // MLPERF_COMPRESS_KERNELS_LANES_AVX512_H_
