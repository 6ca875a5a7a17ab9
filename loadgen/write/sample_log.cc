#include "write/sample_log.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "record/sample_row.h"

namespace mlperf::loadgen {
namespace {

static_assert(std::endian::native == std::endian::little, "rows are written as they are in memory");

// As NumPy writes it; there is room for any number of rows, and the data starts at a multiple
// of 64.
std::string Header(uint64_t row_count) {
  constexpr size_t kMaxCountDigits = 20;
  constexpr size_t kAlignment = 64;
  const std::string before = SampleLiteralBeforeCount();
  const size_t used = kNpyMagic.size() + kNpyLengthSize + before.size() + kMaxCountDigits +
                      kSampleLiteralAfterCount.size() + 1;
  const size_t header_size = (used + kAlignment - 1) / kAlignment * kAlignment;
  const size_t literal_size = header_size - kNpyMagic.size() - kNpyLengthSize;
  std::string header(kNpyMagic);
  header += static_cast<char>(literal_size & 0xFF);
  header += static_cast<char>(literal_size >> 8);
  header += before + std::to_string(row_count);
  header += kSampleLiteralAfterCount;
  header.resize(header_size - 1, ' ');
  header += '\n';
  return header;
}

constexpr size_t kTrailerSize = kLeftOutText.size() + kLeftOutDigits + 1;
static_assert(kTrailerSize < sizeof(SampleRow));

std::string Trailer(uint64_t left_out_count) {
  const std::string digits = std::to_string(left_out_count);
  return std::string(kLeftOutText) + std::string(kLeftOutDigits - digits.size(), ' ') + digits +
         '\n';
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

SampleLog::SampleLog(OutputFile* file, uint64_t max_bytes) : file_(file) {
  const uint64_t frame = Header(0).size() + kTrailerSize;
  max_rows_ = (max_bytes - std::min(max_bytes, frame)) / sizeof(SampleRow);
  file_->Append(Header(0));
  file_->Flush();
}

uint64_t SampleLog::WriteSet(const RunRecord& record, int64_t origin_ns) {
  const auto since_origin = [&](int64_t time_ns) {
    return time_ns == 0 ? -1 : time_ns - origin_ns;
  };
  const bool was_cut = left_out_count_ > 0;
  uint64_t room = was_cut ? 0 : max_rows_ - row_count_;
  RowWriter rows(file_);
  record.ForEachIssuedQuery([&](uint64_t query) {
    SampleRow row{};
    row.query = record.first_query + query;
    row.phase = static_cast<uint16_t>(record.phase);
    row.held_up = !record.slots->held_up.empty() && record.slots->held_up[query] != 0;
    row.scheduled_ns = since_origin(record.ScheduledNs(query));
    row.issued_ns = since_origin(record.IssuedNs(query));
    const uint64_t samples_per_query = record.slots->samples_per_query;
    for (uint64_t i = 0; i < samples_per_query; ++i) {
      if (room == 0) {
        ++left_out_count_;
        continue;
      }
      --room;
      const uint64_t sample = query * samples_per_query + i;
      row.sample_index = record.slots->sample_index[sample];
      row.first_token_ns = since_origin(record.FirstTokenNs(sample));
      row.completed_ns = since_origin(record.CompletedNs(sample));
      // In both cases its times give no latency.
      row.failed = record.Failed(sample) || record.Cancelled(sample);
      row.tokens = record.TokenCount(sample);
      rows.Add(row);
    }
  });
  const uint64_t written = rows.Finish();
  row_count_ += written;
  if (left_out_count_ > 0) WriteLeftOut(was_cut);
  Finish();
  return written;
}

// Who is killed later has it said already.
void SampleLog::WriteLeftOut(bool again) {
  const std::string trailer = Trailer(left_out_count_);
  if (file_->error() != 0) return;
  if (again) {
    file_->Overwrite(Header(0).size() + row_count_ * sizeof(SampleRow), trailer);
  } else {
    file_->Append(trailer);
    file_->Flush();
  }
}

void SampleLog::Finish() {
  if (counted_rows_ == row_count_) return;
  counted_rows_ = row_count_;
  file_->Flush();
  // A header that counts rows the disk had no room for would make the file unreadable.
  if (file_->error() == 0) file_->Overwrite(0, Header(row_count_));
}

}  // namespace mlperf::loadgen
