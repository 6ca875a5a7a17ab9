#include "settings/config_findings.h"

#include <algorithm>
#include <iterator>

namespace mlperf::loadgen {

std::string Quoted(std::string_view text) {
  constexpr size_t kMaxShown = 80;
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string shown = "'";
  for (const char c : text.substr(0, kMaxShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      shown += c;
    } else {
      shown += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return shown + (text.size() > kMaxShown ? "...'" : "'");
}

std::vector<ConfigDiagnostic> Findings::TakeByLine() && {
  std::ranges::stable_sort(list_, {}, &ConfigDiagnostic::line);
  const auto is_repeated = [](const auto& a, const auto& b) {
    return a.line == b.line && a.message == b.message;
  };
  list_.erase(std::unique(list_.begin(), list_.end(), is_repeated), list_.end());
  if (left_out_ > 0) {
    list_.push_back({ConfigDiagnostic::Severity::kWarning, file_, 0,
                     std::to_string(left_out_) + " more problems of this file are not listed"});
  }
  return std::move(list_);
}

void Findings::Add(ConfigDiagnostic::Severity severity, uint64_t line, std::string& message) {
  if (list_.size() >= kMaxListed) {
    ++left_out_;
  } else {
    list_.push_back({severity, file_, line, std::move(message)});
  }
}

std::string WithPlace(const ConfigDiagnostic& diagnostic) {
  const std::string& message = diagnostic.message;
  const std::string line = std::to_string(diagnostic.line);
  std::string place;
  if (!message.ends_with(diagnostic.file)) place = diagnostic.file;
  if (diagnostic.line > 0 && message.find("line=" + line) == std::string::npos) {
    place += (place.empty() ? "line " : ", line ") + line;
  }
  return place.empty() ? message : message + " (" + place + ")";
}

void Append(std::vector<ConfigDiagnostic> from, std::vector<ConfigDiagnostic>* to) {
  to->insert(to->end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace mlperf::loadgen
