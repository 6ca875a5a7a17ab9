#include "completions.h"

#include <pybind11/pybind11.h>

#include <exception>
#include <new>
#include <vector>

#include "complete_arrays.h"
#include "completion_call.h"
#include "sample_batch.h"
#include "sample_types.h"
#include "unawaited.h"

namespace mlperf::python {
namespace {

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
    arguments->responses = PySequence_List(responses);
  } else {
    PyErr_Format(PyExc_TypeError, "responses must be a sequence of QuerySampleResponse, not %.100s",
                 Py_TYPE(responses)->tp_name);
  }
  arguments->callback = callback;
  return arguments->responses != nullptr && arguments->CheckItems();
}

// Passes the response through the user's callback, which may change it. False with the exception
// set, and the run is to stop, if it raised.
bool CallBack(PyObject* callback, Call* call, QuerySampleResponse* response) {
  const uint64_t id = response->id;
  PyObject* object = NewResponse(*response);
  PyObject* returned = object ? PyObject_CallOneArg(callback, object) : nullptr;
  if (returned != nullptr && !IsDone(returned, "response_cb", "pass a plain function")) {
    Py_CLEAR(returned);
  }
  if (returned != nullptr) {
    *response = Native(*reinterpret_cast<ResponseObject*>(object));
    response->id = id;  // It is the sample that was completed, whatever the callback did.
  }
  Py_XDECREF(object);
  Py_XDECREF(returned);
  if (returned != nullptr) return true;
  // The caller sees the exception, and so does the thread that called StartTest.
  try {
    throw pybind11::error_already_set();
  } catch (const pybind11::error_already_set& error) {
    call->Fail(id);
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
    call->Publish();
  } else {
    for (QuerySampleResponse& response : responses) {
      if (!call->Complete(response.id, response.n_tokens, &sample)) continue;
      const bool answered = CallBack(arguments.callback, call, &response);
      const WithoutGil without_gil;
      if (answered) call->Log(sample, response);
      call->Publish();
      if (!answered) return nullptr;
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
  if (call.is_elsewhere()) {
    const WithoutGil without_gil;
    call.Publish();
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
    {"complete", AsMethod(Guarded<Complete, PyObject*, PyObject* const*, Py_ssize_t, PyObject*>),
     METH_FASTCALL | METH_KEYWORDS,
     "complete(ids, data=None, n_tokens=None)\n\nCompletes a whole batch of samples at one time. "
     "`ids`: the response ids, as a 1-D array of 64-bit integers (samples.ids or a part of it) or "
     "a sequence of ints. `data`: None; or one C-contiguous array with a row for each sample; or, "
     "if responses differ in size, a list with bytes, str (logged as UTF-8) or a contiguous buffer "
     "for each sample. The data is not copied. If `data` is a 1-D array of NumPy texts (dtypes S "
     "and U), each text is logged without its padding, and U as UTF-8. `n_tokens`: None, or an "
     "integer for each sample. Raises TypeError and ValueError before any sample is completed; "
     "TypeError also for an array of addresses instead of responses, such as one of dtype object."},
    {"first_token",
     AsMethod(Guarded<FirstToken, PyObject*, PyObject* const*, Py_ssize_t, PyObject*>),
     METH_FASTCALL | METH_KEYWORDS,
     "first_token(ids, data=None)\n\nReports at one time the first tokens of samples that are not "
     "completed yet; use_token_latencies measures the time to them. `ids` and `data` are as for "
     "`complete`; the data goes into the accuracy log as that of the first token. Raises TypeError "
     "and ValueError before any is reported."},
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
