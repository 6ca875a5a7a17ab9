// The extension module _transfer: one-sided transfers between processes.
#include <pybind11/pybind11.h>

#include "announcements.h"
#include "bind.h"
#include "errors.h"
#include "python_op.h"
#include "python_region.h"
#include "python_remote.h"

PYBIND11_MODULE(_transfer, module) {
  module.doc() = "Native part of mlperf_loadgen.transfer.";
  mlperf::python::BindErrors(module);
  mlperf::python::BindAnnouncements(module);
  mlperf::python::BindOp(module);
  mlperf::python::BindRegion(module);
  mlperf::python::BindRemote(module);
  mlperf::python::BindPeer(module);
  mlperf::python::BindEngine(module);
}
