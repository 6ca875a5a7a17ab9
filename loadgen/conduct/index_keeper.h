// A sample library that keeps the indices of a set from its loading on. Internal: for adapters.
#ifndef MLPERF_LOADGEN_CONDUCT_INDEX_KEEPER_H_
#define MLPERF_LOADGEN_CONDUCT_INDEX_KEEPER_H_

namespace mlperf::loadgen {

// Where a QuerySampleLibrary is one of these as well, it is informed when all is prepared for the
// first query of a set. Until then the set may be unloaded at any moment, since a test may be
// stopped while millions of samples are prepared, and must not take as long again for it.
class IndexKeeper {
 public:
  virtual ~IndexKeeper() = default;
  virtual void ForgetIndices() = 0;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_CONDUCT_INDEX_KEEPER_H_
