#include "python_region.h"

#include <string>
#include <utility>

#include "errors.h"
#include "late_release.h"
#include "plain.h"

namespace mlperf::python {
namespace {

using transfer::Region;
using RegionPointer = std::shared_ptr<Region>;

PyTypeObject* region_type = nullptr;

RegionPointer& Of(PyObject* self) { return ValueOf<RegionPointer>(self); }

// The last of its owners closes it, which may wait for peers.
void DeallocRegion(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  RegionPointer region = std::move(Of(self));
  Of(self).~RegionPointer();
  Py_BEGIN_ALLOW_THREADS;
  region.reset();
  Py_END_ALLOW_THREADS;
  type->tp_free(self);
  Py_DECREF(type);
  ReleaseLate();
}

int GetBuffer(PyObject* self, Py_buffer* view, int flags) {
  const Region& region = *Of(self);
  return PyBuffer_FillInfo(view, self, region.data(), static_cast<Py_ssize_t>(region.nbytes()), 0,
                           flags);
}

constexpr Signature<1> kArray{"array", {"dtype"}, 0};

PyObject* Array(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
  std::array<PyObject*, 1> given;
  if (!kArray.Read(arguments, count, keywords, &given)) return nullptr;
  PyObject* const numpy = PyImport_ImportModule("numpy");
  if (numpy == nullptr) return nullptr;
  PyObject* const array = given[0] == nullptr
                              ? PyObject_CallMethod(numpy, "frombuffer", "Os", self, "u1")
                              : PyObject_CallMethod(numpy, "frombuffer", "OO", self, given[0]);
  Py_DECREF(numpy);
  return array;
}

PyObject* Close(PyObject* self, PyObject*) {
  Py_BEGIN_ALLOW_THREADS;
  Of(self)->Close();
  Py_END_ALLOW_THREADS;
  ReleaseLate();
  Py_RETURN_NONE;
}

PyObject* GetBytes(PyObject* self, void*) {
  return PyLong_FromUnsignedLongLong(Of(self)->nbytes());
}

PyObject* GetDescriptor(PyObject* self, void*) {
  const std::string& descriptor = Of(self)->descriptor();
  return PyBytes_FromStringAndSize(descriptor.data(), static_cast<Py_ssize_t>(descriptor.size()));
}

PyGetSetDef kAttributes[] = {
    {"nbytes", GetBytes, nullptr, "Its size.", nullptr},
    {"descriptor", GetDescriptor, nullptr,
     "What a peer opens it with. It is the key: give it over a channel that others cannot read.",
     nullptr},
    {}};

PyMethodDef kMethods[] = {
    {"array", Method(Array), METH_FASTCALL | METH_KEYWORDS,
     "array(dtype='u1')\nThe memory as an array of one dimension, without a copy. It keeps the "
     "memory alive. Raises ValueError if the size is no multiple of that of the type."},
    {"close", Close, METH_NOARGS,
     "close()\nEnds the use by peers: once it returned none of them touches the memory. Closing "
     "twice is fine."},
    {}};

[[noreturn]] void RefuseBuffer(const std::string& what) {
  throw py::value_error("buffer: " + what);
}

// Memory and the object that keeps it.
struct Found {
  void* data = nullptr;
  uint64_t nbytes = 0;
  py::object owner;
};

Found FromBuffer(const py::object& buffer) {
  auto view = py::reinterpret_steal<py::object>(PyMemoryView_FromObject(buffer.ptr()));
  if (!view) throw py::error_already_set();
  const Py_buffer& bytes = *PyMemoryView_GET_BUFFER(view.ptr());
  if (bytes.readonly) RefuseBuffer("it is read-only: give one that may be written");
  if (!PyBuffer_IsContiguous(&bytes, 'C')) {
    RefuseBuffer("it is not contiguous: copy it first (numpy.ascontiguousarray)");
  }
  return {bytes.buf, static_cast<uint64_t>(bytes.len), std::move(view)};
}

// Of torch, which is not imported for it.
Found FromTensor(const py::object& tensor) {
  const auto device = py::str(tensor.attr("device").attr("type")).cast<std::string>();
  if (device != "cpu") RefuseBuffer("a tensor on " + device + ": it must be in CPU memory");
  if (!tensor.attr("is_contiguous")().cast<bool>()) {
    RefuseBuffer("the tensor is not contiguous: use tensor.contiguous()");
  }
  const auto nbytes =
      tensor.attr("numel")().cast<uint64_t>() * tensor.attr("element_size")().cast<uint64_t>();
  const auto address = tensor.attr("data_ptr")().cast<uintptr_t>();
  return {reinterpret_cast<void*>(address), nbytes, tensor};
}

Found Find(const py::object& buffer) {
  if (PyObject_CheckBuffer(buffer.ptr())) return FromBuffer(buffer);
  if (py::hasattr(buffer, "data_ptr")) return FromTensor(buffer);
  throw py::type_error(std::string("buffer must be an array, a tensor or another object with a "
                                   "buffer, not ") +
                       Py_TYPE(buffer.ptr())->tp_name);
}

}  // namespace

py::object NewRegion(RegionPointer region) {
  PyObject* const self = Wrap<RegionPointer>(region_type, std::move(region));
  if (self == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(self);
}

const RegionPointer* RegionOf(PyObject* object, const char* function) {
  if (Py_IS_TYPE(object, region_type)) return &Of(object);
  PyErr_Format(PyExc_TypeError, "%s() takes a Region as local memory, not %s: register it first",
               function, Py_TYPE(object)->tp_name);
  return nullptr;
}

py::object Register(transfer::Engine& engine, const py::object& buffer, transfer::Access access) {
  ReleaseLate();
  Found found = Find(buffer);
  const std::shared_ptr<void> owner(found.owner.release().ptr(), [](void* object) {
    ReleaseSoon(static_cast<PyObject*>(object));
  });
  RegionPointer region;
  Check(engine.Register(found.data, found.nbytes, access, &region, owner));
  return NewRegion(std::move(region));
}

void BindRegion(py::module_& module) {
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>(
                      "Registered memory: peers reach it by its descriptor, operations use it as "
                      "their local end. It has a buffer.")},
      {Py_tp_dealloc, Slot(DeallocRegion)},
      {Py_tp_getset, kAttributes},
      {Py_tp_methods, kMethods},
      {Py_bf_getbuffer, Slot(GetBuffer)},
      {0, nullptr}};
  static PyType_Spec spec = {"mlperf_loadgen.transfer.Region", sizeof(Holder<RegionPointer>), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  region_type = MakeType(&spec);
  module.add_object("Region", reinterpret_cast<PyObject*>(region_type));
}

}  // namespace mlperf::python
