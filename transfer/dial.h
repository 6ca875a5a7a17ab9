// The connecting end of a handshake.
#ifndef MLPERF_TRANSFER_DIAL_H_
#define MLPERF_TRANSFER_DIAL_H_

#include <cstdint>
#include <string>

#include "connection.h"
#include "identity.h"
#include "status.h"

namespace mlperf::transfer {

// Connects to the engine at `address`, with the first provider of this end's that both have and
// that works for them. kTimeout, kPeerLost; kFailed: no engine, another secret, no provider in
// common. Blocks its thread; any thread.
Status Dial(const Identity& identity, const std::string& address, int64_t deadline_ns,
            Established* established);

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_DIAL_H_
