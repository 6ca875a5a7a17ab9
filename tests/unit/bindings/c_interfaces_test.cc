// Goal: the C interfaces refuse what they cannot call, and name it. Method: each pointer null in
// turn. C programs say that a sample failed: a test in which all do.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "c_api.h"
#include "helpers/log_directory.h"
#include "mlperf_loadgen_c.h"

namespace mlperf::c {
namespace {

void Issue(ClientData, const QuerySample*, size_t) {}
void Samples(ClientData, const QuerySampleIndex*, size_t) {}
void Flush() {}

template <typename Call>
std::string Refusal(const Call& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing";
}

TEST(CApiTest, RefusesNullPointers) {
  EXPECT_EQ(Refusal([] { ConstructSUT(0, nullptr, 0, Issue, Flush); }),
            "the name of the system under test is null; give a function or a text");
  EXPECT_EQ(Refusal([] { ConstructSUT(0, "s", 1, nullptr, Flush); }),
            "issue_cb is null; give a function or a text");
  EXPECT_EQ(Refusal([] { ConstructSUT(0, "s", 1, Issue, nullptr); }),
            "flush_queries_cb is null; give a function or a text");
  EXPECT_EQ(Refusal([] { ConstructQSL(0, nullptr, 0, 1, 1, Samples, Samples); }),
            "the name of the library is null; give a function or a text");
  EXPECT_EQ(Refusal([] { ConstructQSL(0, "q", 1, 1, 1, nullptr, Samples); }),
            "load_samples_to_ram_cb is null; give a function or a text");
  EXPECT_EQ(Refusal([] { ConstructQSL(0, "q", 1, 1, 1, Samples, nullptr); }),
            "unload_samples_from_ram_cb is null; give a function or a text");
  DestroySUT(ConstructSUT(0, "s", 1, Issue, Flush));
  DestroyQSL(ConstructQSL(0, "q", 1, 1, 1, Samples, Samples));
}

TEST(PlainCTest, RefusesNullPointers) {
  const mlperf_issue_query issue = [](void*, const mlperf_query_sample*, size_t) {};
  const mlperf_flush_queries flush = [](void*) {};
  const mlperf_samples samples = [](void*, const size_t*, size_t) {};
  EXPECT_EQ(mlperf_sut_create(nullptr, nullptr, issue, flush), nullptr);
  EXPECT_EQ(mlperf_sut_create("s", nullptr, nullptr, flush), nullptr);
  EXPECT_EQ(mlperf_sut_create("s", nullptr, issue, nullptr), nullptr);
  EXPECT_STREQ(mlperf_last_error(), "flush is null; give a function or a text");
  EXPECT_EQ(mlperf_qsl_create(nullptr, 1, 1, nullptr, samples, samples), nullptr);
  EXPECT_EQ(mlperf_qsl_create("q", 1, 1, nullptr, nullptr, samples), nullptr);
  EXPECT_EQ(mlperf_qsl_create("q", 1, 1, nullptr, samples, nullptr), nullptr);
  EXPECT_STREQ(mlperf_last_error(), "unload is null; give a function or a text");
}

TEST(PlainCTest, FailsSamples) {
  const loadgen::LogDirectory logs;
  mlperf_sut* const sut = mlperf_sut_create(
      "s", nullptr,
      [](void*, const mlperf_query_sample* issued, size_t) {
        mlperf_fail_samples(&issued[0].id, 1, "HTTP 500");
      },
      [](void*) {});
  const mlperf_samples samples = [](void*, const size_t*, size_t) {};
  mlperf_qsl* const qsl = mlperf_qsl_create("q", 4, 4, nullptr, samples, samples);
  mlperf_settings* const settings = mlperf_settings_create();
  EXPECT_EQ(mlperf_settings_set_integer(settings, "min_query_count", 8), 0);
  EXPECT_EQ(mlperf_settings_set_integer(settings, "min_duration_ms", 0), 0);
  EXPECT_EQ(mlperf_start_test(sut, qsl, settings, logs.path("").c_str()), 1) << "INVALID";
  EXPECT_NE(logs.Read("mlperf_log_detail.txt").find("8 of 8 samples failed (100 %): HTTP 500"),
            std::string::npos);
  mlperf_settings_destroy(settings);
  mlperf_qsl_destroy(qsl);
  mlperf_sut_destroy(sut);
}

}  // namespace
}  // namespace mlperf::c
