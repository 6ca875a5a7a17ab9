// Goal: the reader of a lane takes any bytes, however they are cut, and gives only what came.
// Method: the input's first byte says in which direction it travels; the rest is read at once, in
// pieces and byte by byte, which must give the same records and the same fault; the bytes of the
// records are those at their places in the input.
#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz_targets.h"
#include "record_reader.h"

namespace mlperf::loadgen {
namespace {

constexpr uint64_t kMostBytes = 1 << 20;

struct Outcome {
  std::vector<std::string> records;  // Each with its bytes.
  std::string fault;

  bool operator==(const Outcome&) const = default;
};

template <typename Record>
void TakeAll(network::RecordReader<Record>* reader, Outcome* outcome) {
  network::Received<Record> received;
  while (reader->Next(&received)) {
    std::string text(sizeof(Record) + received.bytes.size(), '\0');
    std::memcpy(text.data(), &received.record, sizeof(Record));
    std::memcpy(text.data() + sizeof(Record), received.bytes.data(), received.bytes.size());
    outcome->records.push_back(text);
  }
  outcome->fault = reader->fault();
}

template <typename Record, typename NextSize>
Outcome Read(std::string_view input, const NextSize& next_size) {
  network::RecordReader<Record> reader(kMostBytes);
  Outcome outcome;
  while (outcome.fault.empty() && !input.empty()) {
    const auto room = reader.Room();
    Require(!room.empty(), "there is always room");
    const size_t size = std::min({room.size(), input.size(), next_size()});
    std::memcpy(room.data(), input.data(), size);
    input.remove_prefix(size);
    reader.Filled(size);
    TakeAll(&reader, &outcome);
  }
  return outcome;
}

template <typename Record>
bool Check(std::string_view input) {
  const Outcome at_once = Read<Record>(input, [&] { return input.size(); });
  std::minstd_rand draw(static_cast<uint32_t>(input.size()));
  Require(at_once == Read<Record>(input, [&] { return size_t{1} + draw() % 700; }),
          "every cut gives the same");
  if (input.size() <= 20'000) {
    Require(at_once == Read<Record>(input, [] { return size_t{1}; }), "byte by byte as well");
  }
  Require(at_once.fault.size() < 200, "a fault is short");
  std::string all;
  for (const std::string& record : at_once.records) all += record;
  Require(input.starts_with(all), "records are what came");
  return at_once.fault.empty() && all.size() == input.size() && !all.empty();
}

}  // namespace

bool FuzzLane(std::string_view input) {
  if (input.empty()) return false;
  const bool to_node = input[0] % 2 == 0;
  input.remove_prefix(1);
  return to_node ? Check<network::SampleRecord>(input) : Check<network::AnswerRecord>(input);
}

}  // namespace mlperf::loadgen
