// Goal: the sample reader never points outside the file, whatever the bytes.
// Method: the input as a file, of its own size and, as if more followed, of many others. The rows
// that are promised have to be in the file and to be all that fit; reading on a cut header is an
// error; what was accepted is accepted again by a file of which the header counts the rows.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "fuzz_targets.h"
#include "read/sample_reader.h"
#include "record/sample_row.h"
#include "write/sample_log.h"

namespace mlperf::loadgen {
namespace {

constexpr size_t kMaxErrorSize = 1000;

std::optional<SampleLayout> Read(std::string_view head, uint64_t file_size) {
  try {
    return ReadSampleLayout(head.substr(0, kMaxSampleHeaderSize), file_size, "log");
  } catch (const SampleLogFormatError& error) {
    const std::string_view message = error.what();
    Require(message.starts_with("log: byte "), "an error names the file and the position");
    Require(message.size() < kMaxErrorSize, "an error is short");
    Require(std::ranges::all_of(message, [](char c) { return c >= ' ' && c <= '~'; }),
            "an error can be printed");
    return std::nullopt;
  }
}

void CheckRows(const SampleLayout& layout, uint64_t file_size) {
  Require(layout.data_offset <= file_size, "the rows begin inside the file");
  const uint64_t data_size = file_size - layout.data_offset;
  Require(layout.row_count <= data_size / sizeof(SampleRow), "the rows end inside the file");
  Require(data_size - layout.row_count * sizeof(SampleRow) < sizeof(SampleRow),
          "all whole rows are found");
}

// As if the file were longer than `input`, or became shorter while it was read.
void CheckOtherSizes(std::string_view input, const SampleLayout& layout) {
  constexpr uint64_t kRow = sizeof(SampleRow);
  const uint64_t size = input.size();
  for (const uint64_t file_size : {size + 1, size + kRow, size + 1000 * kRow, uint64_t{1} << 40,
                                   std::numeric_limits<uint64_t>::max()}) {
    const auto other = Read(input, file_size);
    Require(other && other->data_offset == layout.data_offset, "the size changes no header");
    CheckRows(*other, file_size);
  }
  Require(Read(input, 0)->row_count == 0, "a file that became empty has no rows");
}

}  // namespace

bool FuzzSampleLog(std::string_view input) {
  const auto layout = Read(input, input.size());
  if (!layout) return false;
  CheckRows(*layout, input.size());
  CheckOtherSizes(input, *layout);
  const std::string_view header = input.substr(0, layout->data_offset);
  Require(header.starts_with(kNpyMagic) && header.ends_with('\n'), "the header is one");
  Require(!Read(header.substr(0, header.size() - 1), header.size() - 1), "a cut header is refused");
  const auto empty = Read(header, header.size());
  Require(empty && empty->row_count == 0, "the header alone has no rows");
  if (layout->truncated) return true;
  Require((input.size() - layout->data_offset) % sizeof(SampleRow) == 0, "a whole log has no rest");
  Require(Read(input, input.size() + 1)->truncated, "a byte more is seen");
  Require(empty->truncated == (layout->row_count > 0), "missing rows are seen");
  return true;
}

}  // namespace mlperf::loadgen
