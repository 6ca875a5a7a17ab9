// Goal: the frame reader takes any bytes for a peer's, cut anywhere: no byte lands outside the
// places that it was given, and no number of a peer makes it allocate much. Method: the input is
// fed whole, byte by byte and in random pieces, and must give the same frames and the same payload;
// the places are split at random with guards between them.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "frame_reader.h"
#include "fuzz_targets.h"

namespace mlperf::loadgen {
namespace {

using namespace mlperf::transfer;

constexpr size_t kLargestPlaced = 1 << 16;
constexpr char kGuard = '\x5a';

// Memory in several parts with a guard after each.
class Places {
 public:
  Places(size_t nbytes, std::minstd_rand* draw) {
    while (nbytes > 0) {
      const size_t part = std::min<size_t>(nbytes, 1 + (*draw)() % (1 + nbytes / 2));
      sizes_.push_back(part);
      nbytes -= part;
      memory_.resize(memory_.size() + part, '\0');
      memory_.push_back(kGuard);
    }
    char* at = memory_.data();
    for (const size_t size : sizes_) {
      parts_.push_back({at, size});
      at += size + 1;
    }
  }

  const std::vector<iovec>& parts() const { return parts_; }

  std::string Content() const {
    std::string content;
    const char* at = memory_.data();
    for (const size_t size : sizes_) {
      content.append(at, size);
      Require(at[size] == kGuard, "nothing is written outside the places");
      at += size + 1;
    }
    return content;
  }

 private:
  std::vector<char> memory_;  // A moved vector keeps its place.
  std::vector<size_t> sizes_;
  std::vector<iovec> parts_;
};

struct Story {
  std::string text;  // Heads, slices and payloads, one after another.
  std::string fault;

  bool operator==(const Story&) const = default;
};

void Tell(const FrameReader& reader, std::string* text) {
  char head[kHeadSize];
  WriteHead(reader.head(), head);
  text->append(head, sizeof head);
  for (const WireSlice& slice : reader.slices()) {
    char bytes[kSliceSize];
    WriteSlice(slice, bytes);
    text->append(bytes, sizeof bytes);
  }
}

void CheckFrame(const FrameReader& reader) {
  const FrameHead& head = reader.head();
  Require(head.count <= kMaxSlices, "slices are bounded");
  Require(reader.slices().size() == head.count, "all slices are there");
  uint64_t sum = 0;
  for (const WireSlice& slice : reader.slices()) sum += slice.nbytes;
  Require(sum <= kMaxPayload, "the bytes of slices are bounded");
  Require(head.kind != FrameKind::kWrite || sum == head.nbytes, "a write has what its slices say");
  Require(head.nbytes <= kMaxPayload, "payload is bounded");
}

// Gives the reader up to `limit` bytes; returns how many it had room for.
size_t Feed(std::string_view input, size_t limit, FrameReader* reader) {
  size_t fed = 0;
  for (const iovec& part : reader->Room()) {
    const size_t step = std::min({part.iov_len, input.size() - fed, limit - fed});
    std::memcpy(part.iov_base, input.data() + fed, step);
    fed += step;
  }
  reader->Received(fed);
  return fed;
}

template <typename NextSize>
Story Read(std::string_view input, uint32_t seed, const NextSize& next_size) {
  FrameReader reader;
  Story story;
  std::minstd_rand draw(seed);
  Places places(0, &draw);
  bool is_placed = false;
  for (;;) {
    switch (reader.Next()) {
      case FrameReader::Step::kMore:
        if (input.empty()) return story;
        input.remove_prefix(Feed(input, next_size(), &reader));
        break;
      case FrameReader::Step::kFrame:
        CheckFrame(reader);
        Tell(reader, &story.text);
        // By what stands in the frame, so that every way of cutting does the same.
        is_placed = reader.head().nbytes <= kLargestPlaced && reader.head().value % 4 != 3;
        if (is_placed) {
          places = Places(static_cast<size_t>(reader.head().nbytes), &draw);
          reader.PlaceAt(places.parts());
        }
        break;
      case FrameReader::Step::kPayload:
        if (is_placed) story.text += places.Content();
        break;
      case FrameReader::Step::kBroken:
        story.fault = reader.fault();
        Require(!story.fault.empty(), "a broken stream has a reason");
        Require(reader.Next() == FrameReader::Step::kBroken, "a broken stream stays broken");
        return story;
    }
  }
}

}  // namespace

bool FuzzFrame(std::string_view input) {
  const auto seed = static_cast<uint32_t>(input.size());
  std::minstd_rand draw(seed);
  const Story whole = Read(input, 1, [] { return size_t{1} << 30; });
  Require(whole == Read(input, 2, [&] { return 1 + draw() % 300; }), "random cuts change nothing");
  if (input.size() <= 20'000) {
    Require(whole == Read(input, 3, [] { return size_t{1}; }), "single bytes change nothing");
  }
  return whole.fault.empty() && !whole.text.empty();
}

}  // namespace mlperf::loadgen
