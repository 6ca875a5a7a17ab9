"""A system under test whose tokens come at known times."""

from timed_answers import Answer, complete_at, door

import mlperf_loadgen as lg


class StreamedSut(lg.SystemUnderTest):
    """Answers each sample with events that came at even times between its issue and now.

    `tokens_of(index)`: the tokens of each event, 0 where that is not known, and those of the sample
    in all; `lag_ns`: by how much all was read late; `told`: what else answers say.
    """

    name = "streamed"

    def __init__(
        self, tokens_of=lambda index: ([1, 2, 1, 3], 7), pause_ns=400_000, lag_ns=3000, **told
    ):
        self._tokens_of, self._pause_ns, self._lag_ns = tokens_of, pause_ns, lag_ns
        self._told = {"source": "usage"} | told

    def issue_query(self, samples):
        start_ns = door.now_ns()
        end_ns = start_ns + self._pause_ns
        while door.now_ns() < end_ns:
            pass
        for sample in samples:
            tokens, total = self._tokens_of(sample.index)
            step_ns = self._pause_ns // (len(tokens) + 1)
            times_ns = [start_ns + (i + 1) * step_ns for i in range(len(tokens))]
            answer = Answer(
                sample.id,
                end_ns,
                n_tokens=total,
                first_token_ns=times_ns[0],
                first_output_ns=times_ns[0],
                first_token_lag_ns=self._lag_ns,
                completed_lag_ns=self._lag_ns,
                events=[(at, k, self._lag_ns) for at, k in zip(times_ns, tokens, strict=True)],
                sent_ns=start_ns,
                **self._told,
            )
            complete_at(answer)
