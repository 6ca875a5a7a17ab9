#include "sample_library.h"

#include <pybind11/stl.h>

#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "conversions.h"
#include "library.h"
#include "sample.h"

namespace mlperf::python {
namespace {

using namespace py::literals;
using shards::Fault;
using shards::FaultKind;
using shards::IndexedShard;
using shards::Library;
using shards::LoadedField;
using shards::LoadedSample;

class SampleLibrary {
 public:
  SampleLibrary(std::vector<std::string> paths, std::vector<std::string> names,
                const shards::LibraryOptions& options, py::object decompress)
      : paths_(std::move(paths)), names_(std::move(names)), decompress_(std::move(decompress)) {
    Call([&](const Library::Decompress& bytes) {
      return Library::Open(paths_, options, Lower, bytes, &named_.library);
    });
    for (size_t i = 0; i < library().fields().size(); ++i) {
      PyObject* name = Text(library().fields()[i]).release().ptr();
      PyUnicode_InternInPlace(&name);
      named_.field_names.push_back(py::reinterpret_steal<py::object>(name));
    }
  }

  const Library& library() const { return *named_.library; }
  const NamedLibrary* named() const { return &named_; }

  void Load(const py::object& indices) {
    const std::vector<uint64_t> samples = Indices(indices);
    std::vector<uint64_t> counted;
    try {
      Call([&](const Library::Decompress& bytes) {
        return named_.library->Load(samples, bytes, &counted);
      });
    } catch (...) {  // With the interpreter's lock, as Find has it.
      named_.library->Unload(counted);
      throw;
    }
  }

  void Unload(const py::object& indices) {
    const std::vector<uint64_t> samples = Indices(indices);
    if (named_.library->Unload(samples)) return;
    for (const uint64_t sample : samples) {
      if (library().Loaded(sample) == nullptr) RaiseNotLoaded(sample);
    }
    Raise(PyExc_LookupError, "Samples are unloaded more often than they were loaded.");
  }

  py::object Find(py::handle self, py::handle index, py::object decoded) const {
    const uint64_t sample = Index(index);
    const LoadedSample* const loaded = library().Loaded(sample);
    if (loaded == nullptr) RaiseNotLoaded(sample);
    return MakeSample(self, &named_, loaded, std::move(decoded));
  }

  py::object Read(py::handle self, py::handle index) {
    const uint64_t sample = Index(index);
    shards::BatchHold batch;
    Call([&](const Library::Decompress& bytes) {
      return named_.library->Read(sample, bytes, &batch);
    });
    return MakeSample(self, &named_, batch->samples(), {});
  }

  uint64_t Index(py::handle index) const {
    const Py_ssize_t number = PyNumber_AsSsize_t(index.ptr(), PyExc_IndexError);
    if (number == -1 && PyErr_Occurred()) throw py::error_already_set();
    if (number < 0 || static_cast<size_t>(number) >= library().sample_count()) {
      Raise(PyExc_IndexError, "There is no sample " + std::to_string(number) +
                                  "; the library has " + std::to_string(library().sample_count()) +
                                  ", from 0 on.");
    }
    return static_cast<uint64_t>(number);
  }

  const IndexedShard& Shard(size_t number) const {
    const size_t count = library().shard_count();
    if (number < count) return library().shard(number);
    Raise(PyExc_IndexError, "There is no shard " + std::to_string(number) + "; the library has " +
                                std::to_string(count) + ", from 0 on.");
  }

  std::vector<uint64_t> Indices(const py::object& indices) const {
    const auto sequence = py::reinterpret_steal<py::object>(
        PySequence_Fast(indices.ptr(), "The indices of samples are a sequence of integers."));
    if (!sequence) throw py::error_already_set();
    std::vector<uint64_t> samples;
    samples.reserve(static_cast<size_t>(PySequence_Fast_GET_SIZE(sequence.ptr())));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence.ptr()); ++i) {
      samples.push_back(Index(PySequence_Fast_GET_ITEM(sequence.ptr(), i)));
    }
    return samples;
  }

  // The bytes of one field of loaded samples, one after the other.
  void Copy(const py::object& indices, const std::string& field, const py::buffer& to) const {
    const HeldBuffer target(to, PyBUF_WRITABLE);
    char* at = target.data();
    const char* const end = at + target.text().size();
    for (const uint64_t sample : Indices(indices)) {
      const LoadedField& found = FieldOf(sample, field);
      if (static_cast<uint64_t>(end - at) < found.size) {
        throw py::value_error("The buffer is too small for the field \"" + field + "\".");
      }
      std::memcpy(at, found.data, found.size);
      at += found.size;
    }
  }

  const LoadedField& FieldOf(uint64_t sample, const std::string& field) const {
    const LoadedSample* const loaded = library().Loaded(sample);
    if (loaded == nullptr) RaiseNotLoaded(sample);
    for (const LoadedField& found : loaded->fields()) {
      if (library().fields()[found.field] == field) return found;
    }
    Raise(PyExc_KeyError, "The sample " + std::to_string(sample) + " (" +
                              std::string(library().Key(sample)) + ") has no field \"" + field +
                              "\".");
  }

 private:
  [[noreturn]] static void Raise(PyObject* type, const std::string& text) {
    PyErr_SetObject(type, Text(text).ptr());
    throw py::error_already_set();
  }

  [[noreturn]] static void RaiseNotLoaded(uint64_t sample) {
    const std::string number = std::to_string(sample);
    Raise(PyExc_LookupError, "The sample " + number + " is not loaded: load_samples([" + number +
                                 "]) loads it, and read(" + number + ") reads it without loading.");
  }

  // Calls without the interpreter's lock; a fault becomes an exception.
  template <typename Function>
  void Call(const Function& function) {
    std::exception_ptr thrown;
    const auto bytes = [&](size_t shard, const Library::Take& take) {
      const py::gil_scoped_acquire acquire;
      try {
        for (const py::handle piece : decompress_(Text(paths_[shard]))) {
          const HeldBuffer held(piece);
          if (!take(held.text())) break;
        }
      } catch (const py::error_already_set&) {
        thrown = std::current_exception();
        return Fault::Stopped();
      }
      return Fault();
    };
    Fault fault;
    {
      const py::gil_scoped_release release;
      fault = function(bytes);
    }
    if (thrown) std::rethrow_exception(thrown);
    if (PyErr_Occurred()) throw py::error_already_set();  // By a signal.
    if (!fault) return;
    const bool is_of_file = fault.kind == FaultKind::kSystem;
    RaiseFault((is_of_file ? paths_ : names_)[fault.shard], fault);
  }

  const std::vector<std::string> paths_;
  const std::vector<std::string> names_;  // Of the shards, as users know them.
  const py::object decompress_;
  NamedLibrary named_;
};

py::dict DescribeShard(const SampleLibrary& self, size_t number) {
  const IndexedShard& shard = self.Shard(number);
  const shards::ShardIndex& index = shard.index;
  uint64_t bytes = 0;
  for (const uint64_t size : index.size) bytes += size;
  return py::dict("path"_a = Text(self.library().path(number)), "samples"_a = index.sample_count(),
                  "members"_a = index.offset.size(), "field_bytes"_a = bytes,
                  "filesize"_a = shard.identity.size, "is_compressed"_a = shard.is_compressed,
                  "left_out"_a = CountsOf(index.remarks), "warnings"_a = WarningsOf(index.remarks));
}

py::list SampleCounts(const SampleLibrary& self) {
  py::list counts;
  for (size_t i = 0; i < self.library().shard_count(); ++i) {
    counts.append(self.library().shard(i).index.sample_count());
  }
  return counts;
}

py::list AllWarnings(const SampleLibrary& self) {
  py::list all;
  for (size_t i = 0; i < self.library().shard_count(); ++i) {
    for (const shards::Warning& warning : self.library().shard(i).index.remarks.Warnings()) {
      all.append(py::make_tuple(i, warning.kind, warning.text));
    }
  }
  return all;
}

// What the digest of a library is made of.
py::bytes IndexBytes(const SampleLibrary& self, size_t number) {
  const shards::ShardIndex& index = self.Shard(number).index;
  std::string bytes = index.keys.text();
  const auto append = [&](const auto& values) {
    bytes.append(reinterpret_cast<const char*>(values.data()),
                 values.size() * sizeof(values.front()));
  };
  append(index.keys.ends());
  append(index.first_member);
  append(index.size);
  append(index.header_hash);
  for (const uint32_t field : index.field)
    bytes.append(self.library().fields()[field]).append("\n");
  return bytes;
}

py::list Members(const SampleLibrary& self, const py::object& index) {
  const uint64_t sample = self.Index(index);
  const auto [shard, number] = self.library().Locate(sample);
  const shards::ShardIndex& places = self.library().shard(shard).index;
  const auto [begin, end] = places.MembersOf(number);
  py::list members;
  for (uint64_t i = begin; i < end; ++i) {
    members.append(py::make_tuple(self.named()->field_names[places.field[i]], places.offset[i],
                                  places.size[i]));
  }
  return members;
}

std::unique_ptr<SampleLibrary> MakeLibrary(const py::list& paths, const py::list& names,
                                           const std::optional<py::str>& index_dir,
                                           const std::string& links, const std::string& interleaved,
                                           const std::string& concatenated,
                                           const std::optional<std::vector<std::string>>& fields,
                                           const std::string& missing, bool check_headers,
                                           int threads, py::object decompress) {
  shards::LibraryOptions options;
  options.index.resolve_links = IsChosen("links", links, "skip", "resolve");
  options.index.split_interleaved = IsChosen("interleaved", interleaved, "error", "split");
  options.index.read_concatenated = IsChosen("concatenated", concatenated, "refuse", "read");
  options.fields = fields;
  options.skip_missing = IsChosen("missing", missing, "error", "skip");
  options.check_headers = check_headers;
  options.thread_count = threads;
  if (index_dir) options.index_dir = Bytes(*index_dir);
  options.is_interrupted = [] {
    const py::gil_scoped_acquire acquire;
    return PyErr_CheckSignals() != 0;
  };
  const auto bytes = [](const py::list& texts) {
    std::vector<std::string> all;
    for (const py::handle text : texts) all.push_back(Bytes(text));
    return all;
  };
  return std::make_unique<SampleLibrary>(bytes(paths), bytes(names), options,
                                         std::move(decompress));
}

// ---- What is called for each sample ------------------------------------------------------------
// These are functions of CPython itself: pybind11 takes longer to find and call one of its own than
// they run.

template <typename Function>
PyObject* Guarded(const Function& function) {
  try {
    return function().release().ptr();
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  }
  return nullptr;
}

PyObject* FindSample(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 1 && count != 2) {
    PyErr_SetString(PyExc_TypeError, "find() takes an index and decoded values");
    return nullptr;
  }
  return Guarded([&] {
    const bool is_decoded = count == 2 && arguments[1] != Py_None;
    auto decoded = py::reinterpret_borrow<py::object>(is_decoded ? arguments[1] : nullptr);
    return py::cast<const SampleLibrary&>(self).Find(self, arguments[0], std::move(decoded));
  });
}

PyObject* ReadSample(PyObject* self, PyObject* index) {
  return Guarded([&] { return py::cast<SampleLibrary&>(self).Read(self, index); });
}

void AddSampleMethods(PyObject* type) {
  static PyMethodDef methods[] = {
      {"find", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(FindSample)),
       METH_FASTCALL, "find(index, decoded=None, /)\nA loaded sample."},
      {"read", ReadSample, METH_O, "read(index, /)\nA sample straight from its shard."}};
  for (PyMethodDef& method : methods) {
    const auto descriptor = py::reinterpret_steal<py::object>(
        PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(type), &method));
    if (!descriptor) throw py::error_already_set();
    py::setattr(type, method.ml_name, descriptor);
  }
}

}  // namespace

void BindSampleLibrary(py::module_& module) {
  py::class_<SampleLibrary> type(module, "SampleLibrary", "The samples of shards.");
  AddSampleMethods(type.ptr());
  type.def(py::init(&MakeLibrary), "paths"_a, py::kw_only(), "names"_a, "index_dir"_a, "links"_a,
           "interleaved"_a, "concatenated"_a, "fields"_a, "missing"_a, "check_headers"_a,
           "threads"_a, "decompress"_a)
      .def_property_readonly("sample_count",
                             [](const SampleLibrary& s) { return s.library().sample_count(); })
      .def_property_readonly("shard_count",
                             [](const SampleLibrary& s) { return s.library().shard_count(); })
      .def_property_readonly("sample_counts", &SampleCounts, "Of each shard.")
      .def_property_readonly("warnings", &AllWarnings, "(shard, kind, text) of each.")
      .def_property_readonly("loaded_bytes",
                             [](const SampleLibrary& s) { return s.library().loaded_bytes(); })
      .def_property_readonly(
          "fields", [](const SampleLibrary& s) { return py::cast(s.named()->field_names); })
      .def(
          "nbytes",
          [](const SampleLibrary& s, const py::object& indices) {
            return s.library().BytesOf(s.Indices(indices));
          },
          "indices"_a)
      .def(
          "count_that_fits",
          [](const SampleLibrary& s, uint64_t bytes) { return s.library().CountThatFits(bytes); },
          "bytes"_a, "How many samples fit into memory, whichever they are.")
      .def("load", &SampleLibrary::Load, "indices"_a)
      .def("unload", &SampleLibrary::Unload, "indices"_a)
      .def(
          "key",
          [](const SampleLibrary& s, const py::object& i) {
            return Text(s.library().Key(s.Index(i)));
          },
          "index"_a)
      .def(
          "find_key",
          [](const SampleLibrary& s, const py::str& key) { return s.library().Find(Bytes(key)); },
          "key"_a, "The samples with this key, two at most.")
      .def(
          "shard_of",
          [](const SampleLibrary& s, const py::object& i) {
            return s.library().Locate(s.Index(i)).first;
          },
          "index"_a)
      .def("members", &Members, "index"_a, "(field, offset, size) of each member of a sample.")
      .def("describe_shard", &DescribeShard, "shard"_a)
      .def("index_bytes", &IndexBytes, "shard"_a,
           "What the digest is made of: keys, sizes, hashes of headers, fields.")
      .def("copy", &SampleLibrary::Copy, "indices"_a, "field"_a, "to"_a,
           "Copies a field of loaded samples into a buffer, one after the other.")
      .def(
          "address",
          [](const SampleLibrary& s, const py::object& index, const std::string& field) {
            const LoadedField& found = s.FieldOf(s.Index(index), field);
            return py::make_tuple(reinterpret_cast<uintptr_t>(found.data), found.size);
          },
          "index"_a, "field"_a, "Address and size of a field of a loaded sample.");
}

}  // namespace mlperf::python
