// The class Op of Python: one operation, or several that end as one.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_PYTHON_OP_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_PYTHON_OP_H_

#include <pybind11/pybind11.h>

#include <memory>

#include "op.h"

namespace mlperf::python {

namespace py = pybind11;

// A new reference; null with an exception set if there is no memory. The operation keeps `owner`
// alive, on which its engine hangs.
PyObject* NewOp(std::shared_ptr<transfer::Op> op, PyObject* owner);

void BindOp(py::module_& module);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_PYTHON_OP_H_
