// How a call or an operation ended, as a value.
#ifndef MLPERF_TRANSFER_STATUS_H_
#define MLPERF_TRANSFER_STATUS_H_

#include <cstdint>
#include <string>
#include <utility>

namespace mlperf::transfer {

enum class StatusCode : uint8_t {
  kOk,
  kInvalid,      // An argument is malformed: ValueError in Python.
  kOutOfBounds,  // A slice lies outside its region: IndexError.
  kRefused,      // The peer, or the access of a region, does not allow it.
  kPeerLost,     // The other process or the connection to it is gone.
  kTimeout,      // Not in time; what was begun goes on.
  kFailed,       // Anything else: TransferError.
};

struct [[nodiscard]] Status {
  StatusCode code = StatusCode::kOk;
  std::string message;  // A sentence for users; empty if it is kOk.

  bool ok() const { return code == StatusCode::kOk; }

  static Status Invalid(std::string what) { return {StatusCode::kInvalid, std::move(what)}; }
  static Status OutOfBounds(std::string what) {
    return {StatusCode::kOutOfBounds, std::move(what)};
  }
  static Status Refused(std::string what) { return {StatusCode::kRefused, std::move(what)}; }
  static Status PeerLost(std::string what) { return {StatusCode::kPeerLost, std::move(what)}; }
  static Status Timeout(std::string what) { return {StatusCode::kTimeout, std::move(what)}; }
  static Status Failed(std::string what) { return {StatusCode::kFailed, std::move(what)}; }
  // Names the call that failed and what errno said.
  static Status System(const std::string& what, int error);
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_STATUS_H_
