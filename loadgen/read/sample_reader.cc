#include "read/sample_reader.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "record/sample_row.h"

namespace mlperf::loadgen {
namespace {

constexpr size_t kPrefixSize = kNpyMagic.size() + kNpyLengthSize;
constexpr std::string_view kWrongFile = "give the path of the mlperf_log_samples.npy of a test";
constexpr std::string_view kOtherArray = "read other arrays with numpy.load";
constexpr std::string_view kCutHeader = "run the test again, or copy its log again";

// At most 40 bytes of `text`, as printable ASCII.
std::string Quoted(std::string_view text) {
  constexpr size_t kMaxShown = 40;
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string quoted = "'";
  for (const char c : text.substr(0, kMaxShown)) {
    if (c >= ' ' && c <= '~') {
      quoted += c;
    } else {
      const auto byte = static_cast<uint8_t>(c);
      quoted.append("\\x").append({kDigits[byte >> 4], kDigits[byte & 0xF]});
    }
  }
  return quoted + (text.size() > kMaxShown ? "...'" : "'");
}

// Reads a header from its first byte to its last.
class HeaderReader {
 public:
  HeaderReader(std::string_view head, const std::string& name) : head_(head), name_(name) {}

  uint64_t offset() const { return offset_; }

  bool StartsWith(std::string_view text) const { return head_.substr(offset_).starts_with(text); }

  // Takes `expected`, or says what stands in its place and what to do.
  void Expect(std::string_view expected, std::string_view fix) {
    const std::string_view rest = head_.substr(offset_);
    const auto same =
        static_cast<size_t>(std::ranges::mismatch(rest, expected).in2 - expected.begin());
    offset_ += same;
    if (same == expected.size()) return;
    FailIfAtEnd(Quoted(expected.substr(same)));
    Fail(Quoted(head_.substr(offset_)), Quoted(expected.substr(same)), fix);
  }

  // The length of the rest of the header. Leaves no more than that unread.
  void ReadLength() {
    if (head_.size() - offset_ < kNpyLengthSize) {
      offset_ = head_.size();
      FailIfAtEnd("the length of the header");
    }
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(head_[offset_ + i]); };
    const size_t length = byte(0) + size_t{256} * byte(1);
    offset_ += kNpyLengthSize;
    if (head_.size() - offset_ < length) {
      offset_ = head_.size();
      FailIfAtEnd("a header of " + std::to_string(kPrefixSize + length) + " bytes");
    }
    head_ = head_.substr(0, offset_ + length);
    is_whole_ = true;
  }

  uint64_t ReadCount() {
    const char* const begin = head_.data() + offset_;
    const char* const end = head_.data() + head_.size();
    uint64_t count = 0;
    const auto [stop, error] = std::from_chars(begin, end, count);
    const bool has_leading_zero = stop - begin > 1 && *begin == '0';
    if (error != std::errc() || has_leading_zero) {
      FailIfAtEnd("the number of rows");
      Fail(Quoted(head_.substr(offset_)), "the number of rows", kOtherArray);
    }
    offset_ += static_cast<size_t>(stop - begin);
    return count;
  }

  // Spaces and a newline, up to the end of the header.
  void ReadPadding() {
    const size_t spaces = head_.substr(offset_).find_first_not_of(' ');
    offset_ = spaces == std::string_view::npos ? head_.size() : offset_ + spaces;
    if (head_.substr(offset_) == "\n") {
      ++offset_;
      return;
    }
    const std::string expected = "spaces and '\\x0A' to the end of the header";
    FailIfAtEnd(expected);
    Fail(Quoted(head_.substr(offset_)), expected, kOtherArray);
  }

 private:
  void FailIfAtEnd(const std::string& expected) const {
    if (offset_ < head_.size()) return;
    if (is_whole_) Fail("the end of the header", expected, kOtherArray);
    Fail("the end of the file", expected, kCutHeader);
  }

  [[noreturn]] void Fail(const std::string& found, const std::string& expected,
                         std::string_view fix) const {
    throw SampleLogFormatError(name_ + ": byte " + std::to_string(offset_) + ": found " + found +
                               ", expected " + expected + "; " + std::string(fix));
  }

  std::string_view head_;
  const std::string& name_;
  size_t offset_ = 0;
  bool is_whole_ = false;  // `head_` ends with the header.
};

}  // namespace

SampleLayout ReadSampleLayout(std::string_view head, uint64_t file_size, const std::string& name) {
  HeaderReader header(head, name);
  header.Expect(kNpyMagic, kWrongFile);
  header.ReadLength();
  const std::string old_literal = OldSampleLiteralBeforeCount();
  header.Expect(header.StartsWith(old_literal) ? old_literal : SampleLiteralBeforeCount(),
                kOtherArray);
  const uint64_t counted_rows = header.ReadCount();
  header.Expect(kSampleLiteralAfterCount, kOtherArray);
  header.ReadPadding();

  SampleLayout layout;
  layout.data_offset = header.offset();
  // A file may have become shorter since its head was read.
  const uint64_t data_size = std::max(file_size, layout.data_offset) - layout.data_offset;
  layout.row_count = data_size / sizeof(SampleRow);
  layout.truncated = layout.row_count != counted_rows || data_size % sizeof(SampleRow) != 0;
  return layout;
}

uint64_t ReadLeftOutCount(std::string_view rest) {
  if (rest.size() != kLeftOutText.size() + kLeftOutDigits + 1 || !rest.starts_with(kLeftOutText) ||
      !rest.ends_with('\n')) {
    return 0;
  }
  rest.remove_suffix(1);
  rest.remove_prefix(std::min(rest.find_first_not_of(' ', kLeftOutText.size()), rest.size()));
  uint64_t count = 0;
  const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
  return error == std::errc() && stop == rest.data() + rest.size() ? count : 0;
}

}  // namespace mlperf::loadgen
