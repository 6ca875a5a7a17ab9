// Written against CPython itself: a sample is made each time that a user looks at it.
#include "sample.h"

#include <string>
#include <utility>

#include "conversions.h"

namespace mlperf::python {
namespace {

using shards::LoadedBatch;
using shards::LoadedField;
using shards::LoadedSample;

// ---- The bytes of a field, which a memoryview shows
// ----------------------------------------------

struct FieldBytes {
  PyObject_HEAD LoadedBatch* batch;
  const LoadedField* field;
};

PyTypeObject* field_bytes_type = nullptr;

void DeallocFieldBytes(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  reinterpret_cast<FieldBytes*>(self)->batch->Release();
  type->tp_free(self);
  Py_DECREF(type);
}

int GetBuffer(PyObject* self, Py_buffer* view, int flags) {
  const LoadedField& field = *reinterpret_cast<FieldBytes*>(self)->field;
  return PyBuffer_FillInfo(view, self, const_cast<char*>(field.data),
                           static_cast<Py_ssize_t>(field.size), 1, flags);
}

PyObject* ViewOf(LoadedBatch* batch, const LoadedField* field) {
  PyObject* const bytes = field_bytes_type->tp_alloc(field_bytes_type, 0);
  if (bytes == nullptr) return nullptr;
  batch->Hold();
  reinterpret_cast<FieldBytes*>(bytes)->batch = batch;
  reinterpret_cast<FieldBytes*>(bytes)->field = field;
  PyObject* const view = PyMemoryView_FromObject(bytes);
  Py_DECREF(bytes);
  return view;
}

// ---- Sample ------------------------------------------------------------------------------------

struct SampleObject {
  PyObject_HEAD const LoadedSample* loaded;
  const NamedLibrary* library;
  PyObject* owner;
  PyObject* decoded;  // A dict of values that stand for the bytes; or null.
};

PyTypeObject* sample_type = nullptr;

SampleObject* Of(PyObject* self) { return reinterpret_cast<SampleObject*>(self); }

PyObject* NameOf(const SampleObject* sample, const LoadedField& field) {
  return sample->library->field_names[field.field].ptr();
}

void DeallocSample(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  Of(self)->loaded->batch->Release();
  Py_XDECREF(Of(self)->decoded);
  Py_DECREF(Of(self)->owner);
  type->tp_free(self);
  Py_DECREF(type);
}

// Null, without an exception: the sample has no such field.
const LoadedField* Find(const SampleObject* sample, PyObject* name) {
  for (const LoadedField& field : sample->loaded->fields()) {
    if (NameOf(sample, field) == name) return &field;
  }
  if (!PyUnicode_Check(name)) return nullptr;
  for (const LoadedField& field : sample->loaded->fields()) {
    if (PyUnicode_Compare(NameOf(sample, field), name) == 0) return &field;
  }
  return nullptr;
}

PyObject* ValueOf(const SampleObject* sample, const LoadedField& field) {
  if (sample->decoded != nullptr) {
    PyObject* const value = PyDict_GetItemWithError(sample->decoded, NameOf(sample, field));
    if (value != nullptr) return Py_NewRef(value);
    if (PyErr_Occurred()) return nullptr;
  }
  return ViewOf(sample->loaded->batch, &field);
}

PyObject* Subscript(PyObject* self, PyObject* name) {
  const LoadedField* const field = Find(Of(self), name);
  if (field != nullptr) return ValueOf(Of(self), *field);
  PyErr_SetObject(PyExc_KeyError, name);
  return nullptr;
}

Py_ssize_t Length(PyObject* self) { return static_cast<Py_ssize_t>(Of(self)->loaded->field_count); }

int Contains(PyObject* self, PyObject* name) { return Find(Of(self), name) != nullptr; }

// Fields are attributes, too, where nothing else has their name.
PyObject* GetAttribute(PyObject* self, PyObject* name) {
  const LoadedField* const field = Find(Of(self), name);
  if (field == nullptr || PyObject_HasAttr(reinterpret_cast<PyObject*>(Py_TYPE(self)), name)) {
    return PyObject_GenericGetAttr(self, name);
  }
  return ValueOf(Of(self), *field);
}

// A tuple with what `make` gives for each field.
template <typename Make>
PyObject* TupleOf(PyObject* self, const Make& make) {
  PyObject* const tuple = PyTuple_New(Length(self));
  if (tuple == nullptr) return nullptr;
  Py_ssize_t at = 0;
  for (const LoadedField& field : Of(self)->loaded->fields()) {
    PyObject* const item = make(field);
    if (item == nullptr) {
      Py_DECREF(tuple);
      return nullptr;
    }
    PyTuple_SET_ITEM(tuple, at++, item);
  }
  return tuple;
}

PyObject* Keys(PyObject* self, PyObject*) {
  return TupleOf(self,
                 [&](const LoadedField& field) { return Py_NewRef(NameOf(Of(self), field)); });
}

PyObject* Values(PyObject* self, PyObject*) {
  return TupleOf(self, [&](const LoadedField& field) { return ValueOf(Of(self), field); });
}

PyObject* Items(PyObject* self, PyObject*) {
  return TupleOf(self, [&](const LoadedField& field) -> PyObject* {
    PyObject* const value = ValueOf(Of(self), field);
    if (value == nullptr) return nullptr;
    PyObject* const item = PyTuple_Pack(2, NameOf(Of(self), field), value);
    Py_DECREF(value);
    return item;
  });
}

PyObject* Iterate(PyObject* self) {
  PyObject* const keys = Keys(self, nullptr);
  if (keys == nullptr) return nullptr;
  PyObject* const iterator = PyObject_GetIter(keys);
  Py_DECREF(keys);
  return iterator;
}

PyObject* Get(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  if (count < 1 || count > 2) {
    PyErr_SetString(PyExc_TypeError, "get() takes a field and a default");
    return nullptr;
  }
  const LoadedField* const field = Find(Of(self), arguments[0]);
  if (field != nullptr) return ValueOf(Of(self), *field);
  return Py_NewRef(count == 2 ? arguments[1] : Py_None);
}

// As a dict of bytes: it goes to other processes.
PyObject* Reduce(PyObject* self, PyObject*) {
  PyObject* const fields = PyDict_New();
  if (fields == nullptr) return nullptr;
  for (const LoadedField& field : Of(self)->loaded->fields()) {
    PyObject* value = ValueOf(Of(self), field);
    if (value != nullptr && PyMemoryView_Check(value)) Py_SETREF(value, PyBytes_FromObject(value));
    const int failed = value == nullptr || PyDict_SetItem(fields, NameOf(Of(self), field), value);
    Py_XDECREF(value);
    if (failed) {
      Py_DECREF(fields);
      return nullptr;
    }
  }
  return Py_BuildValue("O(N)", reinterpret_cast<PyObject*>(&PyDict_Type), fields);
}

PyObject* GetIndex(PyObject* self, void*) {
  return PyLong_FromUnsignedLongLong(Of(self)->loaded->index);
}

PyObject* GetKey(PyObject* self, void*) {
  const std::string_view key = Of(self)->library->library->Key(Of(self)->loaded->index);
  return PyUnicode_DecodeUTF8(key.data(), static_cast<Py_ssize_t>(key.size()), "surrogateescape");
}

PyObject* GetShard(PyObject* self, void*) {
  const shards::Library& library = *Of(self)->library->library;
  const std::string& path = library.path(library.Locate(Of(self)->loaded->index).first);
  return PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size()));
}

PyObject* Repr(PyObject* self) {
  PyObject* const key = GetKey(self, nullptr);
  PyObject* const keys = key == nullptr ? nullptr : Keys(self, nullptr);
  PyObject* text = nullptr;
  if (keys != nullptr) {
    const auto index = static_cast<unsigned long long>(Of(self)->loaded->index);
    text = PyUnicode_FromFormat("Sample(index=%llu, key=%R, fields=%R)", index, key, keys);
  }
  Py_XDECREF(key);
  Py_XDECREF(keys);
  return text;
}

PyGetSetDef kSampleAttributes[] = {
    {"index", GetIndex, nullptr, "The sample's place in the library.", nullptr},
    {"key", GetKey, nullptr, "The name that its members share.", nullptr},
    {"shard", GetShard, nullptr, "The path of its shard.", nullptr},
    {}};

PyMethodDef kSampleMethods[] = {
    {"keys", Keys, METH_NOARGS, "The names of its fields."},
    {"values", Values, METH_NOARGS, "Its fields."},
    {"items", Items, METH_NOARGS, "(name, field) of each."},
    {"get", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(Get)), METH_FASTCALL,
     "get(name, default=None, /)\nThe field, or the default if the sample has none of that name."},
    {"__reduce__", Reduce, METH_NOARGS, "Pickled as a dict of bytes."},
    {}};

template <typename Function>
void* Slot(Function* function) {
  return reinterpret_cast<void*>(function);
}

PyTypeObject* MakeType(PyType_Spec* spec) {
  PyObject* const type = PyType_FromSpec(spec);
  if (type == nullptr) throw py::error_already_set();
  return reinterpret_cast<PyTypeObject*>(type);
}

PyTypeObject* MakeFieldBytesType() {
  static PyType_Slot slots[] = {
      {Py_tp_dealloc, Slot(DeallocFieldBytes)}, {Py_bf_getbuffer, Slot(GetBuffer)}, {0, nullptr}};
  static PyType_Spec spec = {"mlperf_loadgen._shards._FieldBytes", sizeof(FieldBytes), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return MakeType(&spec);
}

PyTypeObject* MakeSampleType() {
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("The fields of a sample by their names, as read-only views; "
                                    "attributes, too, where nothing else has the name.")},
      {Py_tp_dealloc, Slot(DeallocSample)},
      {Py_tp_repr, Slot(Repr)},
      {Py_tp_iter, Slot(Iterate)},
      {Py_tp_getattro, Slot(GetAttribute)},
      {Py_tp_getset, kSampleAttributes},
      {Py_tp_methods, kSampleMethods},
      {Py_mp_subscript, Slot(Subscript)},
      {Py_mp_length, Slot(Length)},
      {Py_sq_contains, Slot(Contains)},
      {0, nullptr}};
  static PyType_Spec spec = {"mlperf_loadgen._shards.Sample", sizeof(SampleObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return MakeType(&spec);
}

}  // namespace

py::object MakeSample(py::handle owner, const NamedLibrary* library, const LoadedSample* loaded,
                      py::object decoded) {
  PyObject* const sample = sample_type->tp_alloc(sample_type, 0);
  if (sample == nullptr) throw py::error_already_set();
  loaded->batch->Hold();
  Of(sample)->loaded = loaded;
  Of(sample)->library = library;
  Of(sample)->owner = owner.inc_ref().ptr();
  Of(sample)->decoded = decoded.release().ptr();
  return py::reinterpret_steal<py::object>(sample);
}

void BindSample(py::module_& module) {
  field_bytes_type = MakeFieldBytesType();
  sample_type = MakeSampleType();
  module.add_object("Sample", reinterpret_cast<PyObject*>(sample_type));
}

}  // namespace mlperf::python
