// The data set as the load generator sees it: counts, and which samples to hold in memory.
#ifndef MLPERF_LOADGEN_QUERY_SAMPLE_LIBRARY_H_
#define MLPERF_LOADGEN_QUERY_SAMPLE_LIBRARY_H_

#include <cstddef>
#include <string>
#include <vector>

#include "query_sample.h"

namespace mlperf {

// All methods are called on the thread that called StartTest.
class QuerySampleLibrary {
 public:
  virtual ~QuerySampleLibrary() {}

  virtual const std::string& Name() = 0;

  // Number of samples in the library.
  virtual size_t TotalSampleCount() = 0;

  // Number of samples that fit into memory at once.
  virtual size_t PerformanceSampleCount() = 0;

  // Loads the samples before they are issued. The list may name a sample more than once
  // (MultiStream pads its sets).
  virtual void LoadSamplesToRam(const std::vector<QuerySampleIndex>& samples) = 0;

  // Forgets the samples of one earlier LoadSamplesToRam call.
  virtual void UnloadSamplesFromRam(const std::vector<QuerySampleIndex>& samples) = 0;
};

}  // namespace mlperf

#endif  // MLPERF_LOADGEN_QUERY_SAMPLE_LIBRARY_H_
