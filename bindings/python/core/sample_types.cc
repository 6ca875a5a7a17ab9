// QuerySample, QuerySampleResponse and SampleBatch.
#include "sample_types.h"

#include <cstring>
#include <new>
#include <utility>

#include "python_errors.h"

namespace mlperf::python {
namespace {

// ---------------------------------------------------------------------------------------------
// Numbers.

constexpr char kText[] = "%s must be %s, not %R";

// `value` as an int, a new reference; null with an exception set. What its __index__ raises stays
// what it is.
PyObject* ToInt(PyObject* value, const char* what, const char* range) {
  PyObject* index = PyNumber_Index(value);
  if (index == nullptr) RewordTypeError(kText, what, range, value);
  return index;
}

// The int of `value` did not fit.
bool RefuseRange(PyObject* value, const char* what, const char* range) {
  PyErr_Clear();
  PyErr_Format(PyExc_TypeError, kText, what, range, value);
  return false;
}

}  // namespace

bool ToUnsigned(PyObject* value, const char* what, uint64_t* out) {
  static const char* const kRange = "an integer from 0 to 2**64 - 1";
  if (PyLong_CheckExact(value)) {
    // Much faster than the unsigned conversion for what fits.
    const Py_ssize_t number = PyLong_AsSsize_t(value);
    if (number >= 0) {
      *out = static_cast<uint64_t>(number);
      return true;
    }
    if (PyErr_Occurred()) PyErr_Clear();
  }
  PyObject* index = ToInt(value, what, kRange);
  if (index == nullptr) return false;
  *out = PyLong_AsUnsignedLongLong(index);
  Py_DECREF(index);
  const bool fits = *out != static_cast<uint64_t>(-1) || !PyErr_Occurred();
  return fits || RefuseRange(value, what, kRange);
}

bool ToSigned(PyObject* value, const char* what, int64_t* out) {
  static const char* const kRange = "an integer from -2**63 to 2**63 - 1";
  PyObject* index = ToInt(value, what, kRange);
  if (index == nullptr) return false;
  *out = PyLong_AsLongLong(index);
  Py_DECREF(index);
  return *out != -1 || !PyErr_Occurred() || RefuseRange(value, what, kRange);
}

bool ToWord(PyObject* value, const char* what, uint64_t* out) {
  static const char* const kRange = "an integer from -2**63 to 2**64 - 1";
  PyObject* index = ToInt(value, what, kRange);
  if (index == nullptr) return false;
  *out = PyLong_AsUnsignedLongLong(index);
  if (*out == static_cast<uint64_t>(-1) && PyErr_Occurred()) {
    PyErr_Clear();
    *out = static_cast<uint64_t>(PyLong_AsLongLong(index));
  }
  Py_DECREF(index);
  return !PyErr_Occurred() || RefuseRange(value, what, kRange);
}

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

PyObject* NewSample(const QuerySample& sample) {
  SampleObject* object = PyObject_New(SampleObject, &SampleType);
  if (object == nullptr) return nullptr;
  object->id = sample.id;
  object->index = sample.index;
  return reinterpret_cast<PyObject*>(object);
}

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

// ---------------------------------------------------------------------------------------------
// SampleBatch: a sequence of QuerySample over a native array. What a list can do beyond that, it
// does by becoming a list: the first such use makes the objects, and they stay.

BatchObject* AsBatch(PyObject* self) { return reinterpret_cast<BatchObject*>(self); }

// The batch as a list; a borrowed reference.
PyObject* BatchList(PyObject* self) {
  BatchObject* batch = AsBatch(self);
  if (batch->list != nullptr) return batch->list;
  const Py_ssize_t size = Py_SIZE(self);
  PyObject* list = PyList_New(size);
  if (list == nullptr) return nullptr;
  for (Py_ssize_t i = 0; i < size; ++i) {
    PyObject* sample = NewSample(batch->samples[i]);
    if (sample == nullptr) {
      Py_DECREF(list);
      return nullptr;
    }
    PyList_SET_ITEM(list, i, sample);
  }
  // A garbage collection in between may have run code that needed the list as well.
  if (batch->list != nullptr) {
    Py_DECREF(list);
    return batch->list;
  }
  batch->list = list;
  return list;
}

void DeallocateBatch(PyObject* self) {
  Py_XDECREF(AsBatch(self)->list);
  delete AsBatch(self)->kept;
  PyObject_Free(self);
}

Py_ssize_t BatchLength(PyObject* self) {
  const PyObject* list = AsBatch(self)->list;
  return list != nullptr ? PyList_GET_SIZE(list) : Py_SIZE(self);
}

PyObject* BatchItem(PyObject* self, Py_ssize_t i) {
  if (i < 0 || i >= BatchLength(self)) {
    PyErr_SetString(PyExc_IndexError, "sample index out of range");
    return nullptr;
  }
  BatchObject* batch = AsBatch(self);
  if (batch->list != nullptr) return Py_NewRef(PyList_GET_ITEM(batch->list, i));
  return NewSample(batch->samples[i]);
}

PyObject* BatchSubscript(PyObject* self, PyObject* key) {
  if (PyIndex_Check(key)) {
    Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (i == -1 && PyErr_Occurred()) return nullptr;
    if (i < 0) i += BatchLength(self);
    return BatchItem(self, i);
  }
  PyObject* list = BatchList(self);
  return list == nullptr ? nullptr : PyObject_GetItem(list, key);
}

int AssignBatchItem(PyObject* self, PyObject* key, PyObject* value) {
  PyObject* list = BatchList(self);
  if (list == nullptr) return -1;
  return value == nullptr ? PyObject_DelItem(list, key) : PyObject_SetItem(list, key, value);
}

// Either side may be the batch.
PyObject* ConcatBatch(PyObject* left, PyObject* right) {
  PyObject* left_list = IsSampleBatch(left) ? BatchList(left) : left;
  PyObject* right_list = IsSampleBatch(right) ? BatchList(right) : right;
  if (left_list == nullptr || right_list == nullptr) return nullptr;
  return PySequence_Concat(left_list, right_list);
}

PyObject* RepeatBatch(PyObject* left, PyObject* right) {
  PyObject* list = BatchList(IsSampleBatch(left) ? left : right);
  return list == nullptr ? nullptr : PyNumber_Multiply(list, IsSampleBatch(left) ? right : left);
}

PyObject* CompareBatch(PyObject* self, PyObject* other, int operation) {
  PyObject* list = BatchList(self);
  if (list == nullptr) return nullptr;
  PyObject* right = IsSampleBatch(other) ? BatchList(other) : other;
  return right == nullptr ? nullptr : PyObject_RichCompare(list, right, operation);
}

PyObject* ReprBatch(PyObject* self) {
  return PyUnicode_FromFormat("<SampleBatch of %zd samples>", BatchLength(self));
}

// What the type does not have itself is looked up in the list: append, sort, index, ...
PyObject* GetBatchAttribute(PyObject* self, PyObject* name) {
  PyObject* found = PyObject_GenericGetAttr(self, name);
  if (found != nullptr || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
  KeptError error;
  if (!PyObject_HasAttr(reinterpret_cast<PyObject*>(&PyList_Type), name)) {
    error.Restore();
    return nullptr;
  }
  PyObject* list = BatchList(self);
  return list == nullptr ? nullptr : PyObject_GetAttr(list, name);
}

PyObject* ReduceBatch(PyObject* self, PyObject*) {
  PyObject* list = BatchList(self);
  return list == nullptr ? nullptr : Py_BuildValue("O(O)", &PyList_Type, list);
}

// The two objects made last are kept: a loop holds one while it asks for the next, and the other
// can be filled again if nobody else holds it.
struct BatchIterator {
  PyObject head;
  PyObject* batch;
  Py_ssize_t next;
  SampleObject* made[2];
};

PyObject* IterateBatch(PyObject* self) {
  BatchIterator* iterator = PyObject_New(BatchIterator, &BatchIteratorType);
  if (iterator == nullptr) return nullptr;
  iterator->batch = Py_NewRef(self);
  iterator->next = 0;
  iterator->made[0] = iterator->made[1] = nullptr;
  return reinterpret_cast<PyObject*>(iterator);
}

PyObject* NextOfBatch(PyObject* self) {
  BatchIterator* iterator = reinterpret_cast<BatchIterator*>(self);
  const Py_ssize_t next = iterator->next;
  if (next >= BatchLength(iterator->batch)) return nullptr;
  ++iterator->next;
  const BatchObject* batch = AsBatch(iterator->batch);
  if (batch->list != nullptr) return Py_NewRef(PyList_GET_ITEM(batch->list, next));
  SampleObject*& made = iterator->made[next & 1];
  if (made == nullptr || Py_REFCNT(made) != 1) {
    PyObject* sample = NewSample(batch->samples[next]);
    if (sample == nullptr) return nullptr;
    Py_XDECREF(made);
    made = reinterpret_cast<SampleObject*>(sample);
  } else {
    made->id = batch->samples[next].id;
    made->index = batch->samples[next].index;
  }
  return Py_NewRef(reinterpret_cast<PyObject*>(made));
}

void DeallocateIterator(PyObject* self) {
  BatchIterator* iterator = reinterpret_cast<BatchIterator*>(self);
  Py_DECREF(iterator->batch);
  Py_XDECREF(iterator->made[0]);
  Py_XDECREF(iterator->made[1]);
  PyObject_Free(self);
}

PySequenceMethods batch_sequence = [] {
  PySequenceMethods methods{};
  methods.sq_length = BatchLength;
  methods.sq_item = BatchItem;
  return methods;
}();

// A number's slot, because only that is asked when a list stands on the left.
PyNumberMethods batch_number = [] {
  PyNumberMethods methods{};
  methods.nb_add = ConcatBatch;
  methods.nb_multiply = RepeatBatch;
  return methods;
}();

PyMappingMethods batch_mapping = {BatchLength, BatchSubscript, AssignBatchItem};

PyObject* GetIds(PyObject* self, void*) { return ViewOfBatch(self, offsetof(QuerySample, id)); }
PyObject* GetIndices(PyObject* self, void*) {
  return ViewOfBatch(self, offsetof(QuerySample, index));
}

PyGetSetDef batch_attributes[] = {
    {"ids", GetIds, nullptr, "Response ids, uint64 array of shape (n,), not copied.", nullptr},
    {"indices", GetIndices, nullptr, "Library indices, uint64 array of shape (n,), not copied.",
     nullptr},
    {}};

PyMethodDef batch_methods[] = {
    {"__reduce__", ReduceBatch, METH_NOARGS, "Pickles the batch as a list of samples."}, {}};

PyTypeObject MakeType(const char* name, size_t size, const char* doc) {
  PyTypeObject type = {};
  Py_SET_REFCNT(reinterpret_cast<PyObject*>(&type), 1);
  type.tp_name = name;
  type.tp_basicsize = static_cast<Py_ssize_t>(size);
  type.tp_flags = Py_TPFLAGS_DEFAULT;
  type.tp_doc = doc;
  type.tp_dealloc = [](PyObject* self) { PyObject_Free(self); };
  return type;
}

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

PyTypeObject MakeBatchType() {
  PyTypeObject type = MakeType(
      "mlperf_loadgen.SampleBatch", offsetof(BatchObject, copied),
      "The samples of one query, as a sequence of QuerySample; `ids` and `indices` give them as "
      "NumPy arrays without copying.");
  type.tp_itemsize = sizeof(QuerySample);
  type.tp_dealloc = DeallocateBatch;
  type.tp_as_sequence = &batch_sequence;
  type.tp_as_mapping = &batch_mapping;
  type.tp_as_number = &batch_number;
  type.tp_iter = IterateBatch;
  type.tp_repr = ReprBatch;
  type.tp_richcompare = CompareBatch;
  type.tp_hash = PyObject_HashNotImplemented;
  type.tp_getattro = GetBatchAttribute;
  type.tp_methods = batch_methods;
  type.tp_getset = batch_attributes;
  return type;
}

PyTypeObject MakeIteratorType() {
  PyTypeObject type =
      MakeType("mlperf_loadgen.SampleBatchIterator", sizeof(BatchIterator), nullptr);
  type.tp_dealloc = DeallocateIterator;
  type.tp_iter = PyObject_SelfIter;
  type.tp_iternext = NextOfBatch;
  return type;
}

}  // namespace

PyTypeObject SampleType = MakeSampleType();
PyTypeObject ResponseType = MakeResponseType();
PyTypeObject BatchType = MakeBatchType();
PyTypeObject BatchIteratorType = MakeIteratorType();

PyObject* NewResponse(const QuerySampleResponse& response) {
  ResponseObject* object = PyObject_New(ResponseObject, &ResponseType);
  if (object == nullptr) return nullptr;
  object->id = response.id;
  object->data = response.data;
  object->size = response.size;
  object->n_tokens = response.n_tokens;
  return reinterpret_cast<PyObject*>(object);
}

PyObject* NewSampleBatch(const QuerySample* samples, size_t count) {
  BatchObject* batch = PyObject_NewVar(BatchObject, &BatchType, static_cast<Py_ssize_t>(count));
  if (batch == nullptr) return nullptr;
  batch->list = nullptr;
  batch->kept = nullptr;
  batch->samples = batch->copied;
  std::memcpy(batch->copied, samples, count * sizeof(QuerySample));
  return reinterpret_cast<PyObject*>(batch);
}

PyObject* NewSampleBatch(std::vector<QuerySample> samples) {
  auto* batch = static_cast<BatchObject*>(PyObject_Malloc(sizeof(BatchObject)));
  if (batch == nullptr) return PyErr_NoMemory();
  PyObject_InitVar(&batch->head, &BatchType, static_cast<Py_ssize_t>(samples.size()));
  batch->list = nullptr;
  batch->kept = new std::vector<QuerySample>(std::move(samples));
  batch->samples = batch->kept->data();
  return reinterpret_cast<PyObject*>(batch);
}

bool IsSampleBatch(PyObject* object) { return Py_IS_TYPE(object, &BatchType); }

}  // namespace mlperf::python
