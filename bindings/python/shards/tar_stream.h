// TarStream and read_samples: whole samples from the bytes of a shard.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_SHARDS_TAR_STREAM_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_SHARDS_TAR_STREAM_H_

#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "format_error.h"
#include "grouping.h"
#include "member_stream.h"
#include "shard_index.h"

namespace mlperf::python {

namespace py = pybind11;

// What users choose of a stream.
struct StreamOptions {
  bool resolve_links = false;
  bool read_concatenated = false;
  py::object select;  // A predicate on names of members; None: all.
  py::object rename;  // A function from name to name; None: none.
};

class TarStream {
 public:
  TarStream(std::string shard, StreamOptions options);

  // The samples that these bytes complete, each (key, {field: bytes}). An error in the archive is
  // raised by the call that has no samples before it, and by all later ones.
  py::list Feed(std::string_view bytes);
  py::list Finish();

  py::dict Counts() const;
  py::list Warnings() const;

 private:
  using Event = shards::MemberStream::Event;

  void Take(Event event);
  void TakeMember();
  void TakeLink(const shards::Member& member);
  void BeginBody(const shards::Member& member);
  void TakeBody(std::string_view part);
  void EndBody(py::object body);
  bool PlaceMember(std::string_view name);
  bool Fits(const shards::Grouping::Place& place, const shards::SampleName& name);
  void EndSample();
  py::list Samples();
  void Fail(shards::ErrorKind kind, std::string what);

  const std::string shard_;
  const StreamOptions options_;
  shards::MemberStream stream_;
  shards::Grouping grouping_;
  std::vector<py::object> field_names_;
  bool is_done_ = false;
  shards::FormatError error_;

  py::list samples_;  // Complete, and not handed out yet.
  py::object key_;    // Of the sample in progress; null: there is none.
  py::dict fields_;

  // The body in progress. One that a piece does not hold whole is gathered.
  bool has_body_ = false;
  py::object field_;  // Null: it belongs to no sample.
  std::string member_name_;
  uint64_t body_left_ = 0;
  std::string gathered_;
  py::dict bodies_;  // By the member's name, if links are resolved.

  shards::Remarks remarks_;
  uint64_t not_selected_ = 0;
};

void BindTarStream(py::module_& module);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_SHARDS_TAR_STREAM_H_
