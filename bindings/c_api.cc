#include "c_api.h"

#include "callback_adapters.h"
#include "loadgen.h"

namespace mlperf::c {
namespace {

mlperf::ResponseCallback WithClientData(ResponseCallback callback, ClientData client_data) {
  if (callback == nullptr) return {};
  return
      [callback, client_data](QuerySampleResponse* response) { callback(client_data, response); };
}

}  // namespace

void* ConstructSUT(ClientData client_data, const char* name, size_t name_length,
                   IssueQueryCallback issue_cb, FlushQueriesCallback flush_queries_cb) {
  Required(name, "the name of the system under test");
  Required(issue_cb, "issue_cb");
  Required(flush_queries_cb, "flush_queries_cb");
  const auto issue = [=](const QuerySample* samples, size_t count) {
    issue_cb(client_data, samples, count);
  };
  SystemUnderTest* sut = new CallbackSut(std::string(name, name_length), issue, flush_queries_cb);
  return sut;
}

void DestroySUT(void* sut) { delete static_cast<SystemUnderTest*>(sut); }

void* ConstructQSL(ClientData client_data, const char* name, size_t name_length,
                   size_t total_sample_count, size_t performance_sample_count,
                   LoadSamplesToRamCallback load_samples_to_ram_cb,
                   UnloadSamplesFromRamCallback unload_samples_from_ram_cb) {
  Required(name, "the name of the library");
  Required(load_samples_to_ram_cb, "load_samples_to_ram_cb");
  Required(unload_samples_from_ram_cb, "unload_samples_from_ram_cb");
  const auto load = [=](const QuerySampleIndex* indices, size_t count) {
    load_samples_to_ram_cb(client_data, indices, count);
  };
  const auto unload = [=](const QuerySampleIndex* indices, size_t count) {
    unload_samples_from_ram_cb(client_data, indices, count);
  };
  QuerySampleLibrary* qsl = new CallbackQsl(std::string(name, name_length), total_sample_count,
                                            performance_sample_count, load, unload);
  return qsl;
}

void DestroyQSL(void* qsl) { delete static_cast<QuerySampleLibrary*>(qsl); }

void StartTest(void* sut, void* qsl, const TestSettings& settings,
               const std::string& audit_config_filename) {
  mlperf::StartTest(static_cast<SystemUnderTest*>(sut), static_cast<QuerySampleLibrary*>(qsl),
                    settings, LogSettings(), audit_config_filename);
}

void QuerySamplesComplete(QuerySampleResponse* responses, size_t response_count) {
  mlperf::QuerySamplesComplete(responses, response_count);
}

void QuerySamplesCompleteResponseCb(QuerySampleResponse* responses, size_t response_count,
                                    ResponseCallback response_cb, ClientData client_data) {
  mlperf::QuerySamplesComplete(responses, response_count, WithClientData(response_cb, client_data));
}

void FirstTokenComplete(QuerySampleResponse* responses, size_t response_count) {
  mlperf::FirstTokenComplete(responses, response_count);
}

void FirstTokenCompleteResponseCb(QuerySampleResponse* responses, size_t response_count,
                                  ResponseCallback response_cb, ClientData client_data) {
  mlperf::FirstTokenComplete(responses, response_count, WithClientData(response_cb, client_data));
}

void RegisterIssueQueryThread() { mlperf::RegisterIssueQueryThread(); }

}  // namespace mlperf::c
