#include "mailbox.h"

#include <utility>

namespace mlperf::transfer {
namespace {

// The first of a tag; the tag goes with its last one.
template <typename Value>
std::optional<Value> TakeFirst(std::unordered_map<uint32_t, std::deque<Value>>* values,
                               uint32_t tag) {
  const auto found = values->find(tag);
  if (found == values->end()) return std::nullopt;
  std::optional<Value> first = std::move(found->second.front());
  found->second.pop_front();
  if (found->second.empty()) values->erase(found);
  return first;
}

}  // namespace

void Mailbox::Keep(uint32_t tag, KeptMessage message) {
  kept_[tag].push_back(std::move(message));
  ++kept_count_;
}

std::optional<KeptMessage> Mailbox::TakeMessage(uint32_t tag) {
  std::optional<KeptMessage> message = TakeFirst(&kept_, tag);
  if (message) --kept_count_;
  return message;
}

void Mailbox::Add(uint32_t tag, Receive receive) { receives_[tag].push_back(std::move(receive)); }

std::optional<Receive> Mailbox::TakeReceive(uint32_t tag) { return TakeFirst(&receives_, tag); }

std::vector<Receive> Mailbox::TakeReceivesInto(const Memory* memory) {
  std::vector<Receive> taken;
  for (auto tag = receives_.begin(); tag != receives_.end();) {
    std::deque<Receive> left;
    for (Receive& receive : tag->second) {
      if (memory == nullptr || receive.memory.get() == memory) {
        taken.push_back(std::move(receive));
      } else {
        left.push_back(std::move(receive));
      }
    }
    tag->second = std::move(left);
    tag = tag->second.empty() ? receives_.erase(tag) : std::next(tag);
  }
  return taken;
}

}  // namespace mlperf::transfer
