#include "python_op.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "announcements.h"
#include "errors.h"
#include "interruptible.h"
#include "plain.h"

namespace mlperf::python {
namespace {

using transfer::Op;
using transfer::Status;
using transfer::StatusCode;

// The futures that wait for an operation, until its last part is done.
class Waiters {
 public:
  explicit Waiters(size_t parts) : parts_left_(parts) {}

  // False: it is done already.
  bool Add(std::unique_ptr<Announcement> announcement) {
    const std::lock_guard lock(mutex_);
    if (parts_left_ == 0) return false;
    announcements_.push_back(std::move(announcement));
    return true;
  }

  void PartIsDone() {
    std::vector<std::unique_ptr<Announcement>> due;
    {
      const std::lock_guard lock(mutex_);
      if (--parts_left_ == 0) due.swap(announcements_);
    }
    for (const auto& announcement : due) announcement->Make();
  }

 private:
  std::mutex mutex_;
  size_t parts_left_;
  std::vector<std::unique_ptr<Announcement>> announcements_;
};

struct Parts {
  Reference owner;
  std::shared_ptr<Op> first;  // Null where there are none.
  std::vector<std::shared_ptr<Op>> others;
  std::shared_ptr<Waiters> waiters;  // From the first await on.
};

PyTypeObject* op_type = nullptr;

Parts& Of(PyObject* self) { return ValueOf<Parts>(self); }

template <typename Visit>
void ForEach(const Parts& parts, const Visit& visit) {
  if (parts.first) visit(*parts.first);
  for (const auto& op : parts.others) visit(*op);
}

bool IsDone(const Parts& parts) {
  bool done = true;
  ForEach(parts, [&](const Op& op) { done = done && op.done(); });
  return done;
}

// The first failure of what is done.
Status StatusOf(const Parts& parts) {
  Status status;
  ForEach(parts, [&](const Op& op) {
    if (status.ok()) status = op.status();
  });
  return status;
}

uint64_t BytesOf(const Parts& parts) {
  uint64_t nbytes = 0;
  ForEach(parts, [&](const Op& op) { nbytes += op.nbytes(); });
  return nbytes;
}

// kTimeout: not in time. False with an exception set: a signal's handler raised it.
bool WaitFor(PyObject* self, double timeout_s, Status* status) {
  const Parts& parts = Of(self);
  Interruptible wait(timeout_s);
  while (true) {
    *status = wait.Turn([&](double turn_s) {
      Status last;
      ForEach(parts, [&](Op& op) {
        if (last.code != StatusCode::kTimeout && !op.done()) last = op.Wait(turn_s);
      });
      return last;
    });
    if (IsDone(parts)) break;
    if (!wait.GoesOn()) return !wait.is_interrupted();
  }
  *status = StatusOf(parts);
  return true;
}

constexpr Signature<1> kWait{"wait", {"timeout_s"}, 0};

PyObject* Wait(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
  Status status;
  std::array<PyObject*, 1> given;
  double timeout_s = 0;
  if (!kWait.Read(arguments, count, keywords, &given) || !ToSeconds(given[0], &timeout_s)) {
    return nullptr;
  }
  const Parts& parts = Of(self);
  if (IsDone(parts)) {
    status = StatusOf(parts);
  } else if (!WaitFor(self, timeout_s, &status)) {
    return nullptr;
  }
  if (status.ok()) return Py_NewRef(Py_None);
  if (status.code != StatusCode::kTimeout) return SetError(status);
  PyErr_Format(PyExc_TimeoutError, "the operation of %llu bytes is not done after %R s; it goes on",
               static_cast<unsigned long long>(BytesOf(parts)), given[0]);
  return nullptr;
}

constexpr Signature<2> kAnnounce{"announce", {"announcements", "token"}, 2};

PyObject* Announce(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                   PyObject* keywords) try {
  std::array<PyObject*, 2> given;
  if (!kAnnounce.Read(arguments, count, keywords, &given)) return nullptr;
  auto announcements = py::cast<std::shared_ptr<Announcements>>(py::handle(given[0]));
  Parts& parts = Of(self);
  if (!parts.waiters) {
    const auto waiters = std::make_shared<Waiters>(parts.others.size() + (parts.first ? 1 : 0));
    parts.waiters = waiters;
    const auto part_is_done = [waiters] { waiters->PartIsDone(); };
    const auto watch = [&](const std::shared_ptr<Op>& op) {
      if (!op->OnDone(part_is_done)) part_is_done();
    };
    if (parts.first) watch(parts.first);
    for (const auto& op : parts.others) watch(op);
  }
  return PyBool_FromLong(parts.waiters->Add(
      std::make_unique<Announcement>(std::move(announcements), py::handle(given[1]))));
} catch (const py::cast_error&) {
  PyErr_SetString(PyExc_TypeError, "announce() takes Announcements and a token");
  return nullptr;
}

PyObject* Await(PyObject* self) {
  try {
    return AwaitedHook()(py::handle(self)).release().ptr();
  } catch (py::error_already_set& error) {
    error.restore();
    return nullptr;
  }
}

PyObject* GetDone(PyObject* self, void*) { return PyBool_FromLong(IsDone(Of(self))); }

PyObject* GetError(PyObject* self, void*) {
  if (!IsDone(Of(self))) return Py_NewRef(Py_None);
  return ErrorOf(StatusOf(Of(self)));
}

PyObject* GetBytes(PyObject* self, void*) { return PyLong_FromUnsignedLongLong(BytesOf(Of(self))); }

PyObject* GetReceived(PyObject* self, void*) {
  uint64_t nbytes = 0;
  ForEach(Of(self), [&](const Op& op) { nbytes += op.received_nbytes(); });
  return PyLong_FromUnsignedLongLong(nbytes);
}

PyObject* GetPosted(PyObject* self, void*) {
  int64_t posted_ns = 0;
  ForEach(Of(self), [&](const Op& op) {
    posted_ns = posted_ns == 0 ? op.posted_ns() : std::min(posted_ns, op.posted_ns());
  });
  return PyLong_FromLongLong(posted_ns);
}

PyObject* GetCompleted(PyObject* self, void*) {
  int64_t completed_ns = 0;
  if (IsDone(Of(self))) {
    ForEach(Of(self),
            [&](const Op& op) { completed_ns = std::max(completed_ns, op.completed_ns()); });
  }
  return PyLong_FromLongLong(completed_ns);
}

PyGetSetDef kAttributes[] = {
    {"done", GetDone, nullptr, "Whether it has ended, well or not.", nullptr},
    {"error", GetError, nullptr, "The exception that `wait` raises; None before it is done.",
     nullptr},
    {"nbytes", GetBytes, nullptr, "How many bytes it moves; of a receive, at most.", nullptr},
    {"received_nbytes", GetReceived, nullptr, "Of a receive that is done: the message's length.",
     nullptr},
    {"posted_ns", GetPosted, nullptr, "When it was posted (CLOCK_MONOTONIC).", nullptr},
    {"completed_ns", GetCompleted, nullptr, "When it was done (CLOCK_MONOTONIC); 0 before it is.",
     nullptr},
    {}};

PyMethodDef kMethods[] = {
    {"wait", Method(Wait), METH_FASTCALL | METH_KEYWORDS,
     "wait(timeout_s=None)\nWaits until it is done, without the interpreter's lock. Raises "
     "TimeoutError if it is not done within `timeout_s` seconds (the operation goes on), PeerLost, "
     "Refused or TransferError as it ended."},
    {"announce", Method(Announce), METH_FASTCALL | METH_KEYWORDS,
     "announce(announcements, token)\nHas the token announced once it is done; False: it is "
     "done."},
    {}};

}  // namespace

PyObject* NewOp(std::shared_ptr<Op> op, PyObject* owner) {
  return Wrap<Parts>(op_type, Parts{Reference(owner), std::move(op), {}, {}});
}

void BindOp(py::module_& module) {
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("An operation on its way. It may be awaited.")},
      {Py_tp_dealloc, Slot(Dealloc<Parts>)},
      {Py_tp_getset, kAttributes},
      {Py_tp_methods, kMethods},
      {Py_am_await, Slot(Await)},
      {0, nullptr}};
  static PyType_Spec spec = {"mlperf_loadgen.transfer.Op", sizeof(Holder<Parts>), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  op_type = MakeType(&spec);
  module.add_object("Op", reinterpret_cast<PyObject*>(op_type));
  module.def(
      "all_of",
      [](const py::list& ops) {
        Parts parts{Reference(ops.ptr()), {}, {}, {}};
        for (const py::handle op : ops) {
          if (!Py_IS_TYPE(op.ptr(), op_type)) throw py::type_error("all_of() takes operations");
          const Parts& own = Of(op.ptr());
          const auto add = [&](const std::shared_ptr<Op>& part) {
            if (!parts.first) {
              parts.first = part;
            } else {
              parts.others.push_back(part);
            }
          };
          if (own.first) add(own.first);
          for (const auto& part : own.others) add(part);
        }
        return py::reinterpret_steal<py::object>(Wrap<Parts>(op_type, std::move(parts)));
      },
      py::arg("ops"), "One operation that is done when all of these are.");
}

}  // namespace mlperf::python
