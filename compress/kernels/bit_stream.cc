// Codes to and from a bit stream, some words of codes of 8 or 16 bits at a time. Codes lie in
// fields of their word; a fold halves the number of fields by moving every second one down beside
// its neighbour, until all bits of the word's codes are at its lower end.
#include <bit>
#include <cstddef>
#include <cstdint>

#include "kernels/path.h"

namespace mlperf::compress::MLPERF_COMPRESS_PATH {
namespace {

static_assert(std::endian::native == std::endian::little, "Bit streams are read as words.");

// As many words as fit into one register.
#ifdef __AVX2__
constexpr size_t kWords = 4;
#else
constexpr size_t kWords = 2;
#endif
using Words [[gnu::vector_size(8 * kWords)]] = uint64_t;

template <typename Code>
constexpr int kCodeBits = 8 * sizeof(Code);
template <typename Code>
constexpr size_t kCodesOfWord = sizeof(uint64_t) / sizeof(Code);

// Ones in the lower `bits` of each field of `field_bits`.
constexpr uint64_t LowBits(int bits, int field_bits) {
  uint64_t mask = 0;
  for (int at = 0; at < 64; at += field_bits) mask |= ((uint64_t{1} << bits) - 1) << at;
  return mask;
}

// All folds of words of such codes, which have fewer bits than their type.
template <typename Code>
class Folds {
 public:
  explicit Folds(int bits) {
    int used = bits;
    for (int at = 0, field = kCodeBits<Code>; at < kCount; ++at, field *= 2, used *= 2) {
      const uint64_t low = LowBits(used, 2 * field);
      folds_[at] = {low, low << used, field - used};
    }
  }

  template <typename Word>
  Word Squeeze(Word x) const {
    for (int at = 0; at < kCount; ++at) {
      const Fold& fold = folds_[at];
      x = (x & fold.low) | ((x >> fold.shift) & fold.high);
    }
    return x;
  }

  // Ignores bits above those of the word's codes.
  template <typename Word>
  Word Spread(Word x) const {
    for (int at = kCount - 1; at >= 0; --at) {
      const Fold& fold = folds_[at];
      x = (x & fold.low) | ((x & fold.high) << fold.shift);
    }
    return x;
  }

 private:
  static constexpr int kCount = sizeof(Code) == 1 ? 3 : 2;

  struct Fold {
    uint64_t low;   // The lower neighbours, which stay.
    uint64_t high;  // The upper ones where they are after the fold.
    int shift;
  };
  Fold folds_[kCount];
};

uint64_t LoadWord(const void* from) {
  uint64_t word;
  __builtin_memcpy(&word, from, sizeof(word));
  return word;
}

void StoreWord(uint64_t word, void* to) { __builtin_memcpy(to, &word, sizeof(word)); }

// A place in the stream whose words hold `bits` times kCodesOfWord bits each. Functions may touch
// 15 bytes after the codes that they are about.
template <typename Code>
struct Stream {
  int bits;

  // The bits of word `index` from `at`, and some of the next word's above them.
  uint64_t Read(const uint8_t* at, size_t index) const {
    const size_t first = index * kCodesOfWord<Code> * static_cast<size_t>(bits);
    return LoadWord(at + first / 8) >> first % 8;
  }

  // The first two words of 16-bit codes fill `bits` bytes.
  void WritePair(uint64_t first, uint64_t second, uint8_t* at) const {
    const int used = 4 * bits;
    StoreWord(first | second << used, at);
    StoreWord(second >> (64 - used), at + 8);
  }

  void Write(Words words, uint8_t* at) const {
    if constexpr (sizeof(Code) == 1) {
      for (size_t i = 0; i < kWords; ++i) StoreWord(words[i], at + i * static_cast<size_t>(bits));
    } else {
      for (size_t i = 0; i < kWords; i += 2) {
        WritePair(words[i], words[i + 1], at + i / 2 * static_cast<size_t>(bits));
      }
    }
  }
};

// Bytes that a turn of kWords words takes of a stream, and those that it may touch.
template <typename Code>
size_t TurnBytes(int bits) {
  return kWords * kCodesOfWord<Code> * static_cast<size_t>(bits) / 8;
}
constexpr size_t kTouched = 15;

template <typename Code>
constexpr size_t kCodesOfTurn = kWords * kCodesOfWord<Code>;

// Packs the codes; false if one has more than `bits` bits, in which case the stream means nothing.
template <typename Code>
bool PackCodes(const Code* codes, size_t count, int bits, uint8_t* stream) {
  const size_t size = PackedSize(count, bits);
  if (bits == kCodeBits<Code>) {
    if (size != 0) __builtin_memcpy(stream, codes, size);
    return true;
  }
  const Folds<Code> folds(bits);
  const Stream<Code> to{bits};
  const size_t turn = TurnBytes<Code>(bits);
  Words all = {};
  size_t i = 0;
  size_t at = 0;
  for (; i + kCodesOfTurn<Code> <= count && at + turn + kTouched <= size; at += turn) {
    Words words;
    __builtin_memcpy(&words, codes + i, sizeof(words));
    all |= words;
    to.Write(folds.Squeeze(words), stream + at);
    i += kCodesOfTurn<Code>;
  }
  for (; i < count; at += turn) {
    const size_t rest = count - i < kCodesOfTurn<Code> ? count - i : kCodesOfTurn<Code>;
    Words words = {};
    __builtin_memcpy(&words, codes + i, rest * sizeof(Code));
    all |= words;
    uint8_t buffer[sizeof(Words) + kTouched];
    to.Write(folds.Squeeze(words), buffer);
    __builtin_memcpy(stream + at, buffer, PackedSize(rest, bits));
    i += rest;
  }
  uint64_t any = 0;
  for (size_t word = 0; word < kWords; ++word) any |= all[word];
  return (any & ~LowBits(bits, kCodeBits<Code>)) == 0;
}

template <typename Code>
void UnpackCodes(const uint8_t* stream, size_t count, int bits, Code* codes) {
  const size_t size = PackedSize(count, bits);
  if (bits == kCodeBits<Code>) {
    if (size != 0) __builtin_memcpy(codes, stream, size);
    return;
  }
  const Folds<Code> folds(bits);
  const Stream<Code> from{bits};
  const size_t turn = TurnBytes<Code>(bits);
  const auto unpack_turn = [&](const uint8_t* at, Code* to) {
    Words words;
    if constexpr (kWords == 2) {
      words = Words{from.Read(at, 0), from.Read(at, 1)};
    } else {
      words = Words{from.Read(at, 0), from.Read(at, 1), from.Read(at, 2), from.Read(at, 3)};
    }
    words = folds.Spread(words);
    __builtin_memcpy(to, &words, sizeof(words));
  };
  size_t i = 0;
  size_t at = 0;
  for (; i + kCodesOfTurn<Code> <= count && at + turn + kTouched <= size; at += turn) {
    unpack_turn(stream + at, codes + i);
    i += kCodesOfTurn<Code>;
  }
  for (; i < count; at += turn) {
    const size_t rest = count - i < kCodesOfTurn<Code> ? count - i : kCodesOfTurn<Code>;
    uint8_t buffer[sizeof(Words) + kTouched] = {};
    __builtin_memcpy(buffer, stream + at, PackedSize(rest, bits));
    Code all[kCodesOfTurn<Code>];
    unpack_turn(buffer, all);
    __builtin_memcpy(codes + i, all, rest * sizeof(Code));
    i += rest;
  }
}

}  // namespace

bool Pack(const uint8_t* codes, size_t count, int bits, uint8_t* stream) {
  return PackCodes(codes, count, bits, stream);
}
bool Pack(const uint16_t* codes, size_t count, int bits, uint8_t* stream) {
  return PackCodes(codes, count, bits, stream);
}

void Unpack(const uint8_t* stream, size_t count, int bits, uint8_t* codes) {
  UnpackCodes(stream, count, bits, codes);
}
void Unpack(const uint8_t* stream, size_t count, int bits, uint16_t* codes) {
  UnpackCodes(stream, count, bits, codes);
}

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH
