// What is the same for all grids: weights to codes or streams, and back.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_COMPRESS_CODING_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_COMPRESS_CODING_H_

#include "arrays.h"
#include "bit_stream.h"
#include "kernels.h"

namespace mlperf::python {

template <typename Grid>
py::array Restored(const compress::GridKernels<Grid>& kernels, const Input<float>& weights,
                   const Grid& grid, const py::object& out) {
  Output restored(out, weights.size());
  float* const to = restored.data();
  Unlocked([&] { kernels.restore(weights.data(), weights.size(), grid, to); });
  return restored.array();
}

template <typename Grid>
py::array Encoded(const compress::GridKernels<Grid>& kernels, const Input<float>& weights,
                  const Grid& grid) {
  Result<uint8_t> stream(compress::PackedSize(weights.size(), grid.bits));
  uint8_t* const to = stream.data();
  Unlocked([&] { kernels.encode(weights.data(), weights.size(), grid, to); });
  return stream.array();
}

template <typename Grid>
py::array Decoded(const compress::GridKernels<Grid>& kernels, const py::object& object,
                  const Grid& grid, Output out) {
  const size_t count = out.size();
  const Input<uint8_t> stream(object, "stream", compress::PackedSize(count, grid.bits));
  float* const to = out.data();
  Unlocked([&] { kernels.decode(stream.data(), count, grid, to); });
  return out.array();
}

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_COMPRESS_CODING_H_
