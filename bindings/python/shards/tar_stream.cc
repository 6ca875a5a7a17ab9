#include "tar_stream.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "conversions.h"
#include "shard_file.h"

namespace mlperf::python {

using namespace py::literals;
using shards::ErrorKind;
using shards::Member;
using shards::MemberType;

namespace {

// What a header may claim is not believed before the bytes are there.
constexpr uint64_t kMaxReserve = 16 << 20;

py::bytes BytesOf(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

TarStream::TarStream(std::string shard, StreamOptions options)
    : shard_(std::move(shard)),
      options_(std::move(options)),
      stream_(options_.read_concatenated),
      grouping_(Lower) {}

py::list TarStream::Feed(std::string_view bytes) {
  try {
    while (!is_done_ && !error_) {
      const Event event = stream_.Next(&bytes);
      if (event == Event::kNeedsMore) break;
      Take(event);
    }
  } catch (const py::error_already_set&) {  // Of a user's function.
    is_done_ = true;
    key_ = {};
    throw;
  }
  return Samples();
}

py::list TarStream::Finish() {
  if (!is_done_ && !error_) Take(stream_.Finish());
  return Samples();
}

void TarStream::Take(Event event) {
  switch (event) {
    case Event::kMember:
      TakeMember();
      break;
    case Event::kBody:
      TakeBody(stream_.body());
      break;
    case Event::kEndMarker:
      EndSample();
      grouping_.EndSample();
      break;
    case Event::kDone:
      EndSample();
      remarks_.TakeEnd(stream_.walker());
      is_done_ = true;
      break;
    case Event::kError:
      error_ = stream_.walker().error();
      key_ = {};
      break;
    case Event::kNeedsMore:
      break;
  }
}

void TarStream::TakeMember() {
  const Member& member = stream_.walker().member();
  field_ = {};
  if (member.type == MemberType::kFile) {
    if (PlaceMember(member.name) || options_.resolve_links) BeginBody(member);
  } else if (member.type == MemberType::kHardLink && options_.resolve_links) {
    TakeLink(member);
  } else {
    remarks_.CountType(member.type);
  }
}

void TarStream::TakeLink(const Member& member) {
  const py::bytes target = BytesOf(member.link_name);
  if (!bodies_.contains(target)) {
    Fail(ErrorKind::kUnsupported,
         "a hard link to \"" + shards::ShownName(member.link_name) +
             "\", which is no earlier member; links=\"skip\" leaves it out");
    return;
  }
  member_name_ = member.name;
  PlaceMember(member.name);
  if (!error_) EndBody(bodies_[target]);
}

void TarStream::BeginBody(const Member& member) {
  if (error_) return;
  member_name_ = member.name;
  has_body_ = true;
  body_left_ = member.size;
  if (member.size == 0) EndBody(py::bytes());
}

void TarStream::TakeBody(std::string_view part) {
  if (!has_body_) return;
  const bool is_last = part.size() == body_left_;
  if (is_last && gathered_.empty()) {
    EndBody(BytesOf(part));
    return;
  }
  if (gathered_.empty()) gathered_.reserve(std::min(body_left_, kMaxReserve));
  gathered_.append(part);
  body_left_ -= part.size();
  if (!is_last) return;
  EndBody(BytesOf(gathered_));
  gathered_.clear();
}

void TarStream::EndBody(py::object body) {
  has_body_ = false;
  if (field_) fields_[field_] = body;
  if (options_.resolve_links) bodies_[BytesOf(member_name_)] = std::move(body);
}

// Whether the member's body is a field; `field_` is its name then.
bool TarStream::PlaceMember(std::string_view name) {
  if (shards::SplitName(name).kind == shards::NameKind::kMeta) {
    remarks_.Count(shards::LeftOut::kMeta);
    return false;
  }
  std::string renamed;
  if (!options_.rename.is_none()) name = renamed = Bytes(options_.rename(Text(name)));
  if (!options_.select.is_none() && !py::bool_(options_.select(Text(name)))) {
    ++not_selected_;
    return false;
  }
  const shards::SampleName sample_name = shards::SplitName(name);
  if (sample_name.kind != shards::NameKind::kField) {
    remarks_.CountName(sample_name.kind);
    return false;
  }
  const shards::Grouping::Place place = grouping_.Take(sample_name);
  if (place.begins_sample) EndSample();
  if (!Fits(place, sample_name)) return false;
  while (field_names_.size() <= place.field) {
    py::object text = Text(grouping_.fields()[field_names_.size()]);
    PyObject* interned = text.release().ptr();
    PyUnicode_InternInPlace(&interned);
    field_names_.push_back(py::reinterpret_steal<py::object>(interned));
  }
  field_ = field_names_[place.field];
  if (place.begins_sample) key_ = Text(sample_name.key);
  return true;
}

bool TarStream::Fits(const shards::Grouping::Place& place, const shards::SampleName& name) {
  remarks_.returned_keys += place.has_returned;
  if (place.error == ErrorKind::kNone) return true;
  Fail(place.error, shards::TextOf(place.error, name.key, grouping_.fields()[place.field]));
  return false;
}

void TarStream::EndSample() {
  if (!key_) return;
  samples_.append(py::make_tuple(std::move(key_), std::move(fields_)));
  key_ = {};
  fields_ = py::dict();
}

py::list TarStream::Samples() {
  if (samples_.empty() && error_) Raise(shard_, error_);
  return std::exchange(samples_, py::list());
}

// The sample in progress is dropped.
void TarStream::Fail(ErrorKind kind, std::string what) {
  const Member& member = stream_.walker().member();
  error_ = {kind, member.header_offset, member.name, std::move(what)};
  key_ = {};
}

py::dict TarStream::Counts() const {
  py::dict counts = CountsOf(remarks_);
  if (not_selected_ != 0) counts["not_selected"] = not_selected_;
  return counts;
}

py::list TarStream::Warnings() const { return WarningsOf(remarks_); }

namespace {

// The samples of a local shard, as many at a time as some reads give.
class SampleReader {
 public:
  SampleReader(std::string path, std::unique_ptr<TarStream> stream)
      : path_(std::move(path)), stream_(std::move(stream)), buffer_(new char[kReadSize]) {
    const int error = Unlocked([&] { return file_.Open(path_); });
    if (error != 0) RaiseSystemError(error, path_);
  }

  py::list Next() {
    while (!has_ended_) {
      size_t count = 0;
      const int error =
          Unlocked([&] { return file_.ReadAt(offset_, buffer_.get(), kReadSize, &count); });
      if (error != 0) RaiseSystemError(error, path_);
      offset_ += count;
      py::list samples = stream_->Feed({buffer_.get(), count});
      has_ended_ = count == 0;
      if (has_ended_) samples = stream_->Finish();
      if (!samples.empty()) return samples;
    }
    stream_->Finish();  // Raises the error that the last samples stood before.
    throw py::stop_iteration();
  }

  const TarStream& stream() const { return *stream_; }

 private:
  static constexpr size_t kReadSize = 256 << 10;

  static int Unlocked(const std::function<int()>& call) {
    const py::gil_scoped_release release;
    return call();
  }

  const std::string path_;
  std::unique_ptr<TarStream> stream_;
  std::unique_ptr<char[]> buffer_;
  shards::ShardFile file_;
  uint64_t offset_ = 0;
  bool has_ended_ = false;
};

std::unique_ptr<TarStream> MakeStream(py::handle shard, const std::string& links,
                                      const std::string& concatenated, py::object select,
                                      py::object rename) {
  StreamOptions options;
  options.resolve_links = IsChosen("links", links, "skip", "resolve");
  options.read_concatenated = IsChosen("concatenated", concatenated, "refuse", "read");
  options.select = std::move(select);
  options.rename = std::move(rename);
  return std::make_unique<TarStream>(Bytes(shard), std::move(options));
}

}  // namespace

void BindTarStream(py::module_& module) {
  py::class_<TarStream>(module, "TarStream", "The samples of one shard whose bytes are fed to it.")
      .def(py::init([](const py::str& shard, const std::string& links,
                       const std::string& concatenated, py::object select, py::object rename) {
             return MakeStream(shard, links, concatenated, std::move(select), std::move(rename));
           }),
           "shard"_a, py::kw_only(), "links"_a = "skip", "concatenated"_a = "refuse",
           "select"_a = py::none(), "rename"_a = py::none())
      .def(
          "feed",
          [](TarStream& stream, const py::buffer& chunk) {
            const HeldBuffer bytes(chunk);
            return stream.Feed(bytes.text());
          },
          "chunk"_a, py::pos_only(),
          "Takes the next bytes; returns the samples that they complete, each (key, {field: "
          "bytes}).")
      .def("finish", &TarStream::Finish, "The shard ends here; returns the last samples.")
      .def_property_readonly("counts", &TarStream::Counts,
                             "Members that belong to no sample, counted by reason.")
      .def_property_readonly("warnings", &TarStream::Warnings,
                             "(kind, text) of what users should hear of, known at the end.");

  py::class_<SampleReader>(module, "SampleReader", "The samples of a local shard, in lists.")
      .def("__iter__", [](py::object self) { return self; })
      .def("__next__", &SampleReader::Next)
      .def_property_readonly("counts", [](const SampleReader& r) { return r.stream().Counts(); })
      .def_property_readonly("warnings",
                             [](const SampleReader& r) { return r.stream().Warnings(); });
  module.def(
      "read_samples",
      [](const py::str& path, const std::string& links, const std::string& concatenated,
         py::object select, py::object rename) {
        return std::make_unique<SampleReader>(
            Bytes(path),
            MakeStream(path, links, concatenated, std::move(select), std::move(rename)));
      },
      "path"_a, py::kw_only(), "links"_a = "skip", "concatenated"_a = "refuse",
      "select"_a = py::none(), "rename"_a = py::none(),
      "The samples of a local shard that is not compressed, in lists; the interpreter's lock is "
      "left "
      "while it reads.");
}

}  // namespace mlperf::python
