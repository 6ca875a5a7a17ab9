// Goal: names split into key and field by the first dot of the last component.
// Method: a table by the specification; the golden names run through Python
// (test_corpus_streams.py).
#include "sample_name.h"

#include <gtest/gtest.h>

#include <string_view>

namespace mlperf::shards {
namespace {

TEST(SampleName, TheFirstDotOfTheLastComponentSplits) {
  struct Case {
    std::string_view name, key, extension;
  };
  for (const Case& c :
       {Case{"a.jpg", "a", "jpg"}, Case{"d.e/f.g/a.b.c", "d.e/f.g/a", "b.c"}, Case{"x.", "x", ""},
        Case{"x..jpg", "x", ".jpg"}, Case{"A.JPG", "A", "JPG"}, Case{"../a.jpg", "../a", "jpg"},
        Case{"__a.b_", "__a", "b_"}, Case{"__meta__.json", "__meta__", "json"}}) {
    const SampleName name = SplitName(c.name);
    EXPECT_EQ(name.kind, NameKind::kField) << c.name;
    EXPECT_EQ(name.key, c.key);
    EXPECT_EQ(name.extension, c.extension);
  }
}

TEST(SampleName, NamesThatAreNoFields) {
  for (const char* name : {"README", "d.e/README", "a/b/", "", "___"}) {
    EXPECT_EQ(SplitName(name).kind, NameKind::kNoExtension) << name;
  }
  for (const char* name : {".hidden", "d/._a.jpg", "d/..jpg"}) {
    EXPECT_EQ(SplitName(name).kind, NameKind::kDotfile) << name;
  }
  for (const char* name : {"__meta__", "__meta__/a.json", "____", "__a.b__"}) {
    EXPECT_EQ(SplitName(name).kind, NameKind::kMeta) << name;
  }
}

}  // namespace
}  // namespace mlperf::shards
