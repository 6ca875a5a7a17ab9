// Two ends of a connection prove to each other that they know the same secret, which does not
// travel: each sends a random nonce, and HMAC-SHA256(secret; role, context, both nonces).
//
// It says nothing of what follows on the connection, which is neither encrypted nor protected.
#ifndef MLPERF_TRANSFER_HANDSHAKE_H_
#define MLPERF_TRANSFER_HANDSHAKE_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "descriptor.h"
#include "hmac_sha256.h"
#include "status.h"

namespace mlperf::transfer {

using Nonce = std::array<uint8_t, 16>;

enum class Role : uint8_t { kConnecting, kAccepting };

Nonce NewNonce();

// The proof that `role` gives. The role keeps an end from being sent its own proof back.
Digest ProofOf(std::string_view secret, Role role, std::string_view context,
               const Nonce& connecting, const Nonce& accepting);

// The whole exchange on a connected socket (stream_socket.h), before anything else is sent there.
// Both ends give the same `context`, which names the protocol that follows, such as "lane 1". Waits
// until `deadline_ns` (deadline.h) in all. kRefused: the other end does not know the secret, or
// speaks another protocol; close the socket then. An accepting end must not wait in a thread that
// others need, as an unknown end may send nothing. Blocks its thread; any thread may call it.
Status ProveSecret(const Descriptor& socket, Role role, std::string_view secret,
                   std::string_view context, int64_t deadline_ns);

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_HANDSHAKE_H_
