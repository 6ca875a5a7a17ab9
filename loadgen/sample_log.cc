#include "sample_log.h"

#include <bit>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace mlperf::loadgen {
namespace {

static_assert(std::endian::native == std::endian::little, "rows are written as they are in memory");
static_assert(sizeof(SampleRow) == 7 * 8, "rows have no padding");

// NPY format 1.0: magic, version, the length of the rest of the header, a Python literal that ends
// with spaces and a newline. The data starts at a multiple of 64.
constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);
constexpr std::string_view kBeforeCount =
    "{'descr': [('query', '<u8'), ('sample_index', '<u8'), ('scheduled_ns', '<i8'), "
    "('issued_ns', '<i8'), ('first_token_ns', '<i8'), ('completed_ns', '<i8'), "
    "('tokens', '<i8')], 'fortran_order': False, 'shape': (";
constexpr std::string_view kAfterCount = ",), }";
constexpr size_t kMaxCountDigits = 20;
constexpr size_t kLengthFieldSize = 2;
constexpr size_t kHeaderSize = (kMagic.size() + kLengthFieldSize + kBeforeCount.size() +
                                kMaxCountDigits + kAfterCount.size() + 1 + 63) /
                               64 * 64;

std::string Header(uint64_t row_count) {
  constexpr size_t kLiteralSize = kHeaderSize - kMagic.size() - kLengthFieldSize;
  std::string header(kMagic);
  header += static_cast<char>(kLiteralSize & 0xFF);
  header += static_cast<char>(kLiteralSize >> 8);
  header += kBeforeCount;
  header += std::to_string(row_count);
  header += kAfterCount;
  header.resize(kHeaderSize - 1, ' ');
  header += '\n';
  return header;
}

// Puts rows straight into the file's buffer, many between two looks at it.
class RowWriter {
 public:
  explicit RowWriter(OutputFile* file) : file_(file) {}

  void Add(const SampleRow& row) {
    if (left_ == 0) Refill();
    std::memcpy(next_, &row, sizeof(row));
    next_ += sizeof(row);
    --left_;
  }

  // Hands over the last rows; returns how many there were in all.
  uint64_t Finish() {
    const uint64_t unused = left_;
    if (reserved_) file_->Commit((kRowsAtOnce - unused) * sizeof(SampleRow));
    return blocks_ * kRowsAtOnce - unused;
  }

 private:
  static constexpr uint64_t kRowsAtOnce = 4096;

  void Refill() {
    if (reserved_) file_->Commit(kRowsAtOnce * sizeof(SampleRow));
    next_ = file_->Reserve(kRowsAtOnce * sizeof(SampleRow));
    reserved_ = true;
    left_ = kRowsAtOnce;
    ++blocks_;
  }

  OutputFile* file_;
  char* next_ = nullptr;
  uint64_t left_ = 0;
  uint64_t blocks_ = 0;
  bool reserved_ = false;
};

}  // namespace

SampleLog::SampleLog(OutputFile* file) : file_(file) {
  file_->Append(Header(0));
  file_->Flush();
}

void SampleLog::WriteSet(const RunRecord& record, int64_t origin_ns) {
  const auto since_origin = [&](int64_t time_ns) {
    return time_ns == 0 ? -1 : time_ns - origin_ns;
  };
  RowWriter rows(file_);
  record.ForEachIssuedQuery([&](uint64_t query) {
    SampleRow row{};
    row.query = record.first_query + query;
    row.scheduled_ns = since_origin(record.ScheduledNs(query));
    row.issued_ns = since_origin(record.IssuedNs(query));
    const uint64_t samples_per_query = record.slots->samples_per_query;
    for (uint64_t i = 0; i < samples_per_query; ++i) {
      const uint64_t sample = query * samples_per_query + i;
      row.sample_index = record.slots->sample_index[sample];
      row.first_token_ns = since_origin(record.FirstTokenNs(sample));
      row.completed_ns = since_origin(record.CompletedNs(sample));
      row.tokens = record.TokenCount(sample);
      rows.Add(row);
    }
  });
  row_count_ += rows.Finish();
  Finish();
}

void SampleLog::Finish() {
  if (counted_rows_ == row_count_) return;
  counted_rows_ = row_count_;
  file_->Flush();
  // A header that counts rows the disk had no room for would make the file unreadable.
  if (file_->error() == 0) file_->Overwrite(0, Header(row_count_));
}

}  // namespace mlperf::loadgen
