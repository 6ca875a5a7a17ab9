// Makes completions of what came from a node: finds the samples that are meant, and completes their
// times.
#ifndef MLPERF_LOADGEN_NETWORK_ANSWER_TAKER_H_
#define MLPERF_LOADGEN_NETWORK_ANSWER_TAKER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "lane_event.h"
#include "lane_fleet.h"
#include "lane_wire.h"
#include "query_sample.h"
#include "record_reader.h"
#include "slots.h"

namespace mlperf::network {

// What some answers come to. The data of responses are the bytes of the answers.
struct TakenAnswers {
  std::vector<QuerySampleResponse> first_tokens;  // To be reported before the completions.
  std::vector<QuerySampleResponse> completions;
  std::vector<TimingRow> rows;  // Of the completions.
  std::vector<LaneEvent> events;

  void Clear();
};

// Takes answers of the node `number` that were here at `received_ns`, in the order in which they
// came: their slots are free then. Appends to `taken`.
void TakeAnswers(std::span<const Received<AnswerRecord>> answers, uint32_t number,
                 int64_t received_ns, LaneNode* node, SlotTable* slots, TakenAnswers* taken);

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_ANSWER_TAKER_H_
