#include "outbox.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace mlperf::network {
namespace {

constexpr size_t kGatheredBytes = 256 << 10;  // In a piece.
constexpr size_t kMostParts = 64;             // In a call of the kernel,
constexpr size_t kMostCallBytes = 512 << 10;  // as with more both ends fight for the socket.

}  // namespace

std::byte* Outbox::Extend(size_t size) {
  bytes_ += size;
  if (!pieces_.empty()) {
    Piece& last = pieces_.back();
    if (last.gathered && last.data + last.size + size <= last.gathered.get() + last.capacity) {
      last.size += size;
      return const_cast<std::byte*>(last.data) + last.size - size;
    }
  }
  Piece piece = std::exchange(spare_, {});
  if (piece.capacity < size) {
    piece.capacity = std::max(size, kGatheredBytes);
    piece.gathered = std::make_unique_for_overwrite<std::byte[]>(piece.capacity);
  }
  std::byte* room = piece.gathered.get();
  piece.data = room;
  piece.size = size;
  pieces_.push_back(std::move(piece));
  return room;
}

void Outbox::Refer(std::span<const std::byte> bytes, std::shared_ptr<const void> keeper) {
  if (bytes.empty()) return;
  bytes_ += bytes.size();
  pieces_.push_back({nullptr, 0, std::move(keeper), bytes.data(), bytes.size()});
}

void Outbox::Clear() {
  while (!pieces_.empty()) DropFront();
  bytes_ = 0;
}

void Outbox::DropFront() {
  if (pieces_.front().capacity == kGatheredBytes) spare_ = std::move(pieces_.front());
  pieces_.pop_front();
}

void Outbox::Written(size_t count) {
  bytes_ -= count;
  while (count > 0) {
    Piece& front = pieces_.front();
    const size_t part = std::min(count, front.size);
    front.data += part;
    front.size -= part;
    count -= part;
    if (front.size == 0) DropFront();
  }
}

WriteEnd Outbox::WriteTo(int fd, size_t most_bytes) {
  while (!empty() && most_bytes > 0) {
    std::array<iovec, kMostParts> parts;
    size_t count = 0, left = std::min(most_bytes, kMostCallBytes);
    for (auto piece = pieces_.begin(); piece != pieces_.end() && count < kMostParts && left > 0;
         ++piece) {
      const size_t size = std::min(piece->size, left);
      parts[count++] = {const_cast<std::byte*>(piece->data), size};
      left -= size;
    }
    msghdr message = {};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    const ssize_t written = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      return errno == EAGAIN || errno == EWOULDBLOCK ? WriteEnd::kFull : WriteEnd::kBroken;
    }
    Written(static_cast<size_t>(written));
    most_bytes -= static_cast<size_t>(written);
  }
  return empty() ? WriteEnd::kDone : WriteEnd::kFull;
}

}  // namespace mlperf::network
