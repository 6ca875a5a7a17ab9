#include "completions.h"

#include <pybind11/pybind11.h>

#include <cstring>
#include <exception>
#include <new>
#include <utility>
#include <vector>

#include "completion_registry.h"
#include "sample_types.h"

namespace mlperf::python {
namespace {

using loadgen::CompletionScope;
using loadgen::Recorder;

// Releases the GIL for a scope.
class WithoutGil {
 public:
  WithoutGil() : state_(PyEval_SaveThread()) {}
  ~WithoutGil() { PyEval_RestoreThread(state_); }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* state_;
};

// One completion call: the time of its entry, and the recorder it goes to.
class Call {
 public:
  Call() : recorder_(scope_.recorder()), now_ns_(recorder_ ? recorder_->NowNs() : 0) {}
  ~Call() {
    if (recorder_ != nullptr) {
      recorder_->Publish(completed_);
    } else {
      loadgen::CountLateCompletions(late_);
    }
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  Recorder* recorder() { return recorder_; }
  bool logs() const { return recorder_ != nullptr && recorder_->logs_responses(); }

  // Completes one sample. True, and its position, if its response is to be logged.
  bool Complete(uint64_t id, int64_t n_tokens, uint64_t* sample) {
    if (recorder_ == nullptr) {
      ++late_;
      return false;
    }
    if (!recorder_->Complete(id, now_ns_, n_tokens, sample)) return false;
    ++completed_;
    return recorder_->LogsResponse(*sample);
  }

  void Log(uint64_t sample, const QuerySampleResponse& response) {
    recorder_->LogResponse(sample, response, now_ns_);
  }

  void FirstToken(const QuerySampleResponse& response) {
    uint64_t sample = 0;
    if (recorder_ == nullptr) {
      ++late_;
    } else if (recorder_->FirstToken(response.id, now_ns_, &sample) &&
               recorder_->keeps_token_data() && recorder_->LogsResponse(sample)) {
      recorder_->KeepTokenData(sample, response, now_ns_);
    }
  }

 private:
  CompletionScope scope_;
  Recorder* recorder_;
  int64_t now_ns_;
  uint64_t completed_ = 0;
  uint64_t late_ = 0;
};

QuerySampleResponse Native(const ResponseObject& object) {
  return {object.id, object.data, object.size, object.n_tokens};
}

// The arguments (responses, response_cb=None) of the reference's completion functions.
struct Arguments {
  PyObject* responses = nullptr;  // A list or tuple; a new reference.
  PyObject* callback = nullptr;   // Null: none.
  ~Arguments() { Py_XDECREF(responses); }

  Py_ssize_t size() const { return PySequence_Fast_GET_SIZE(responses); }
  const ResponseObject& at(Py_ssize_t i) const {
    return *reinterpret_cast<ResponseObject*>(PySequence_Fast_GET_ITEM(responses, i));
  }
  // False with a TypeError set if an item is no response. Comes first: a call that is refused has
  // completed nothing.
  bool CheckItems() const {
    for (Py_ssize_t i = 0; i < size(); ++i) {
      PyObject* item = PySequence_Fast_GET_ITEM(responses, i);
      if (Py_IS_TYPE(item, &ResponseType)) continue;
      PyErr_Format(PyExc_TypeError, "responses[%zd] must be a QuerySampleResponse, not %.100s", i,
                   Py_TYPE(item)->tp_name);
      return false;
    }
    return true;
  }
};

bool ParseKeywords(PyObject* const* values, PyObject* names, PyObject** responses,
                   PyObject** callback) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); ++i) {
    PyObject* name = PyTuple_GET_ITEM(names, i);
    if (*responses == nullptr && PyUnicode_CompareWithASCIIString(name, "responses") == 0) {
      *responses = values[i];
    } else if (*callback == nullptr && PyUnicode_CompareWithASCIIString(name, "response_cb") == 0) {
      *callback = values[i];
    } else {
      PyErr_Format(PyExc_TypeError, "unexpected or repeated argument %R", name);
      return false;
    }
  }
  return true;
}

bool Parse(PyObject* const* values, Py_ssize_t count, PyObject* names, Arguments* arguments) {
  PyObject* responses = count > 0 ? values[0] : nullptr;
  PyObject* callback = count > 1 ? values[1] : nullptr;
  if (names != nullptr && !ParseKeywords(values + count, names, &responses, &callback)) {
    return false;
  }
  if (count > 2 || responses == nullptr) {
    PyErr_SetString(PyExc_TypeError, "expected (responses, response_cb=None)");
    return false;
  }
  if (callback == Py_None) callback = nullptr;
  if (callback != nullptr && !PyCallable_Check(callback)) {
    PyErr_Format(PyExc_TypeError, "response_cb must be callable or None, not %.100s",
                 Py_TYPE(callback)->tp_name);
    return false;
  }
  if (PyList_CheckExact(responses) || PyTuple_CheckExact(responses)) {
    arguments->responses = Py_NewRef(responses);
  } else if (PySequence_Check(responses) && !PyUnicode_Check(responses)) {
    arguments->responses = PySequence_Fast(responses, "responses must be a sequence");
  } else {
    PyErr_Format(PyExc_TypeError, "responses must be a sequence of QuerySampleResponse, not %.100s",
                 Py_TYPE(responses)->tp_name);
  }
  arguments->callback = callback;
  return arguments->responses != nullptr && arguments->CheckItems();
}

// Tells the running test of the exception being handled.
void ReportToRun() {
  const CompletionScope scope;
  if (scope.recorder() != nullptr) scope.recorder()->ReportException(std::current_exception());
}

// Passes the response through the user's callback, which may change it. False with the exception
// set, and the run told to stop, if it raised.
bool CallBack(PyObject* callback, Recorder* recorder, QuerySampleResponse* response) {
  PyObject* object = NewResponse(*response);
  PyObject* returned = object ? PyObject_CallOneArg(callback, object) : nullptr;
  if (returned != nullptr) *response = Native(*reinterpret_cast<ResponseObject*>(object));
  Py_XDECREF(object);
  Py_XDECREF(returned);
  if (returned != nullptr) return true;
  // The caller sees the exception, and so does the thread that called StartTest.
  try {
    throw pybind11::error_already_set();
  } catch (const pybind11::error_already_set& error) {
    recorder->ReportException(std::current_exception());
    // Not error.restore(), which would take it away from that thread.
    PyErr_Restore(error.type().inc_ref().ptr(), error.value().inc_ref().ptr(),
                  error.trace().inc_ref().ptr());
  }
  return false;
}

// Responses that are logged: copied first, so that they can be logged without the GIL.
PyObject* CompleteLogged(const Arguments& arguments, Call* call) {
  std::vector<QuerySampleResponse> responses;
  responses.reserve(static_cast<size_t>(arguments.size()));
  for (Py_ssize_t i = 0; i < arguments.size(); ++i) {
    responses.push_back(Native(arguments.at(i)));
  }
  uint64_t sample = 0;
  if (arguments.callback == nullptr) {
    const WithoutGil without_gil;
    for (const QuerySampleResponse& response : responses) {
      if (call->Complete(response.id, response.n_tokens, &sample)) call->Log(sample, response);
    }
  } else {
    for (QuerySampleResponse& response : responses) {
      if (!call->Complete(response.id, response.n_tokens, &sample)) continue;
      if (!CallBack(arguments.callback, call->recorder(), &response)) return nullptr;
      const WithoutGil without_gil;
      call->Log(sample, response);
    }
  }
  Py_RETURN_NONE;
}

PyObject* QuerySamplesComplete(PyObject*, PyObject* const* values, Py_ssize_t count,
                               PyObject* names) {
  Call call;
  Arguments arguments;
  if (!Parse(values, count, names, &arguments)) return nullptr;
  if (call.logs()) return CompleteLogged(arguments, &call);
  for (Py_ssize_t i = 0; i < arguments.size(); ++i) {
    const ResponseObject& response = arguments.at(i);
    uint64_t sample;
    call.Complete(response.id, response.n_tokens, &sample);
  }
  Py_RETURN_NONE;
}

PyObject* FirstTokenComplete(PyObject*, PyObject* const* values, Py_ssize_t count,
                             PyObject* names) {
  Call call;
  Arguments arguments;
  if (!Parse(values, count, names, &arguments)) return nullptr;
  for (Py_ssize_t i = 0; i < arguments.size(); ++i) {
    call.FirstToken(Native(arguments.at(i)));
  }
  Py_RETURN_NONE;
}

// ---------------------------------------------------------------------------------------------
// complete(ids, data=None, n_tokens=None)

// A view of a Python buffer, released at the end of the scope.
class Buffer {
 public:
  Buffer() = default;
  ~Buffer() {
    if (held_) PyBuffer_Release(&view_);
  }
  Buffer(Buffer&& other) noexcept : view_(other.view_), held_(other.held_) { other.held_ = false; }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  bool Get(PyObject* object, int flags) {
    held_ = PyObject_GetBuffer(object, &view_, flags) == 0;
    return held_;
  }
  const Py_buffer& view() const { return view_; }

 private:
  Py_buffer view_{};
  bool held_ = false;
};

// A column of 64-bit integers: a strided buffer, or numbers taken from any sequence.
class Column {
 public:
  bool Read(PyObject* object, const char* name) {
    if (PyObject_CheckBuffer(object)) return ReadBuffer(object, name);
    // A copy: the numbers' own methods may change a list while it is read.
    PyObject* items = PySequence_Tuple(object);
    if (items == nullptr) {
      PyErr_Clear();
      PyErr_Format(PyExc_TypeError, "%s must be an array or a sequence of integers, not %.100s",
                   name, Py_TYPE(object)->tp_name);
      return false;
    }
    const bool ok = ReadItems(items, name);
    Py_DECREF(items);
    return ok;
  }

  Py_ssize_t size() const { return size_; }
  uint64_t operator[](Py_ssize_t i) const {
    uint64_t value;
    std::memcpy(&value, start_ + i * stride_, sizeof(value));
    return value;
  }

 private:
  bool ReadBuffer(PyObject* object, const char* name) {
    if (!buffer_.Get(object, PyBUF_STRIDED_RO | PyBUF_FORMAT)) return false;
    const Py_buffer& view = buffer_.view();
    const char* format = view.format == nullptr ? "B" : view.format;
    if (*format == '@' || *format == '=' || *format == '<') ++format;
    const bool integer = std::strchr("qQlLnN", *format) != nullptr && format[1] == '\0';
    if (view.ndim != 1 || view.itemsize != 8 || !integer) {
      PyErr_Format(PyExc_TypeError,
                   "%s must be a 1-D array of 64-bit integers, not %d-D of format '%s' (NumPy: "
                   "astype(numpy.uint64))",
                   name, view.ndim, view.format == nullptr ? "B" : view.format);
      return false;
    }
    start_ = static_cast<const char*>(view.buf);
    stride_ = view.strides[0];
    size_ = view.shape[0];
    return true;
  }

  bool ReadItems(PyObject* items, const char* name) {
    size_ = PySequence_Fast_GET_SIZE(items);
    numbers_.reserve(static_cast<size_t>(size_));
    for (Py_ssize_t i = 0; i < size_; ++i) {
      PyObject* item = PySequence_Fast_GET_ITEM(items, i);
      uint64_t number = 0;
      if (!ToUnsigned(item, name, &number)) {
        int64_t negative = 0;
        PyErr_Clear();
        if (!ToSigned(item, name, &negative)) return false;
        number = static_cast<uint64_t>(negative);
      }
      numbers_.push_back(number);
    }
    start_ = reinterpret_cast<const char*>(numbers_.data());
    stride_ = sizeof(uint64_t);
    return true;
  }

  Buffer buffer_;
  std::vector<uint64_t> numbers_;
  const char* start_ = nullptr;
  Py_ssize_t stride_ = 0;
  Py_ssize_t size_ = 0;
};

// The responses' bytes: one contiguous array with a row a sample, or a buffer each.
class Payloads {
 public:
  bool Read(PyObject* data, Py_ssize_t count) {
    if (PyObject_CheckBuffer(data)) return ReadRows(data, count);
    PyObject* items = PySequence_Tuple(data);
    if (items == nullptr) {
      PyErr_Clear();
      PyErr_Format(PyExc_TypeError,
                   "data must be None, a list of buffers or an array with a row a sample, not "
                   "%.100s",
                   Py_TYPE(data)->tp_name);
      return false;
    }
    const bool ok = ReadItems(items, count);
    Py_DECREF(items);
    return ok;
  }

  uintptr_t data(Py_ssize_t i) const {
    return reinterpret_cast<uintptr_t>(rows_ ? rows_ + i * row_size_
                                             : buffers_[static_cast<size_t>(i)].view().buf);
  }
  size_t size(Py_ssize_t i) const {
    return static_cast<size_t>(rows_ ? row_size_ : buffers_[static_cast<size_t>(i)].view().len);
  }

 private:
  bool ReadRows(PyObject* data, Py_ssize_t count) {
    Buffer buffer;
    if (!buffer.Get(data, PyBUF_C_CONTIGUOUS)) return false;
    const Py_buffer& view = buffer.view();
    if (view.ndim < 1 || view.shape[0] != count) {
      PyErr_Format(PyExc_ValueError, "data has %zd rows for %zd ids; give a row a sample",
                   view.ndim < 1 ? Py_ssize_t{0} : view.shape[0], count);
      return false;
    }
    row_size_ = count == 0 ? 0 : view.len / count;
    rows_ = static_cast<const char*>(view.buf);
    buffers_.push_back(std::move(buffer));
    return true;
  }

  bool ReadItems(PyObject* items, Py_ssize_t count) {
    if (PySequence_Fast_GET_SIZE(items) != count) {
      PyErr_Format(PyExc_ValueError, "data has %zd buffers for %zd ids; give one a sample",
                   PySequence_Fast_GET_SIZE(items), count);
      return false;
    }
    buffers_.reserve(static_cast<size_t>(count));
    for (Py_ssize_t i = 0; i < count; ++i) {
      Buffer buffer;
      if (!buffer.Get(PySequence_Fast_GET_ITEM(items, i), PyBUF_C_CONTIGUOUS)) return false;
      buffers_.push_back(std::move(buffer));
    }
    return true;
  }

  std::vector<Buffer> buffers_;
  const char* rows_ = nullptr;
  Py_ssize_t row_size_ = 0;
};

PyObject* Complete(PyObject*, PyObject* arguments, PyObject* keywords) {
  Call call;
  static const char* names[] = {"ids", "data", "n_tokens", nullptr};
  PyObject *ids = nullptr, *data = Py_None, *n_tokens = Py_None;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|OO:complete", const_cast<char**>(names),
                                   &ids, &data, &n_tokens)) {
    return nullptr;
  }
  Column id_column, token_column;
  Payloads payloads;
  if (!id_column.Read(ids, "ids")) return nullptr;
  const Py_ssize_t count = id_column.size();
  const bool has_data = data != Py_None, has_tokens = n_tokens != Py_None;
  if (has_data && !payloads.Read(data, count)) return nullptr;
  if (has_tokens && !token_column.Read(n_tokens, "n_tokens")) return nullptr;
  if (has_tokens && token_column.size() != count) {
    return PyErr_Format(PyExc_ValueError, "n_tokens has %zd numbers for %zd ids; give one a sample",
                        token_column.size(), count);
  }
  const auto complete_all = [&] {
    for (Py_ssize_t i = 0; i < count; ++i) {
      const int64_t tokens = has_tokens ? static_cast<int64_t>(token_column[i]) : 0;
      uint64_t sample;
      if (!call.Complete(id_column[i], tokens, &sample)) continue;
      call.Log(sample, {id_column[i], has_data ? payloads.data(i) : 0,
                        has_data ? payloads.size(i) : 0, tokens});
    }
  };
  if (call.logs()) {
    const WithoutGil without_gil;
    complete_all();
  } else {
    complete_all();
  }
  Py_RETURN_NONE;
}

// Calls `function`, and turns what C++ throws into a Python exception that also ends the run: a
// C++ exception must not unwind the interpreter.
template <auto function, typename... Arguments>
PyObject* Guarded(Arguments... arguments) {
  try {
    return function(arguments...);
  } catch (const std::bad_alloc&) {
    ReportToRun();
    return PyErr_NoMemory();
  } catch (const std::exception& error) {
    ReportToRun();
    PyErr_SetString(PyExc_RuntimeError, error.what());
    return nullptr;
  }
}

template <typename Function>
PyCFunction AsMethod(Function function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef functions[] = {
    {"QuerySamplesComplete",
     AsMethod(Guarded<QuerySamplesComplete, PyObject*, PyObject* const*, Py_ssize_t, PyObject*>),
     METH_FASTCALL | METH_KEYWORDS,
     "QuerySamplesComplete(responses, response_cb=None)\n\n"
     "Completes samples, from any thread. `responses`: sequence of QuerySampleResponse. The "
     "completion time is read once, at entry. `response_cb(response)` is called for each response "
     "that will be logged, before its bytes are read, and may change it."},
    {"FirstTokenComplete",
     AsMethod(Guarded<FirstTokenComplete, PyObject*, PyObject* const*, Py_ssize_t, PyObject*>),
     METH_FASTCALL | METH_KEYWORDS,
     "FirstTokenComplete(responses, response_cb=None)\n\n"
     "Reports the first token of samples that are not completed yet. `response_cb` is accepted "
     "for compatibility and never called."},
    {"complete", AsMethod(Guarded<Complete, PyObject*, PyObject*, PyObject*>),
     METH_VARARGS | METH_KEYWORDS,
     "complete(ids, data=None, n_tokens=None)\n\n"
     "Completes a whole batch from arrays, at one time. `ids`: response ids, 1-D array of 64-bit "
     "integers (samples.ids or a part of it) or a sequence of ints. `data`: None, a list of "
     "contiguous buffers, or one C-contiguous array with a row a sample. `n_tokens`: None or as "
     "many integers. Raises TypeError and ValueError before anything is completed."},
    {}};

}  // namespace

bool AddHotTypes(PyObject* module) {
  struct Named {
    const char* name;
    PyTypeObject* type;
  };
  for (const Named& named :
       {Named{"QuerySample", &SampleType}, Named{"QuerySampleResponse", &ResponseType},
        Named{"SampleBatch", &BatchType}}) {
    PyObject* object = reinterpret_cast<PyObject*>(named.type);
    if (PyType_Ready(named.type) < 0 || PyModule_AddObjectRef(module, named.name, object) < 0) {
      return false;
    }
  }
  return PyType_Ready(&BatchIteratorType) == 0 && PyModule_AddFunctions(module, functions) == 0;
}

}  // namespace mlperf::python
