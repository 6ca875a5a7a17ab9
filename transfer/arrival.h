// A connection that came, until its handshake is over. It may be anybody's: nothing is believed
// before READY, and little is kept.
#ifndef MLPERF_TRANSFER_ARRIVAL_H_
#define MLPERF_TRANSFER_ARRIVAL_H_

#include <cstdint>
#include <string>

#include "connection.h"
#include "descriptor.h"
#include "frame_reader.h"
#include "greeting.h"
#include "identity.h"

namespace mlperf::transfer {

// Of the engine's thread.
class Arrival {
 public:
  // `by_door`: over the Unix socket for peers of the same machine.
  Arrival(Descriptor socket, bool by_door, const Identity* identity, int64_t deadline_ns);

  enum class Step : uint8_t { kMore, kDone, kRefused };
  // Reads what is there and answers it.
  Step Advance();
  // After kDone.
  Established Finish();

  int socket() const { return established_.socket.get(); }
  int64_t deadline_ns() const { return deadline_ns_; }

 private:
  Step TakeFrames();
  bool BeginFrame();
  Step TakeHello();
  Step TakeReady();
  bool CheckProvider(const std::string& name);
  bool Send(FrameKind kind, Answer answer, const std::string& payload);

  const Identity* const identity_;
  const bool by_door_;
  const int64_t deadline_ns_;
  Established established_;
  FrameKind expected_ = FrameKind::kHello;
  Greeting hello_;
  std::string payload_;
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_ARRIVAL_H_
