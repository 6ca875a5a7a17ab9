// A load generator by hand, at the other end of a lane.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_NETWORK_LANE_PEER_H_
#define MLPERF_LOADGEN_TESTS_UNIT_NETWORK_LANE_PEER_H_

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "descriptor.h"
#include "lane_wire.h"

namespace mlperf::network {

constexpr int kHangLimitMs = 20'000;

inline std::string PaddedText(std::string text) {
  text.resize(Padded(text.size()));
  return text;
}

// A sample as it is written, whose payload is `text`.
inline std::string SampleBytes(uint64_t key, uint64_t index, const std::string& text,
                               bool ends_query = true) {
  const std::string layout = "[\"bytes\", []]";
  SampleRecord record;
  record.key = key;
  record.index = index;
  record.ends_query = ends_query ? 1 : 0;
  record.layout_bytes = static_cast<uint32_t>(layout.size());
  record.size = text.size();
  const std::string head(reinterpret_cast<const char*>(&record), sizeof(record));
  return head + PaddedText(layout) + PaddedText(text);
}

inline std::string RecordBytes(SampleKind kind, uint64_t size = 0) {
  SampleRecord record;
  record.kind = kind;
  record.size = size;
  return {reinterpret_cast<const char*>(&record), sizeof(record)};
}

struct Answer {
  AnswerRecord record;
  std::string text;
};

// Owns the socket.
class LanePeer {
 public:
  explicit LanePeer(transfer::Descriptor socket) : socket_(std::move(socket)) {}

  void Send(const std::string& bytes) {
    size_t sent = 0;
    while (sent < bytes.size() && Wait(POLLOUT)) {
      const ssize_t count =
          send(socket_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count < 0 && errno != EAGAIN) return;
      if (count > 0) sent += static_cast<size_t>(count);
    }
  }
  void EndSending() { shutdown(socket_.get(), SHUT_WR); }

  // The next answer; one of kSent with time 0 if the other end has ended.
  Answer Receive() {
    Answer answer;
    if (!ReceiveAll(&answer.record, sizeof(answer.record))) {
      answer.record = {};
      answer.record.kind = AnswerKind::kSent;
      return answer;
    }
    answer.text.resize(Padded(answer.record.size));
    EXPECT_TRUE(ReceiveAll(answer.text.data(), answer.text.size()));
    answer.text.resize(answer.record.size);
    return answer;
  }

  // The next that is not the time of a write.
  Answer ReceiveAnswer() {
    Answer answer = Receive();
    while (answer.record.kind == AnswerKind::kSent && answer.record.sent_ns != 0) {
      answer = Receive();
    }
    return answer;
  }

  // Whether the other end closes the connection, without another answer.
  bool SeesTheEnd() {
    char byte;
    return !ReceiveAll(&byte, 1);
  }

 private:
  bool Wait(int16_t events) {
    pollfd asked{socket_.get(), events, 0};
    const bool is_ready = poll(&asked, 1, kHangLimitMs) == 1;
    EXPECT_TRUE(is_ready) << "nothing happens on the lane";
    return is_ready;
  }

  bool ReceiveAll(void* to, size_t size) {
    size_t received = 0;
    while (received < size && Wait(POLLIN)) {
      const ssize_t count =
          recv(socket_.get(), static_cast<char*>(to) + received, size - received, 0);
      if (count < 0 && errno == EAGAIN) continue;
      if (count <= 0) return false;
      received += static_cast<size_t>(count);
    }
    return received == size;
  }

  transfer::Descriptor socket_;
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_TESTS_UNIT_NETWORK_LANE_PEER_H_
