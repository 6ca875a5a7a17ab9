#include "shard_index.h"

namespace mlperf::shards {

std::string TextOf(ErrorKind kind, std::string_view key, std::string_view field) {
  const std::string sample = "sample \"" + ShownName(key) + "\"";
  switch (kind) {
    case ErrorKind::kDuplicate:
      return sample + " has the field \"" + ShownName(field) +
             "\" twice (capitals do not count); rename or remove one of them";
    case ErrorKind::kReserved:
      return sample + " has the field \"" + ShownName(field) +
             "\", a name that readers use themselves; rename it";
    default:
      return "the key \"" + ShownName(key) +
             "\" comes back after other samples; sort the shard's members, or "
             "interleaved=\"split\" takes each run of members as a sample";
  }
}

Step IndexBuilder::Take(const Walker& walker, Step step) {
  switch (step) {
    case Step::kMember:
      return TakeMember(walker.member()) ? Step::kContinue : Step::kError;
    case Step::kEndMarker:
      grouping_.EndSample();
      return Step::kContinue;
    case Step::kDone:
      index_.remarks.TakeEnd(walker);
      return Step::kDone;
    case Step::kError:
      error_ = walker.error();
      return Step::kError;
    case Step::kContinue:
      break;
  }
  return Step::kContinue;
}

bool IndexBuilder::TakeMember(const Member& member) {
  if (member.type == MemberType::kFile) {
    const Body body{member.body_offset, member.size, HashOfBlock(member.header)};
    if (options_.resolve_links) bodies_.insert_or_assign(member.name, body);
    return TakeBody(member, body);
  }
  if (member.type != MemberType::kHardLink || !options_.resolve_links) {
    index_.remarks.CountType(member.type);
    return true;
  }
  const auto target = bodies_.find(member.link_name);
  if (target == bodies_.end()) {
    return Fail(ErrorKind::kUnsupported, member,
                "a hard link to \"" + ShownName(member.link_name) +
                    "\", which is no earlier member; links=\"skip\" leaves it out");
  }
  const Body body = target->second;
  bodies_.insert_or_assign(member.name, body);
  return TakeBody(member, body);
}

bool IndexBuilder::TakeBody(const Member& member, const Body& body) {
  const SampleName name = SplitName(member.name);
  if (name.kind != NameKind::kField) {
    index_.remarks.CountName(name.kind);
    return true;
  }
  const Grouping::Place place = grouping_.Take(name);
  const bool is_interleaved = place.has_returned && !options_.split_interleaved;
  if (is_interleaved || place.error != ErrorKind::kNone) {
    const ErrorKind kind = is_interleaved ? ErrorKind::kInterleaved : place.error;
    return Fail(kind, member, TextOf(kind, name.key, grouping_.fields()[place.field]));
  }
  if (place.begins_sample) index_.first_member.push_back(index_.offset.size());
  index_.field.push_back(place.field);
  index_.offset.push_back(body.offset);
  index_.size.push_back(body.size);
  index_.header_hash.push_back(body.header_hash);
  return true;
}

bool IndexBuilder::Fail(ErrorKind kind, const Member& member, std::string what) {
  error_ = {kind, member.header_offset, member.name, std::move(what)};
  return false;
}

ShardIndex IndexBuilder::TakeIndex() {
  index_.keys = grouping_.TakeKeys();
  index_.fields = grouping_.TakeFields();
  return std::move(index_);
}

}  // namespace mlperf::shards
