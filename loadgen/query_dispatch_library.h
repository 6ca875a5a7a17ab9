// A system under test that forwards its queries to other machines.
#ifndef MLPERF_LOADGEN_QUERY_DISPATCH_LIBRARY_H_
#define MLPERF_LOADGEN_QUERY_DISPATCH_LIBRARY_H_

#include "system_under_test.h"

namespace mlperf {

// Name() reports the name of the remote systems.
class QueryDispatchLibrary : public SystemUnderTest {};

}  // namespace mlperf

#endif  // MLPERF_LOADGEN_QUERY_DISPATCH_LIBRARY_H_
