#include "announcements.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "late_release.h"

namespace mlperf::python {

Announcements::Announcements() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Announcements::~Announcements() {
  for (PyObject* const token : tokens_) ReleaseSoon(token);
  close(fd_);
}

void Announcements::Add(PyObject* token) {
  bool is_first = false;
  {
    const std::lock_guard lock(mutex_);
    is_first = tokens_.empty();
    tokens_.push_back(token);
  }
  const uint64_t one = 1;
  if (is_first && write(fd_, &one, sizeof one) < 0) {
    // Only a counter that is full refuses, and then the descriptor is readable.
  }
}

py::list Announcements::Take() {
  std::vector<PyObject*> tokens;
  {
    const std::lock_guard lock(mutex_);
    tokens.swap(tokens_);
    uint64_t count = 0;
    if (read(fd_, &count, sizeof count) < 0) {
      // Nothing was announced.
    }
  }
  py::list taken;
  for (PyObject* const token : tokens) taken.append(py::reinterpret_steal<py::object>(token));
  ReleaseLate();
  return taken;
}

Announcement::~Announcement() { ReleaseSoon(token_); }

void Announcement::Make() { announcements_->Add(std::exchange(token_, nullptr)); }

void BindAnnouncements(py::module_& module) {
  py::class_<Announcements, std::shared_ptr<Announcements>>(
      module, "Announcements",
      "Tokens of what has happened, for one event loop, and a descriptor to watch.")
      .def(py::init<>())
      .def("fileno", &Announcements::fileno, "Readable while tokens wait.")
      .def("take", &Announcements::Take, "The tokens that came since the last call.");
}

}  // namespace mlperf::python
