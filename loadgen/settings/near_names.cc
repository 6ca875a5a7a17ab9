#include "settings/near_names.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace mlperf::loadgen {
namespace {

constexpr size_t kMaxNear = 3;     // More names are no help.
constexpr size_t kMaxSize = 64;    // Longer words are no misspelled names.
constexpr size_t kMinPrefix = 3;   // Fewer characters are the beginning of too much.
constexpr size_t kRightOfOne = 3;  // One character of so many may be wrong.

std::string InLowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// How many characters must be put in, left out or changed to make `a` of `b`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row[b.size()];
}

std::vector<std::string_view> Nearest(std::string_view word,
                                      std::span<const std::string_view> known) {
  std::vector<std::string_view> near;
  size_t least = word.size() / kRightOfOne;
  for (const std::string_view name : known) {
    const size_t distance = EditDistance(word, InLowerCase(name));
    if (distance > least) continue;
    if (distance < least) near.clear();
    least = distance;
    near.push_back(name);
  }
  return near;
}

std::vector<std::string_view> WithSameBeginning(std::string_view word,
                                                std::span<const std::string_view> known) {
  std::vector<std::string_view> near;
  for (const std::string_view name : known) {
    const std::string lower = InLowerCase(name);
    if (std::min(lower.size(), word.size()) < kMinPrefix) continue;
    if (lower.starts_with(word) || word.starts_with(lower)) near.push_back(name);
  }
  return near;
}

}  // namespace

std::string DidYouMean(std::string_view word, std::span<const std::string_view> known) {
  if (word.size() > kMaxSize) return {};
  const std::string lower = InLowerCase(word);
  std::vector<std::string_view> near = Nearest(lower, known);
  if (near.empty()) near = WithSameBeginning(lower, known);
  if (near.empty()) return {};
  std::ranges::sort(near);
  near.erase(std::unique(near.begin(), near.end()), near.end());
  near.resize(std::min(near.size(), kMaxNear));
  std::string text = ": did you mean ";
  for (size_t i = 0; i < near.size(); ++i) text.append(i == 0 ? "" : " or ").append(near[i]);
  return text + "?";
}

}  // namespace mlperf::loadgen
