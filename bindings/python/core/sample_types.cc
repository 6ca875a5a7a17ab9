#include "sample_types.h"

#include "plain_types.h"

namespace mlperf::python {
namespace {

template <typename Object, uint64_t Object::* member>
PyObject* GetUnsigned(PyObject* self, void*) {
  return PyLong_FromUnsignedLongLong(reinterpret_cast<Object*>(self)->*member);
}

template <typename Object, uint64_t Object::* member>
int SetUnsigned(PyObject* self, PyObject* value, void* name) {
  if (value == nullptr) {
    PyErr_Format(PyExc_AttributeError, "cannot delete %s", static_cast<const char*>(name));
    return -1;
  }
  uint64_t number = 0;
  if (!ToUnsigned(value, static_cast<const char*>(name), &number)) return -1;
  reinterpret_cast<Object*>(self)->*member = number;
  return 0;
}

template <typename Object, uint64_t Object::* member>
constexpr PyGetSetDef UnsignedAttribute(const char* name, const char* doc) {
  return {name, GetUnsigned<Object, member>, SetUnsigned<Object, member>, doc,
          const_cast<char*>(name)};
}

bool RefuseKeywords(const char* type, PyObject* keywords) {
  if (keywords == nullptr || PyTuple_GET_SIZE(keywords) == 0) return true;
  PyErr_Format(PyExc_TypeError, "%s takes positional arguments only", type);
  return false;
}

// ---------------------------------------------------------------------------------------------
// QuerySample.

PyObject* CallSample(PyObject*, PyObject* const* arguments, size_t flags, PyObject* keywords) {
  const Py_ssize_t count = PyVectorcall_NARGS(flags);
  if (!RefuseKeywords("QuerySample", keywords)) return nullptr;
  if (count != 0 && count != 2) {
    return PyErr_Format(PyExc_TypeError, "QuerySample takes () or (id, index), not %zd arguments",
                        count);
  }
  QuerySample sample{0, 0};
  if (count == 2) {
    uint64_t id = 0, index = 0;
    if (!ToUnsigned(arguments[0], "id", &id) || !ToUnsigned(arguments[1], "index", &index)) {
      return nullptr;
    }
    sample = {id, index};
  }
  return NewSample(sample);
}

PyObject* NewSampleFromTuple(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  if (keywords != nullptr && PyDict_GET_SIZE(keywords) > 0) {
    return PyErr_Format(PyExc_TypeError, "%s takes positional arguments only", type->tp_name);
  }
  PyObject* const* items = reinterpret_cast<PyTupleObject*>(arguments)->ob_item;
  return type->tp_vectorcall(reinterpret_cast<PyObject*>(type), items,
                             static_cast<size_t>(PyTuple_GET_SIZE(arguments)), nullptr);
}

PyObject* ReprSample(PyObject* self) {
  const SampleObject* sample = reinterpret_cast<SampleObject*>(self);
  return PyUnicode_FromFormat("QuerySample(id=%llu, index=%llu)",
                              static_cast<unsigned long long>(sample->id),
                              static_cast<unsigned long long>(sample->index));
}

PyObject* ReduceSample(PyObject* self, PyObject*) {
  const SampleObject* sample = reinterpret_cast<SampleObject*>(self);
  return Py_BuildValue("O(KK)", Py_TYPE(self), static_cast<unsigned long long>(sample->id),
                       static_cast<unsigned long long>(sample->index));
}

// Two objects for one sample are equal: a batch makes them anew each time it is asked.
PyObject* CompareSample(PyObject* self, PyObject* other, int operation) {
  if (!Py_IS_TYPE(other, &SampleType) || (operation != Py_EQ && operation != Py_NE)) {
    Py_RETURN_NOTIMPLEMENTED;
  }
  const SampleObject* left = reinterpret_cast<SampleObject*>(self);
  const SampleObject* right = reinterpret_cast<SampleObject*>(other);
  const bool equal = left->id == right->id && left->index == right->index;
  return PyBool_FromLong(equal == (operation == Py_EQ));
}

Py_hash_t HashSample(PyObject* self) {
  const auto hash = static_cast<Py_hash_t>(reinterpret_cast<SampleObject*>(self)->id);
  return hash == -1 ? -2 : hash;
}

PyGetSetDef sample_attributes[] = {UnsignedAttribute<SampleObject, &SampleObject::id>(
                                       "id", "Names the sample in its completion; opaque."),
                                   UnsignedAttribute<SampleObject, &SampleObject::index>(
                                       "index", "Position in the sample library."),
                                   {}};

PyMethodDef sample_methods[] = {{"__reduce__", ReduceSample, METH_NOARGS, "Pickles the sample."},
                                {}};

// ---------------------------------------------------------------------------------------------
// QuerySampleResponse.

PyObject* GetTokens(PyObject* self, void*) {
  return PyLong_FromLongLong(reinterpret_cast<ResponseObject*>(self)->n_tokens);
}

int SetTokens(PyObject* self, PyObject* value, void*) {
  if (value == nullptr) {
    PyErr_SetString(PyExc_AttributeError, "cannot delete n_tokens");
    return -1;
  }
  int64_t number = 0;
  if (!ToSigned(value, "n_tokens", &number)) return -1;
  reinterpret_cast<ResponseObject*>(self)->n_tokens = number;
  return 0;
}

PyObject* CallResponse(PyObject*, PyObject* const* arguments, size_t flags, PyObject* keywords) {
  const Py_ssize_t count = PyVectorcall_NARGS(flags);
  if (!RefuseKeywords("QuerySampleResponse", keywords)) return nullptr;
  if (count != 0 && count != 3 && count != 4) {
    return PyErr_Format(PyExc_TypeError,
                        "QuerySampleResponse takes (), (id, data, size) or (id, data, size, "
                        "n_tokens), not %zd arguments",
                        count);
  }
  uint64_t id = 0, data = 0, size = 0;
  int64_t n_tokens = 0;
  if (count >= 3 &&
      (!ToUnsigned(arguments[0], "id", &id) || !ToUnsigned(arguments[1], "data", &data) ||
       !ToUnsigned(arguments[2], "size", &size))) {
    return nullptr;
  }
  if (count == 4 && !ToSigned(arguments[3], "n_tokens", &n_tokens)) return nullptr;
  return NewResponse({id, data, size, n_tokens});
}

PyObject* ReprResponse(PyObject* self) {
  const ResponseObject* response = reinterpret_cast<ResponseObject*>(self);
  return PyUnicode_FromFormat("QuerySampleResponse(id=%llu, data=%llu, size=%llu, n_tokens=%lld)",
                              static_cast<unsigned long long>(response->id),
                              static_cast<unsigned long long>(response->data),
                              static_cast<unsigned long long>(response->size),
                              static_cast<long long>(response->n_tokens));
}

PyObject* ReduceResponse(PyObject* self, PyObject*) {
  const ResponseObject* response = reinterpret_cast<ResponseObject*>(self);
  return Py_BuildValue("O(KKKL)", Py_TYPE(self), static_cast<unsigned long long>(response->id),
                       static_cast<unsigned long long>(response->data),
                       static_cast<unsigned long long>(response->size),
                       static_cast<long long>(response->n_tokens));
}

PyGetSetDef response_attributes[] = {
    UnsignedAttribute<ResponseObject, &ResponseObject::id>("id", "The id of the sample answered."),
    UnsignedAttribute<ResponseObject, &ResponseObject::data>("data",
                                                             "Address of the response's bytes."),
    UnsignedAttribute<ResponseObject, &ResponseObject::size>("size",
                                                             "Number of the response's bytes."),
    {"n_tokens", GetTokens, SetTokens, "Number of output tokens (token mode).", nullptr},
    {}};

PyMethodDef response_methods[] = {
    {"__reduce__", ReduceResponse, METH_NOARGS, "Pickles the response."}, {}};

PyTypeObject MakeSampleType() {
  PyTypeObject type =
      MakeType("mlperf_loadgen.QuerySample", sizeof(SampleObject),
               "QuerySample() or QuerySample(id, index): one sample to be answered.");
  type.tp_new = NewSampleFromTuple;
  type.tp_vectorcall = CallSample;
  type.tp_getset = sample_attributes;
  type.tp_methods = sample_methods;
  type.tp_repr = ReprSample;
  type.tp_richcompare = CompareSample;
  type.tp_hash = HashSample;
  return type;
}

PyTypeObject MakeResponseType() {
  PyTypeObject type = MakeType(
      "mlperf_loadgen.QuerySampleResponse", sizeof(ResponseObject),
      "QuerySampleResponse(), (id, data, size) or (id, data, size, n_tokens): the answer to one "
      "sample. `data` is the address of `size` bytes.");
  type.tp_new = NewSampleFromTuple;
  type.tp_vectorcall = CallResponse;
  type.tp_getset = response_attributes;
  type.tp_methods = response_methods;
  type.tp_repr = ReprResponse;
  return type;
}

}  // namespace

PyTypeObject SampleType = MakeSampleType();
PyTypeObject ResponseType = MakeResponseType();

PyObject* NewSample(const QuerySample& sample) {
  SampleObject* object = PyObject_New(SampleObject, &SampleType);
  if (object == nullptr) return nullptr;
  object->id = sample.id;
  object->index = sample.index;
  return reinterpret_cast<PyObject*>(object);
}

PyObject* NewResponse(const QuerySampleResponse& response) {
  ResponseObject* object = PyObject_New(ResponseObject, &ResponseType);
  if (object == nullptr) return nullptr;
  object->id = response.id;
  object->data = response.data;
  object->size = response.size;
  object->n_tokens = response.n_tokens;
  return reinterpret_cast<PyObject*>(object);
}

}  // namespace mlperf::python
