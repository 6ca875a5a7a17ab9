// Goal: the C interfaces refuse what they cannot call, and name it. Method: each pointer null in
// turn.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "c_api.h"
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

}  // namespace
}  // namespace mlperf::c
