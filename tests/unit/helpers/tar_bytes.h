// Tar archives put together byte by byte, for tests of their readers.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_HELPERS_TAR_BYTES_H_
#define MLPERF_LOADGEN_TESTS_UNIT_HELPERS_TAR_BYTES_H_

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace mlperf::shards {

inline std::string Octal(uint64_t value, int digits) {
  char text[32];
  std::snprintf(text, sizeof(text), "%0*llo", digits, static_cast<unsigned long long>(value));
  return text;
}

// Writes the checksum that a block should have.
inline void SetChecksum(std::string* block) {
  block->replace(148, 8, 8, ' ');
  uint64_t sum = 0;
  for (const char c : *block) sum += static_cast<unsigned char>(c);
  block->replace(148, 8, Octal(sum, 6) + std::string("\0 ", 2));
}

struct HeaderFields {
  char type = '0';
  std::string size_field = {};  // Empty: `size` in octal.
  std::string magic = std::string(
      "ustar\0"
      "00",
      8);
  std::string prefix = {};
  std::string link_name = {};
};

inline std::string TarBlock(std::string_view name, uint64_t size, const HeaderFields& fields = {}) {
  std::string block(512, '\0');
  block.replace(0, name.size(), name);
  const std::string size_field =
      fields.size_field.empty() ? Octal(size, 11) + '\0' : fields.size_field;
  block.replace(124, size_field.size(), size_field);
  block[156] = fields.type;
  block.replace(157, fields.link_name.size(), fields.link_name);
  block.replace(257, fields.magic.size(), fields.magic);
  block.replace(345, fields.prefix.size(), fields.prefix);
  SetChecksum(&block);
  return block;
}

inline std::string Padded(std::string body) {
  body.resize((body.size() + 511) / 512 * 512);
  return body;
}

inline std::string TarMember(std::string_view name, const std::string& body,
                             const HeaderFields& fields = {}) {
  return TarBlock(name, body.size(), fields) + Padded(body);
}

inline std::string TarEnd() { return std::string(1024, '\0'); }

}  // namespace mlperf::shards

#endif  // MLPERF_LOADGEN_TESTS_UNIT_HELPERS_TAR_BYTES_H_
