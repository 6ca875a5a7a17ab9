#include "walker.h"

#include <utility>

namespace mlperf::shards {
namespace {

constexpr char kDownloadAgain[] = "the shard was cut or damaged: copy or download it again";

bool IsExtension(char type) {
  return type == 'L' || type == 'K' || type == 'x' || type == 'X' || type == 'g';
}

MemberType TypeOf(char type, std::string_view name) {
  switch (type) {
    case '\0':
      return name.ends_with('/') ? MemberType::kDirectory : MemberType::kFile;
    case '0':
    case '7':
      return MemberType::kFile;
    case '1':
      return MemberType::kHardLink;
    case '2':
      return MemberType::kSymbolicLink;
    case '5':
      return MemberType::kDirectory;
    default:
      return MemberType::kOther;
  }
}

// Links, devices, directories and pipes have no body, whatever their size field says.
bool HasBody(char type, MemberType member_type) {
  return (type < '1' || type > '6') && member_type != MemberType::kDirectory;
}

}  // namespace

Step Walker::Take(const char* bytes) {
  if (extension_type_ != 0) return TakeExtension({bytes, extension_size_});
  return TakeBlock(bytes);
}

Step Walker::TakeBlock(const char* block) {
  if (has_ended_) return TakeAfterEnd(block);
  if (IsZero(block, kBlockSize)) return TakeZeroBlock();
  if (HasRightChecksum(block)) return TakeHeader(block);
  if (offset_ == 0) {
    return Fail(ErrorKind::kNotTar, 0, "this is no tar archive; check the path or URL");
  }
  return Fail(ErrorKind::kChecksum, offset_,
              std::string("no valid header where one must be; ") + kDownloadAgain);
}

Step Walker::TakeZeroBlock() {
  if (is_extended_) return FailDangling();
  has_ended_ = true;
  offset_ += kBlockSize;
  return Step::kEndMarker;
}

Step Walker::TakeAfterEnd(const char* block) {
  if (IsZero(block, kBlockSize)) {
    offset_ += kBlockSize;
    return Step::kContinue;
  }
  if (!HasRightChecksum(block)) {
    has_data_after_end_ = true;
    return Step::kDone;
  }
  if (read_concatenated_) {
    has_ended_ = false;
    return TakeHeader(block);
  }
  return Fail(ErrorKind::kAfterEnd, offset_,
              "another archive follows the end marker, and most readers lose it; "
              "concatenated=\"read\" reads on");
}

Step Walker::TakeHeader(const char* block) {
  const TarHeader header(block);
  if (IsExtension(header.type)) return TakeExtensionHeader(header);
  if (header.type == 'M') {
    return Fail(ErrorKind::kUnsupported, offset_,
                "a file that began on another volume; join the volumes and pack them again");
  }
  if (header.type == 'S' || pax_.is_sparse) {
    return Fail(ErrorKind::kUnsupported, offset_,
                "a sparse file; pack it again without tar's option --sparse");
  }
  return TakeMember(header, block);
}

Step Walker::TakeExtensionHeader(const TarHeader& header) {
  const std::optional<uint64_t> size = ReadNumber(header.size);
  if (!size) {
    return Fail(ErrorKind::kNumber, offset_,
                std::string("the size of an extended header is no number; ") + kDownloadAgain);
  }
  if (*size > kMaxExtensionSize) {
    return Fail(ErrorKind::kLimit, offset_,
                "an extended header or long name of " + std::to_string(*size) +
                    " bytes; 1 MiB is the limit");
  }
  extension_type_ = header.type;
  extension_size_ = *size;
  extension_offset_ = offset_;
  offset_ += kBlockSize;
  wanted_ = PaddedSize(*size);
  if (wanted_ == 0) return TakeExtension({});
  return Step::kContinue;
}

Step Walker::TakeExtension(std::string_view body) {
  const char type = std::exchange(extension_type_, 0);
  if (type != 'g' && !std::exchange(is_extended_, true)) {
    first_extension_offset_ = extension_offset_;
  }
  const char* fault = nullptr;
  if (type == 'L') {
    long_name_ = body.substr(0, body.find('\0'));
  } else if (type == 'K') {
    long_link_ = body.substr(0, body.find('\0'));
  } else if (type == 'g') {
    PaxValues global;
    fault = ReadPaxRecords(body, &global);
    if (fault == nullptr && (global.path || global.size || global.link_path)) {
      fault =
          "a global header sets path, size or linkpath of all members, and readers disagree "
          "about that";
    }
  } else {
    fault = ReadPaxRecords(body, &pax_);
    if (pax_.size) size_record_offset_ = extension_offset_;
  }
  if (fault != nullptr) {
    return Fail(ErrorKind::kPax, extension_offset_, std::string(fault) + "; pack the shard again");
  }
  offset_ += wanted_;
  wanted_ = kBlockSize;
  return Step::kContinue;
}

Step Walker::TakeMember(const TarHeader& header, const char* block) {
  member_.header = block;
  member_.header_offset = offset_;
  if (pax_.path) {
    member_.name = std::move(*pax_.path);
  } else if (long_name_) {
    member_.name = std::move(*long_name_);
  } else if (!header.prefix.empty()) {
    member_.name.assign(header.prefix).append("/").append(header.name);
  } else {
    member_.name = header.name;
  }
  member_.type = TypeOf(header.type, member_.name);
  if (pax_.link_path) {
    member_.link_name = std::move(*pax_.link_path);
  } else if (long_link_) {
    member_.link_name = std::move(*long_link_);
  } else {
    member_.link_name = header.link_name;
  }
  return SetBody(header);
}

// Where the body ends, and the next header begins.
Step Walker::SetBody(const TarHeader& header) {
  member_.body_offset = offset_ + kBlockSize;
  member_.size_offset = pax_.size ? size_record_offset_ : offset_;
  member_.size = 0;
  if (HasBody(header.type, member_.type)) {
    const std::optional<uint64_t> size = pax_.size ? pax_.size : ReadNumber(header.size);
    if (!size) {
      return FailMember(ErrorKind::kNumber, offset_, "the size is no number from 0 to 2^63 - 1");
    }
    // No file is that large; sums must not wrap.
    if (*size > kMaxNumber - kBlockSize || member_.body_offset > kMaxNumber - PaddedSize(*size)) {
      return FailMember(ErrorKind::kTruncated, member_.size_offset,
                        "a size of " + std::to_string(*size) + " bytes, which no file has");
    }
    member_.size = *size;
  }
  ForgetExtensions();
  offset_ = member_.body_offset + PaddedSize(member_.size);
  return Step::kMember;
}

void Walker::ForgetExtensions() {
  if (!is_extended_) return;
  is_extended_ = false;
  long_name_.reset();
  long_link_.reset();
  pax_ = {};
}

Step Walker::Finish(uint64_t size, std::string_view rest) {
  if (has_ended_) {
    has_data_after_end_ = has_data_after_end_ || !IsZero(rest.data(), rest.size());
    return Step::kDone;
  }
  if (size == 0) {
    return Fail(ErrorKind::kNotTar, 0, "the file is empty; check the path or URL");
  }
  if (extension_type_ != 0) {
    return Fail(ErrorKind::kTruncated, extension_offset_,
                std::string("ends inside an extended header; ") + kDownloadAgain);
  }
  if (size < offset_) {
    return FailMember(ErrorKind::kTruncated, member_.size_offset,
                      "the file ends at byte " + std::to_string(size) + ", inside the " +
                          std::to_string(member_.size) + " bytes of this member or their padding");
  }
  if (size > offset_) {
    return Fail(ErrorKind::kTruncated, offset_,
                std::string("ends inside a header; ") + kDownloadAgain);
  }
  if (is_extended_) return FailDangling();
  has_no_end_marker_ = true;
  return Step::kDone;
}

Step Walker::Fail(ErrorKind kind, uint64_t offset, std::string what) {
  error_ = {kind, offset, "", std::move(what)};
  return Step::kError;
}

Step Walker::FailMember(ErrorKind kind, uint64_t offset, const std::string& what) {
  error_ = {kind, offset, member_.name, what + "; " + kDownloadAgain};
  return Step::kError;
}

Step Walker::FailDangling() {
  return Fail(
      ErrorKind::kDangling, first_extension_offset_,
      std::string("an extended header or long name that no member follows; ") + kDownloadAgain);
}

}  // namespace mlperf::shards
