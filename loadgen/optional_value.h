// A value that may be absent. The public headers keep to C++11, which has no std::optional.
#ifndef MLPERF_LOADGEN_OPTIONAL_VALUE_H_
#define MLPERF_LOADGEN_OPTIONAL_VALUE_H_

#include <stdexcept>
#include <utility>

#if __cplusplus >= 201703L
#include <optional>
#endif

namespace mlperf {

// Used as std::optional is. `T` has a default constructor; an absent value is a default one.
template <typename T>
class Optional {
 public:
  using value_type = T;

  Optional() : has_value_(false), value_() {}
  Optional(T value) : has_value_(true), value_(std::move(value)) {}

  bool has_value() const noexcept { return has_value_; }
  explicit operator bool() const noexcept { return has_value_; }

  // To be called only if there is a value.
  T& operator*() noexcept { return value_; }
  const T& operator*() const noexcept { return value_; }
  T* operator->() noexcept { return &value_; }
  const T* operator->() const noexcept { return &value_; }

  // Throws std::logic_error if there is no value.
  T& value() {
    Require();
    return value_;
  }
  const T& value() const {
    Require();
    return value_;
  }
  T value_or(T fallback) const { return has_value_ ? value_ : std::move(fallback); }

  T& emplace() {
    *this = T();
    return value_;
  }
  void reset() { *this = Optional(); }

  friend bool operator==(const Optional& a, const Optional& b) {
    return a.has_value_ == b.has_value_ && (!a.has_value_ || a.value_ == b.value_);
  }
  friend bool operator!=(const Optional& a, const Optional& b) { return !(a == b); }

#if __cplusplus >= 201703L
  operator std::optional<T>() const { return has_value_ ? std::optional<T>(value_) : std::nullopt; }
#endif

 private:
  void Require() const {
    if (!has_value_) throw std::logic_error("an absent value of a result was read");
  }

  bool has_value_;
  T value_;
};

}  // namespace mlperf

#endif  // MLPERF_LOADGEN_OPTIONAL_VALUE_H_
