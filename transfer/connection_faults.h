// Frames after which a connection ends, for the peer breaks the protocol.
#ifndef MLPERF_TRANSFER_CONNECTION_FAULTS_H_
#define MLPERF_TRANSFER_CONNECTION_FAULTS_H_

namespace mlperf::transfer {

inline constexpr char kMisplaced[] = "a frame in the wrong place";
inline constexpr char kUnasked[] = "an answer to nothing that was asked";
inline constexpr char kTooEarly[] = "an answer to what it cannot have read yet";
inline constexpr char kOtherSize[] = "an answer of another size than was asked for";

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_CONNECTION_FAULTS_H_
