// Walks through the members of a tar archive: a state machine that is fed with blocks.
//
// It reads nothing itself and keeps no bodies, so that an index, a stream and a check are the same
// walk. The caller gives it the `wanted()` bytes that begin at `offset()`, and gets to know what
// they are; the archive's other bytes are bodies.
#ifndef MLPERF_SHARDS_WALKER_H_
#define MLPERF_SHARDS_WALKER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "format_error.h"
#include "pax_records.h"
#include "tar_header.h"

namespace mlperf::shards {

enum class MemberType : uint8_t { kFile, kHardLink, kSymbolicLink, kDirectory, kOther };

struct Member {
  MemberType type = MemberType::kFile;
  std::string name;
  std::string link_name;
  uint64_t header_offset = 0;  // Of its own header; long names and records stand before it.
  uint64_t size_offset = 0;    // Of the header that says its size.
  uint64_t body_offset = 0;
  uint64_t size = 0;             // 0 if its type has no body.
  const char* header = nullptr;  // The block, as the walker was given it.
};

enum class Step : uint8_t {
  kContinue,   // Nothing to report.
  kMember,     // member() is the next one; its body begins right after its header.
  kEndMarker,  // The first zero block.
  kDone,       // Nothing of the archive follows.
  kError,      // error() says what is wrong.
};

class Walker {
 public:
  // Extended headers and long names may be as large as this.
  static constexpr uint64_t kMaxExtensionSize = 1 << 20;

  // `read_concatenated`: an archive may follow the end of another.
  explicit Walker(bool read_concatenated) : read_concatenated_(read_concatenated) {}

  uint64_t offset() const { return offset_; }
  size_t wanted() const { return wanted_; }

  // Takes the wanted bytes. No step may follow kDone or kError.
  Step Take(const char* bytes);

  // The archive ends at `size`, before all wanted bytes have come; `rest` are those of them that
  // are there. Returns kDone or kError.
  Step Finish(uint64_t size, std::string_view rest);

  const Member& member() const { return member_; }
  const FormatError& error() const { return error_; }

  // What a reader of a sound archive should hear of.
  bool has_no_end_marker() const { return has_no_end_marker_; }
  bool has_data_after_end() const { return has_data_after_end_; }

 private:
  Step TakeBlock(const char* block);
  Step TakeAfterEnd(const char* block);
  Step TakeZeroBlock();
  Step TakeHeader(const char* block);
  Step TakeExtensionHeader(const TarHeader& header);
  Step TakeExtension(std::string_view body);
  Step TakeMember(const TarHeader& header, const char* block);
  Step SetBody(const TarHeader& header);
  Step Fail(ErrorKind kind, uint64_t offset, std::string what);
  Step FailMember(ErrorKind kind, uint64_t offset, const std::string& what);
  Step FailDangling();
  void ForgetExtensions();

  const bool read_concatenated_;
  uint64_t offset_ = 0;
  size_t wanted_ = kBlockSize;
  bool has_ended_ = false;
  bool has_no_end_marker_ = false;
  bool has_data_after_end_ = false;

  // The extension whose body is wanted; type 0: a header is.
  char extension_type_ = 0;
  uint64_t extension_size_ = 0;
  uint64_t extension_offset_ = 0;

  // What extensions say of the next member.
  bool is_extended_ = false;
  uint64_t first_extension_offset_ = 0;
  uint64_t size_record_offset_ = 0;
  std::optional<std::string> long_name_;
  std::optional<std::string> long_link_;
  PaxValues pax_;

  Member member_;
  FormatError error_;
};

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_WALKER_H_
