// Stream sockets over TCP and Unix names: listen, connect, accept; and whole messages, for
// handshakes.
//
// An address is "tcp://HOST:PORT" (an IPv6 host in brackets; port 0 lets the kernel choose),
// "unix:///PATH", or "unix://@NAME" for an abstract name of this network namespace. All sockets are
// non-blocking, close-on-exec and closed in forked children (descriptor.h); those of TCP have
// TCP_NODELAY. Everything here may be called from any thread; an object belongs to its caller.
#ifndef MLPERF_TRANSFER_STREAM_SOCKET_H_
#define MLPERF_TRANSFER_STREAM_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "descriptor.h"
#include "status.h"

namespace mlperf::transfer {

// Checks an address without using it.
Status CheckAddress(const std::string& address);

// Whether nothing but this machine reaches it: a Unix name, a loopback address, "localhost".
bool IsLocalAddress(const std::string& address);

// Binds and listens. `bound` becomes the address that others connect to, with the port that the
// kernel chose; it may be null. A path that is in the way is not removed.
Status Listen(const std::string& address, Descriptor* listener, std::string* bound);

// Waits until `deadline_ns` at most (deadline.h): kTimeout then, kPeerLost if it is refused.
Status Connect(const std::string& address, int64_t deadline_ns, Descriptor* socket);

// Takes the next connection. kTimeout if none waits; any other fault is of one connection or for a
// moment (out of descriptors), and the listener goes on.
Status Accept(const Descriptor& listener, Descriptor* socket);

// The address of the other end: "tcp://HOST:PORT", or "unix://" for one without a name.
std::string PeerAddress(const Descriptor& socket);

// Whether the other end of a Unix socket belongs to this process's user.
bool IsOfSameUser(const Descriptor& socket);

// All `nbytes`, or a status: kTimeout, kPeerLost, kFailed.
Status SendAll(const Descriptor& socket, std::string_view bytes, int64_t deadline_ns);
Status ReceiveAll(const Descriptor& socket, void* to, size_t nbytes, int64_t deadline_ns);

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_STREAM_SOCKET_H_
