#include "record/sample_row.h"

namespace mlperf::loadgen {
namespace {

constexpr size_t RowSize() {
  size_t size = 0;
  for (const SampleColumn& column : kSampleColumns) size += column.size;
  return size;
}
static_assert(RowSize() == sizeof(SampleRow),
              "rows have no padding, and the columns are all there");

}  // namespace

std::string SampleLiteralBeforeCount() {
  std::string literal = "{'descr': [";
  for (const SampleColumn& column : kSampleColumns) {
    if (&column != &kSampleColumns.front()) literal += ", ";
    literal.append("('").append(column.name).append("', '").append(column.Type()).append("')");
  }
  return literal + "], 'fortran_order': False, 'shape': (";
}

std::string OldSampleLiteralBeforeCount() {
  constexpr std::string_view kToday = "('phase', '<u2'), ('failed', '|b1'), ('held_up', '|b1')";
  std::string literal = SampleLiteralBeforeCount();
  return literal.replace(literal.find(kToday), kToday.size(), "('phase', '<u4')");
}

}  // namespace mlperf::loadgen
