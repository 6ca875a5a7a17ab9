#include "python_remote.h"

#include <limits>
#include <optional>
#include <utility>

#include "errors.h"
#include "plain.h"
#include "python_op.h"
#include "python_region.h"
#include "slices.h"

namespace mlperf::python {
namespace {

using transfer::Op;
using transfer::RemoteRegion;
using transfer::Slice;
using transfer::Status;

PyTypeObject* remote_type = nullptr;

struct Remote {
  Reference owner;
  std::shared_ptr<RemoteRegion> region;
};

RemoteRegion& Of(PyObject* self) { return *ValueOf<Remote>(self).region; }

// What is to be moved: the slices that were given, or all. False with an exception set.
bool ReadSlices(PyObject* given, uint64_t local_nbytes, uint64_t remote_nbytes, Slices* slices,
                Slice* all, std::span<const Slice>* rows) {
  if (given != nullptr && given != Py_None) {
    if (!slices->Read(given)) return false;
    *rows = slices->rows();
    return true;
  }
  if (local_nbytes != remote_nbytes) {
    PyErr_Format(
        PyExc_ValueError,
        "without slices both regions must have one size: the local one has %llu bytes, the "
        "remote one %llu",
        static_cast<unsigned long long>(local_nbytes),
        static_cast<unsigned long long>(remote_nbytes));
    return false;
  }
  *all = {0, 0, local_nbytes};
  *rows = {all, 1};
  return true;
}

template <typename Begin>
PyObject* Post(PyObject* self, PyObject* local, PyObject* given, const char* function,
               const Begin& begin) {
  const auto* const region = RegionOf(local, function);
  if (region == nullptr) return nullptr;
  RemoteRegion& remote = Of(self);
  Slices slices;
  Slice all;
  std::span<const Slice> rows;
  if (!ReadSlices(given, (*region)->nbytes(), remote.nbytes(), &slices, &all, &rows)) {
    return nullptr;
  }
  std::shared_ptr<Op> op;
  PyThreadState* const state = PyEval_SaveThread();
  const Status status = begin(remote, *region, rows, &op);
  PyEval_RestoreThread(state);
  return status.ok() ? NewOp(std::move(op), self) : SetError(status);
}

constexpr Signature<2> kRead{"read", {"local", "slices"}, 1};

PyObject* Read(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
  std::array<PyObject*, 2> given;
  if (!kRead.Read(arguments, count, keywords, &given)) return nullptr;
  return Post(self, given[0], given[1], "read",
              [](RemoteRegion& remote, const auto& local, std::span<const Slice> rows,
                 std::shared_ptr<Op>* op) { return remote.Read(local, rows, op); });
}

constexpr Signature<3> kWrite{"write", {"local", "slices", "imm"}, 1};

PyObject* Write(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
  std::array<PyObject*, 3> given;
  if (!kWrite.Read(arguments, count, keywords, &given)) return nullptr;
  std::optional<uint32_t> imm;
  if (given[2] != nullptr && given[2] != Py_None) {
    constexpr uint64_t kMost = std::numeric_limits<uint32_t>::max();
    uint64_t value = 0;
    if (!ToUnsigned(given[2], "imm", kMost, PyExc_ValueError, &value)) return nullptr;
    imm = static_cast<uint32_t>(value);
  }
  return Post(self, given[0], given[1], "write",
              [&](RemoteRegion& remote, const auto& local, std::span<const Slice> rows,
                  std::shared_ptr<Op>* op) { return remote.Write(local, rows, imm, op); });
}

PyObject* GetBytes(PyObject* self, void*) { return PyLong_FromUnsignedLongLong(Of(self).nbytes()); }

PyGetSetDef kAttributes[] = {{"nbytes", GetBytes, nullptr, "Its size.", nullptr}, {}};

PyMethodDef kMethods[] = {
    {"read", Method(Read), METH_FASTCALL | METH_KEYWORDS,
     "read(local, slices=None)\nCopies slices of the peer's memory to the local region. A slice is "
     "(local offset, remote offset, bytes): an (n, 3) array of integers or a list of triples; None "
     "stands for all of two regions of one size. Nothing moves unless every slice lies within both "
     "regions. Raises IndexError for one that does not, Refused if the region may not be read, and "
     "PeerLost."},
    {"write", Method(Write), METH_FASTCALL | METH_KEYWORDS,
     "write(local, slices=None, imm=None)\nCopies slices of the local region to the peer's memory, "
     "as `read` does the other way; the operation is done when the bytes are in place. An "
     "immediate, a number of 32 bits, comes to the peer's queue once they are. Raises what `read` "
     "raises, and ValueError for an immediate that is too large."},
    {}};

}  // namespace

py::object NewRemote(std::shared_ptr<RemoteRegion> remote, py::handle owner) {
  PyObject* const self =
      Wrap<Remote>(remote_type, Remote{Reference(owner.ptr()), std::move(remote)});
  if (self == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(self);
}

void BindRemote(py::module_& module) {
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("A region of a peer, opened by its descriptor.")},
      {Py_tp_dealloc, Slot(Dealloc<Remote>)},
      {Py_tp_getset, kAttributes},
      {Py_tp_methods, kMethods},
      {0, nullptr}};
  static PyType_Spec spec = {"mlperf_loadgen.transfer.RemoteRegion", sizeof(Holder<Remote>), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  remote_type = MakeType(&spec);
  module.add_object("RemoteRegion", reinterpret_cast<PyObject*>(remote_type));
}

}  // namespace mlperf::python
