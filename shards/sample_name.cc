#include "sample_name.h"

#include <cstddef>

namespace mlperf::shards {

SampleName SplitName(std::string_view name) {
  const std::string_view top = name.substr(0, name.find('/'));
  if (top.size() >= 4 && top.starts_with("__") && top.ends_with("__")) {
    return {NameKind::kMeta, {}, {}};
  }
  const size_t base = name.rfind('/') + 1;  // npos + 1 is 0.
  const size_t dot = name.find('.', base);
  if (dot == name.npos) return {NameKind::kNoExtension, {}, {}};
  if (dot == base) return {NameKind::kDotfile, {}, {}};
  return {NameKind::kField, name.substr(0, dot), name.substr(dot + 1)};
}

}  // namespace mlperf::shards
