#include "answer_taker.h"

#include <string>
#include <utility>

namespace mlperf::network {
namespace {

std::string TextOf(const Received<AnswerRecord>& answer) {
  return {reinterpret_cast<const char*>(answer.bytes.data()), answer.record.size};
}

QuerySampleResponse ResponseOf(uint64_t id, const Received<AnswerRecord>& answer) {
  return {id, reinterpret_cast<uintptr_t>(answer.bytes.data()), answer.record.size,
          answer.record.n_tokens};
}

TimingRow CompleteRow(const TimingRow& known, const AnswerRecord& answer, const LaneNode& node,
                      int64_t received_ns) {
  TimingRow row = known;
  row.node_received_ns = answer.received_ns - node.clock_offset_ns;
  row.node_issued_ns = answer.issued_ns - node.clock_offset_ns;
  row.node_completed_ns = answer.completed_ns - node.clock_offset_ns;
  row.node_sent_ns = node.connection->sent_ns - node.clock_offset_ns;
  row.received_ns = received_ns;
  return row;
}

void Free(Slot* slot, LaneNode* node, SlotTable* slots) {
  --node->outstanding;
  node->outstanding_bytes -= slot->payload_bytes;
  slots->Release(slot);
}

// An answer about a sample that the node has.
void TakeOne(const Received<AnswerRecord>& answer, uint32_t number, int64_t received_ns, Slot* slot,
             LaneNode* node, SlotTable* slots, TakenAnswers* taken) {
  const uint64_t id = slot->row.id;
  if (answer.record.kind == AnswerKind::kFirstToken) {
    taken->first_tokens.push_back(ResponseOf(id, answer));
    return;
  }
  if (answer.record.kind == AnswerKind::kCompleted) {
    taken->completions.push_back(ResponseOf(id, answer));
    taken->rows.push_back(CompleteRow(slot->row, answer.record, *node, received_ns));
    ++node->answered;
  } else {
    taken->events.push_back({LaneEventKind::kFailed, number, {id}, TextOf(answer)});
  }
  Free(slot, node, slots);
}

}  // namespace

void TakenAnswers::Clear() {
  first_tokens.clear();
  completions.clear();
  rows.clear();
  events.clear();
}

void TakeAnswers(std::span<const Received<AnswerRecord>> answers, uint32_t number,
                 int64_t received_ns, LaneNode* node, SlotTable* slots, TakenAnswers* taken) {
  uint64_t unknown = 0;
  for (const Received<AnswerRecord>& answer : answers) {
    switch (answer.record.kind) {
      case AnswerKind::kSent:
        node->connection->sent_ns = answer.record.sent_ns;
        continue;
      case AnswerKind::kFault:
        taken->events.push_back({LaneEventKind::kFault, number, {}, TextOf(answer)});
        continue;
      case AnswerKind::kAborted:
        taken->events.push_back({LaneEventKind::kAborted, number, {}, TextOf(answer)});
        continue;
      default:
        break;
    }
    Slot* slot = slots->Find(number, answer.record.key);
    if (slot == nullptr || answer.record.kind == AnswerKind::kPlaced) {
      ++unknown;
    } else {
      TakeOne(answer, number, received_ns, slot, node, slots, taken);
    }
  }
  if (unknown > 0) taken->events.push_back({LaneEventKind::kUnknown, number, {}, "", unknown});
}

}  // namespace mlperf::network
