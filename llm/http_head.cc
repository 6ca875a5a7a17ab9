#include "http_head.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace mlperf::llm {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Takes the next of the parts between commas.
std::string_view NextPart(std::string_view* list) {
  const size_t comma = std::min(list->find(','), list->size());
  const std::string_view part = Trim(list->substr(0, comma));
  list->remove_prefix(std::min(comma + 1, list->size()));
  return part;
}

}  // namespace

HeadReader::Step HeadReader::Next(std::string_view* piece) {
  while (!piece->empty() && fault_ == nullptr) {
    const size_t line_feed = piece->find('\n');
    const size_t size = line_feed == piece->npos ? piece->size() : line_feed + 1;
    if (text_.size() + size > kMaxSize) {
      fault_ = "its head has more than 65536 bytes";
      break;
    }
    text_.append(*piece, 0, size);
    piece->remove_prefix(size);
    if (line_feed == piece->npos) break;
    const size_t begin = std::exchange(line_begin_, text_.size());
    const size_t length = text_.size() - begin - 1;
    if (length > 1 || (length == 1 && text_[begin] != '\r')) continue;
    if (begin > 0) {
      Parse();
      text_ = {};  // It is larger than most events, and the head may be kept for long.
      return fault_ == nullptr ? Step::kHead : Step::kBroken;
    }
    text_.clear();  // Some servers end a body with an empty line too much.
    line_begin_ = 0;
  }
  return fault_ == nullptr ? Step::kMore : Step::kBroken;
}

void HeadReader::Clear() {
  text_ = {};
  line_begin_ = 0;
  head_ = {};
  fault_ = nullptr;
}

void HeadReader::Parse() {
  head_ = {};
  std::string_view rest = text_;
  bool is_first = true;
  while (fault_ == nullptr && !rest.empty()) {
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) break;
    if (!(std::exchange(is_first, false) ? ParseStatus(line) : ParseField(line))) break;
  }
  if (head_.is_chunked) head_.length.reset();
}

bool HeadReader::ParseStatus(std::string_view line) {
  const bool is_http = line.starts_with("HTTP/1.") && line.size() >= 12 && line[8] == ' ';
  const std::string_view digits = is_http ? line.substr(9, 3) : "";
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), head_.status);
  const bool ends = line.size() == 12 || (line.size() > 12 && line[12] == ' ');
  if (!is_http || !ends || read.ptr != digits.data() + 3 || head_.status < 100) {
    fault_ = "it does not begin with a status line of HTTP/1.1";
    return false;
  }
  head_.keeps_connection = line[7] != '0';
  head_.reason = Trim(line.substr(12));
  return true;
}

bool HeadReader::ParseField(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == line.npos) {
    // The continuation of a field that matters not at all.
    if (line[0] == ' ' || line[0] == '\t') return true;
    fault_ = "its head has a line without a colon";
    return false;
  }
  const std::string name = Lower(Trim(line.substr(0, colon)));
  const std::string_view value = Trim(line.substr(colon + 1));
  if (name == "content-length") return TakeLength(value);
  if (name == "transfer-encoding") return TakeTransferCoding(value);
  if (name == "content-type") {
    head_.type = Lower(Trim(value.substr(0, value.find(';'))));
  } else if (name == "content-encoding") {
    head_.coding = Lower(value);
    if (head_.coding == "identity") head_.coding.clear();
  } else if (name == "connection") {
    for (std::string_view list = value; !list.empty();) {
      const std::string option = Lower(NextPart(&list));
      if (option == "close") head_.keeps_connection = false;
      if (option == "keep-alive") head_.keeps_connection = true;
    }
  }
  return true;
}

bool HeadReader::TakeLength(std::string_view value) {
  for (std::string_view list = value; !list.empty();) {
    const std::string_view part = NextPart(&list);
    uint64_t length = 0;
    const auto read = std::from_chars(part.data(), part.data() + part.size(), length);
    const bool is_number = !part.empty() && read.ec == std::errc() && read.ptr == part.end();
    if (!is_number || (head_.length && *head_.length != length)) {
      fault_ = "its Content-Length is no number";
      return false;
    }
    head_.length = length;
  }
  return true;
}

bool HeadReader::TakeTransferCoding(std::string_view value) {
  for (std::string_view list = value; !list.empty();) {
    const std::string coding = Lower(NextPart(&list));
    if (coding == "chunked") {
      head_.is_chunked = true;
    } else if (!coding.empty() && coding != "identity") {
      fault_ = "its transfer coding is not chunked";
      return false;
    }
  }
  return true;
}

}  // namespace mlperf::llm
