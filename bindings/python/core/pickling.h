// How the classes of the module are pickled, by every protocol.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_PICKLING_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_PICKLING_H_

#include <pybind11/pybind11.h>

namespace mlperf::python {

// Gives `__reduce__` to all classes that the module has by now: by their state, or a TypeError for
// those that have none. What Python does without it makes an object of pybind11's own base class
// for the protocols 0 and 1, which ends the process.
void BindPickling(const pybind11::module_& module);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_PICKLING_H_
