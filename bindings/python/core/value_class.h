// Structs as Python classes that compare, copy and pickle by their fields.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_VALUE_CLASS_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_VALUE_CLASS_H_

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "optional_value.h"
#include "strict_values.h"

namespace mlperf::python {

namespace py = pybind11;

// What is kept of a struct. A text is kept as its bytes, which need not be UTF-8 (paths).
template <typename Struct>
struct Field {
  std::string name;
  std::function<py::object(const Struct&)> get;
  std::function<void(Struct*, py::handle)> set;
  std::function<bool(const Struct&, const Struct&)> same;
};

// As long-lived as the type.
template <typename Struct>
std::vector<Field<Struct>>& FieldsOf() {
  static auto* fields = new std::vector<Field<Struct>>;
  return *fields;
}

template <typename Value>
bool Same(const std::vector<Value>& left, const std::vector<Value>& right);

// NaN is NaN: what was pickled is what it was.
template <typename Value>
bool Same(const Value& left, const Value& right) {
  if constexpr (std::is_floating_point_v<Value>) {
    return left == right || (std::isnan(left) && std::isnan(right));
  } else if constexpr (std::is_class_v<Value> && !std::is_same_v<Value, std::string>) {
    return std::all_of(FieldsOf<Value>().begin(), FieldsOf<Value>().end(),
                       [&](const Field<Value>& field) { return field.same(left, right); });
  } else {
    return left == right;
  }
}

inline bool Same(const std::map<std::string, uint64_t>& left,
                 const std::map<std::string, uint64_t>& right) {
  return left == right;
}

template <typename Value, size_t size>
bool Same(const std::array<Value, size>& left, const std::array<Value, size>& right) {
  return left == right;
}

template <typename Value>
bool Same(const Optional<Value>& left, const Optional<Value>& right) {
  return left.has_value() == right.has_value() && (!left || Same(*left, *right));
}

template <typename Value>
bool Same(const std::vector<Value>& left, const std::vector<Value>& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](const Value& a, const Value& b) { return Same(a, b); });
}

// What a field was before it was turned into a Python object.
template <typename Value>
struct Restored {
  static Value From(py::handle kept) { return kept.cast<Value>(); }
};

template <typename Value>
struct Restored<Optional<Value>> {
  static Optional<Value> From(py::handle kept) {
    return kept.is_none() ? Optional<Value>() : Optional<Value>(kept.cast<Value>());
  }
};

// A class whose fields are what def_readonly, def_readwrite and `keep` name.
template <typename Struct>
class ValueClass {
 public:
  ValueClass(py::handle scope, const char* name, const char* doc) : class_(scope, name, doc) {
    class_.def("__eq__", [](const Struct& self, py::handle other) -> py::object {
      if (!py::isinstance<Struct>(other)) {
        return py::reinterpret_borrow<py::object>(Py_NotImplemented);
      }
      return py::bool_(Same(self, other.cast<const Struct&>()));
    });
    class_.attr("__hash__") = py::none();
    class_.def(py::pickle(&State, &FromState));
  }

  template <typename Value, typename... Extra>
  ValueClass& def_readonly(const char* name, Value Struct::* member, const Extra&... extra) {
    class_.def_readonly(name, member, extra...);
    return keep(name, member);
  }
  template <typename Value, typename... Extra>
  ValueClass& def_readwrite(const char* name, Value Struct::* member, const Extra&... extra) {
    const auto set = [name = std::string(name), member](Struct& self, py::handle value) {
      self.*member = ToStrict<Value>(name, value);
    };
    const auto get = [member](const Struct& self) -> const Value& { return self.*member; };
    class_.def_property(name, get, set, extra...);
    return keep(name, member);
  }
  template <typename... Arguments>
  ValueClass& def_property_readonly(const Arguments&... arguments) {
    class_.def_property_readonly(arguments...);
    return *this;
  }
  template <typename... Arguments>
  ValueClass& def(const Arguments&... arguments) {
    class_.def(arguments...);
    return *this;
  }

  // A field that is shown by a property, or not at all.
  template <typename Value>
  ValueClass& keep(const char* name, Value Struct::* member) {
    FieldsOf<Struct>().push_back(
        {name,
         [member](const Struct& value) -> py::object {
           if constexpr (std::is_same_v<Value, std::string>) return py::bytes(value.*member);
           return py::cast(value.*member, py::return_value_policy::copy);
         },
         [member](Struct* value, py::handle kept) { value->*member = Restored<Value>::From(kept); },
         [member](const Struct& left, const Struct& right) {
           return Same(left.*member, right.*member);
         }});
    return *this;
  }

 private:
  static py::dict State(const Struct& self) {
    py::dict state;
    for (const Field<Struct>& field : FieldsOf<Struct>()) {
      state[py::str(field.name)] = field.get(self);
    }
    return state;
  }

  // Fields that are not there, of another version's state, keep their defaults.
  static Struct FromState(const py::dict& state) {
    Struct made;
    for (const Field<Struct>& field : FieldsOf<Struct>()) {
      const py::str name(field.name);
      if (state.contains(name)) field.set(&made, state[name]);
    }
    return made;
  }

  py::class_<Struct> class_;
};

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_VALUE_CLASS_H_
