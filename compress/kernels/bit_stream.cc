// Codes to and from a bit stream, some words of codes of 8 or 16 bits at a time. Codes lie in
// fields of their word; a fold halves the number of fields by moving every second one down beside
// its neighbour, until all bits of the word's codes are at its lower end.
#include <bit>
#include <cstddef>
#include <cstdint>

#include "kernels/path.h"
#include "kernels/runs.h"

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

// kWords words of codes, which are packed and unpacked at a time. Bytes of the stream right behind
// them are read and written as well, kMargin at most.
template <typename Code>
class Turn {
 public:
  static constexpr size_t kCodes = kWords * kCodesOfWord<Code>;
  static constexpr size_t kMargin = 15;

  explicit Turn(int bits) : folds_(bits), bits_(static_cast<size_t>(bits)) {}

  // The bytes that its codes fill.
  size_t size() const { return kCodes * bits_ / 8; }

  void Pack(const Words& words, uint8_t* at) const {
    const Words squeezed = folds_.Squeeze(words);
    if constexpr (sizeof(Code) == 1) {
      for (size_t i = 0; i < kWords; ++i) StoreWord(squeezed[i], at + i * bits_);
    } else {
      for (size_t i = 0; i < kWords; i += 2) {
        StorePair(squeezed[i], squeezed[i + 1], at + i / 2 * bits_);
      }
    }
  }

  void Unpack(const uint8_t* at, Words* words) const {
    if constexpr (kWords == 2) {
      *words = Words{SqueezedWord(at, 0), SqueezedWord(at, 1)};
    } else {
      *words =
          Words{SqueezedWord(at, 0), SqueezedWord(at, 1), SqueezedWord(at, 2), SqueezedWord(at, 3)};
    }
    *words = folds_.Spread(*words);
  }

 private:
  // Two words of 16-bit codes have 8 codes, which fill whole bytes.
  void StorePair(uint64_t first, uint64_t second, uint8_t* at) const {
    const size_t used = 4 * bits_;
    StoreWord(first | second << used, at);
    StoreWord(second >> (64 - used), at + 8);
  }

  // With some bits of the next word above its own.
  uint64_t SqueezedWord(const uint8_t* at, size_t index) const {
    const size_t first_bit = index * kCodesOfWord<Code> * bits_;
    return LoadWord(at + first_bit / 8) >> first_bit % 8;
  }

  Folds<Code> folds_;
  size_t bits_;
};

template <typename Code>
bool PackCodes(const Code* codes, size_t count, int bits, uint8_t* stream) {
  const size_t size = PackedSize(count, bits);
  if (bits == kCodeBits<Code>) {
    if (size != 0) __builtin_memcpy(stream, codes, size);
    return true;
  }
  using CodeTurn = Turn<Code>;
  const CodeTurn turn(bits);
  Words all = {};
  size_t i = 0;
  size_t at = 0;
  for (; at + turn.size() + CodeTurn::kMargin <= size; at += turn.size()) {
    Words words;
    __builtin_memcpy(&words, codes + i, sizeof(words));
    all |= words;
    turn.Pack(words, stream + at);
    i += CodeTurn::kCodes;
  }
  for (; i < count; at += turn.size()) {
    const size_t rest = Least(count - i, CodeTurn::kCodes);
    Words words = {};
    __builtin_memcpy(&words, codes + i, rest * sizeof(Code));
    all |= words;
    uint8_t buffer[sizeof(Words) + CodeTurn::kMargin];
    turn.Pack(words, buffer);
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
  using CodeTurn = Turn<Code>;
  const CodeTurn turn(bits);
  size_t i = 0;
  size_t at = 0;
  Words words;
  for (; at + turn.size() + CodeTurn::kMargin <= size; at += turn.size()) {
    turn.Unpack(stream + at, &words);
    __builtin_memcpy(codes + i, &words, sizeof(words));
    i += CodeTurn::kCodes;
  }
  for (; i < count; at += turn.size()) {
    const size_t rest = Least(count - i, CodeTurn::kCodes);
    uint8_t buffer[sizeof(Words) + CodeTurn::kMargin] = {};
    __builtin_memcpy(buffer, stream + at, PackedSize(rest, bits));
    turn.Unpack(buffer, &words);
    __builtin_memcpy(codes + i, &words, rest * sizeof(Code));
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
