#include "account.h"

#include <algorithm>
#include <limits>

namespace mlperf::soak {
namespace {

// The sample with the id, or the end.
template <typename Samples>
auto FindId(Samples& samples, ResponseId id) {
  const auto found = std::lower_bound(
      samples.begin(), samples.end(), id,
      [](const SampleAccount& sample, ResponseId wanted) { return sample.issued.id < wanted; });
  return found != samples.end() && found->issued.id == id ? found : samples.end();
}

bool Within(const Attempt& attempt, const std::pair<int64_t, int64_t>& time_ns) {
  return time_ns.first != 0 && attempt.begin_ns >= time_ns.first &&
         attempt.end_ns <= time_ns.second;
}

void Distribute(const Ledger& ledger, Account* account) {
  for (const IssuedSample& issued : ledger.issued) {
    account->samples.emplace_back().issued = issued;
  }
  std::sort(
      account->samples.begin(), account->samples.end(),
      [](const SampleAccount& a, const SampleAccount& b) { return a.issued.id < b.issued.id; });
  for (const Attempt& attempt : ledger.attempts) {
    const auto sample = FindId(account->samples, attempt.id);
    if (sample == account->samples.end()) {
      account->unissued.push_back(attempt);
    } else {
      (attempt.is_first_token ? sample->first_tokens : sample->completions).push_back(attempt);
    }
  }
}

// A set is active from its first IssueQuery to its last callback; and if it ended by itself, it was
// active until the last of its samples could be completed.
void FindActiveTimes(const Ledger& ledger, bool ran_to_end, Account* account) {
  for (const SetCalls& set : ledger.sets) {
    account->active_ns.emplace_back(set.first_issue_ns, set.last_callback_ns);
  }
  for (const SampleAccount& sample : account->samples) {
    const size_t set = sample.issued.set;
    const bool ended_by_itself = ran_to_end || set + 1 < ledger.sets.size();
    if (!ended_by_itself) continue;
    int64_t earliest_ns = std::numeric_limits<int64_t>::max();
    for (const Attempt& attempt : sample.completions) {
      earliest_ns = std::min(earliest_ns, attempt.begin_ns);
    }
    if (sample.completions.empty()) continue;
    int64_t* until_ns = &account->active_ns[set].second;
    *until_ns = std::max(*until_ns, earliest_ns);
  }
}

void Judge(const Account& account, SampleAccount* sample) {
  const auto is_sure = [&](const Attempt& attempt) {
    return attempt.begin_ns >= sample->issued.noted_ns &&
           Within(attempt, account.active_ns[sample->issued.set]);
  };
  for (const Attempt& attempt : sample->first_tokens) {
    sample->first_token_is_sure.push_back(is_sure(attempt));
  }
  for (const Attempt& attempt : sample->completions) {
    const bool sure = is_sure(attempt);
    sample->completion_is_sure.push_back(sure);
    sample->surely_completed = sample->surely_completed || sure;
  }
  for (const Attempt& attempt : sample->completions) {
    bool comes_too_late = false;
    for (size_t i = 0; i < sample->completions.size(); ++i) {
      comes_too_late = comes_too_late ||
                       (sample->completion_is_sure[i] && Precedes(sample->completions[i], attempt));
    }
    if (!comes_too_late) sample->candidates.push_back(attempt);
  }
}

}  // namespace

bool Precedes(const Attempt& first, const Attempt& second) {
  if (first.call == second.call) return first.position < second.position;
  return first.end_ns < second.begin_ns;
}

bool Account::SurelyActive(const Attempt& attempt) const {
  return std::any_of(active_ns.begin(), active_ns.end(),
                     [&](const auto& time_ns) { return Within(attempt, time_ns); });
}

const SampleAccount* Account::Find(ResponseId id) const {
  const auto found = FindId(samples, id);
  return found == samples.end() ? nullptr : &*found;
}

Account MakeAccount(const Ledger& ledger, bool ran_to_end) {
  Account account;
  Distribute(ledger, &account);
  FindActiveTimes(ledger, ran_to_end, &account);
  for (SampleAccount& sample : account.samples) Judge(account, &sample);
  return account;
}

}  // namespace mlperf::soak
