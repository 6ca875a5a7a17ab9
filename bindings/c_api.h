// The load generator for users of plain function pointers, under the reference's names. These
// functions have C++ linkage and take C++ types; for programs in C see mlperf_loadgen_c.h.
#ifndef MLPERF_LOADGEN_BINDINGS_C_API_H_
#define MLPERF_LOADGEN_BINDINGS_C_API_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "query_sample.h"
#include "test_settings.h"

namespace mlperf {
namespace c {

// Handed back to each callback.
typedef uintptr_t ClientData;

typedef void (*IssueQueryCallback)(ClientData, const QuerySample*, size_t);
typedef void (*FlushQueriesCallback)();
typedef void (*ResponseCallback)(ClientData, QuerySampleResponse*);
typedef void (*LoadSamplesToRamCallback)(ClientData, const QuerySampleIndex*, size_t);
typedef void (*UnloadSamplesFromRamCallback)(ClientData, const QuerySampleIndex*, size_t);

// A system under test made of callbacks; to be destroyed with DestroySUT.
void* ConstructSUT(ClientData client_data, const char* name, size_t name_length,
                   IssueQueryCallback issue_cb, FlushQueriesCallback flush_queries_cb);
void DestroySUT(void* sut);

// A sample library made of callbacks; to be destroyed with DestroyQSL.
void* ConstructQSL(ClientData client_data, const char* name, size_t name_length,
                   size_t total_sample_count, size_t performance_sample_count,
                   LoadSamplesToRamCallback load_samples_to_ram_cb,
                   UnloadSamplesFromRamCallback unload_samples_from_ram_cb);
void DestroyQSL(void* qsl);

// Runs one test with the default log settings; throws as mlperf::StartTest does.
void StartTest(void* sut, void* qsl, const TestSettings& settings,
               const std::string& audit_config_filename = "audit.config");

void QuerySamplesComplete(QuerySampleResponse* responses, size_t response_count);
void QuerySamplesCompleteResponseCb(QuerySampleResponse* responses, size_t response_count,
                                    ResponseCallback response_cb, ClientData client_data);
void FirstTokenComplete(QuerySampleResponse* responses, size_t response_count);
void FirstTokenCompleteResponseCb(QuerySampleResponse* responses, size_t response_count,
                                  ResponseCallback response_cb, ClientData client_data);

void RegisterIssueQueryThread();

}  // namespace c
}  // namespace mlperf

#endif  // MLPERF_LOADGEN_BINDINGS_C_API_H_
