#include "sample_batch.h"

#include <cstring>
#include <new>
#include <utility>

#include "plain_types.h"
#include "python_errors.h"
#include "sample_types.h"

namespace mlperf::python {
namespace {

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
// can be filled again if it has no other owner.
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

PyTypeObject BatchType = MakeBatchType();
PyTypeObject BatchIteratorType = MakeIteratorType();

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
