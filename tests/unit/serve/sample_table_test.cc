// Goal: what was put into the table is found until it is taken out, whatever else was, and ids that
// follow one another without end take no more memory than those that are in it at a time.
// Method: random insertions and removals beside a std::map; one sample that stays while others
// pass.
#include "serve/sample_table.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <iterator>
#include <map>
#include <random>
#include <vector>

namespace mlperf::loadgen {
namespace {

TEST(SampleTableTest, FindsWhatIsThereAndNothingElse) {
  SampleTable table;
  std::map<ResponseId, uint64_t> expected;
  std::mt19937_64 random(7);
  ResponseId next = 1;
  for (int step = 0; step < 20'000; ++step) {
    if (expected.empty() || (random() % 100 < 55 && expected.size() < 300)) {
      const uint64_t key = random();
      table.Insert({next, key, 0, 0});
      expected[next++] = key;
    } else {
      const auto gone =
          std::next(expected.begin(), static_cast<std::ptrdiff_t>(random() % expected.size()));
      const ResponseId id = gone->first;
      expected.erase(gone);
      table.Erase(table.Find(id));
      ASSERT_EQ(table.Find(id), nullptr);
    }
    const ResponseId asked = 1 + random() % next;
    const auto there = expected.find(asked);
    const OutstandingSample* found = table.Find(asked);
    ASSERT_EQ(found != nullptr, there != expected.end()) << asked;
    if (found != nullptr) {
      ASSERT_EQ(found->key, there->second);
    }
  }
  std::map<ResponseId, uint64_t> seen;
  table.ForEach([&](const OutstandingSample& sample) { seen[sample.id] = sample.key; });
  EXPECT_EQ(seen, expected);
  table.Clear();
  EXPECT_EQ(table.Find(expected.begin()->first), nullptr);
}

TEST(SampleTableTest, AnEmptyOneHasNothing) {
  SampleTable table;
  EXPECT_EQ(table.Find(1), nullptr);
  EXPECT_EQ(table.Find(kResponseIdReserved), nullptr);
}

TEST(SampleTableTest, OneThatStaysIsFoundHoweverManyPass) {
  SampleTable table;
  table.Insert({1, 77, 0, 0});
  for (ResponseId id = 2; id < 200'000; ++id) {
    table.Insert({id, id, 0, 0});
    if (id > 10) table.Erase(table.Find(id - 5));
  }
  ASSERT_NE(table.Find(1), nullptr);
  EXPECT_EQ(table.Find(1)->key, 77u);
}

}  // namespace
}  // namespace mlperf::loadgen
