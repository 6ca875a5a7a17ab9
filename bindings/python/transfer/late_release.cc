#include "late_release.h"

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

namespace mlperf::python {
namespace {

std::mutex mutex;
std::atomic<bool> any_due = false;

std::vector<PyObject*>& Due() {  // Never destroyed: threads may outlive the program's statics.
  static auto& due = *new std::vector<PyObject*>();
  return due;
}

int ReleaseFromMainThread(void*) {
  ReleaseLate();
  return 0;
}

}  // namespace

void ReleaseSoon(PyObject* object) {
  if (object == nullptr) return;
  bool is_first = false;
  {
    const std::lock_guard lock(mutex);
    is_first = Due().empty();
    Due().push_back(object);
    any_due = true;
  }
  // Where the queue of calls is full, a later call into this module releases it.
  if (is_first) Py_AddPendingCall(ReleaseFromMainThread, nullptr);
}

void ReleaseLate() {
  if (!any_due.load(std::memory_order_relaxed)) return;
  std::vector<PyObject*> due;
  {
    const std::lock_guard lock(mutex);
    due.swap(Due());
    any_due = false;
  }
  for (PyObject* const object : due) Py_DECREF(object);
}

}  // namespace mlperf::python
