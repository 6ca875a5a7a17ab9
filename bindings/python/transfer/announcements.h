// What an event loop waits for: tokens (its futures) of what has happened since, and a descriptor
// that is readable while there are any.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_ANNOUNCEMENTS_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_ANNOUNCEMENTS_H_

#include <pybind11/pybind11.h>

#include <memory>
#include <mutex>
#include <vector>

namespace mlperf::python {

namespace py = pybind11;

// Any thread may add; the loop's thread takes.
class Announcements {
 public:
  Announcements();  // Throws std::system_error where there is no descriptor left.
  ~Announcements();
  Announcements(const Announcements&) = delete;
  Announcements& operator=(const Announcements&) = delete;

  int fileno() const { return fd_; }
  // Takes over a reference; needs no lock.
  void Add(PyObject* token);
  py::list Take();

 private:
  const int fd_;
  std::mutex mutex_;
  std::vector<PyObject*> tokens_;
};

// One token that is to be added to an event loop's announcements, once.
class Announcement {
 public:
  // Takes a new reference to the token.
  Announcement(std::shared_ptr<Announcements> announcements, py::handle token)
      : announcements_(std::move(announcements)), token_(token.inc_ref().ptr()) {}
  ~Announcement();
  Announcement(const Announcement&) = delete;
  Announcement& operator=(const Announcement&) = delete;
  void Make();

 private:
  std::shared_ptr<Announcements> announcements_;
  PyObject* token_;
};

void BindAnnouncements(py::module_& module);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_ANNOUNCEMENTS_H_
