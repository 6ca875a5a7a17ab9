// Codes and bit streams.
#include <algorithm>
#include <string>

#include "arrays.h"
#include "bind.h"
#include "bit_stream.h"
#include "kernels.h"

namespace mlperf::python {
namespace {

using namespace py::literals;
using compress::ActiveKernels;
using compress::PackedSize;

template <typename Code>
[[noreturn]] void RefuseLarge(const Input<Code>& codes, int bits) {
  const Code* const end = codes.data() + codes.size();
  const Code* const found =
      std::find_if(codes.data(), end, [=](Code code) { return code >> bits != 0; });
  throw py::value_error("codes: element " + std::to_string(found - codes.data()) + " is " +
                        std::to_string(found == end ? 0 : *found) + ", which has more than " +
                        std::to_string(bits) + (bits == 1 ? " bit" : " bits"));
}

template <typename Code>
py::array Packed(const py::object& object, int bits,
                 bool (*pack)(const Code*, size_t, int, uint8_t*)) {
  const Input<Code> codes(object, "codes");
  Result<uint8_t> stream(PackedSize(codes.size(), bits));
  bool fits = true;
  Unlocked([&] { fits = pack(codes.data(), codes.size(), bits, stream.data()); });
  if (!fits) RefuseLarge(codes, bits);
  return stream.array();
}

py::array Pack(const py::object& codes, py::ssize_t bits_of_code) {
  const int bits = CheckedBits(bits_of_code);
  if (bits <= 8) return Packed<uint8_t>(codes, bits, ActiveKernels().pack8);
  return Packed<uint16_t>(codes, bits, ActiveKernels().pack16);
}

template <typename Code>
py::array Unpacked(const Input<uint8_t>& data, int bits, size_t count,
                   void (*unpack)(const uint8_t*, size_t, int, Code*)) {
  Result<Code> codes(count);
  Unlocked([&] { unpack(data.data(), count, bits, codes.data()); });
  return codes.array();
}

py::array Unpack(const py::object& object, py::ssize_t bits_of_code, py::ssize_t code_count) {
  const int bits = CheckedBits(bits_of_code);
  if (code_count < 0) {
    throw py::value_error("count=" + std::to_string(code_count) + ": it must be 0 or more");
  }
  const auto count = static_cast<size_t>(code_count);
  const Input<uint8_t> data(object, "data", PackedSize(count, bits));
  if (bits <= 8) return Unpacked<uint8_t>(data, bits, count, ActiveKernels().unpack8);
  return Unpacked<uint16_t>(data, bits, count, ActiveKernels().unpack16);
}

}  // namespace

void BindPacking(py::module_& module) {
  module.def("pack", &Pack, "codes"_a, "bits"_a,
             "The codes as one little-endian bit stream: code i is in bits i * bits to i * bits +"
             " bits - 1. ValueError for a code of more than `bits` bits.");
  module.def("unpack", &Unpack, "data"_a, "bits"_a, "count"_a,
             "`count` codes of a bit stream, uint8 up to 8 bits, else uint16. ValueError if the"
             " stream has another number of bytes.");
}

}  // namespace mlperf::python
