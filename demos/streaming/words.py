"""A system of your own that streams: it says when the first token of an answer is there, and at the
end how many tokens the answer has.

`Decoder` stands for a language model. Each step adds a word to every answer that it works on, and
between steps it takes what has arrived (continuous batching).
"""

import queue
import threading
import time

import mlperf_loadgen as lg

STEP_S = 0.002


class Prompts(lg.QuerySampleLibrary):
    """A hundred prompts; the answer to the one with number i has 5 to 24 words."""

    total_sample_count = performance_sample_count = 100

    def load_samples(self, indices: list[int]) -> None:
        """There is nothing to load."""

    def unload_samples(self, indices: list[int]) -> None:
        """There is nothing to unload."""


class Decoder(lg.SystemUnderTest):
    """Answers in a thread of its own."""

    def __init__(self) -> None:
        self.arrived: queue.SimpleQueue[lg.QuerySample | None] = queue.SimpleQueue()
        self.worker = threading.Thread(target=self.work)
        self.worker.start()

    def issue_query(self, samples: lg.SampleBatch) -> None:
        for sample in samples:  # The next arrival waits until this returns.
            self.arrived.put(sample)

    def work(self) -> None:
        words: dict[int, list[str]] = {}  # The answers so far, by the id of the sample.
        missing: dict[int, int] = {}
        try:
            while True:
                while not words or not self.arrived.empty():
                    sample = self.arrived.get()
                    if sample is None:
                        return
                    words[sample.id], missing[sample.id] = [], 5 + sample.index % 20
                self.step(words, missing)
        except BaseException:
            lg.AbortTest()  # No other thread answers: without this the test waits forever.
            raise

    def step(self, words: dict[int, list[str]], missing: dict[int, int]) -> None:
        time.sleep(STEP_S)  # The model works.
        for id, answer in words.items():
            answer.append(f"word{len(answer)}")
            missing[id] -= 1
        lg.first_token([id for id, answer in words.items() if len(answer) == 1])
        ended = [id for id in words if missing[id] == 0]
        answers = [words.pop(id) for id in ended]
        lg.complete(ended, [" ".join(answer) for answer in answers], [len(a) for a in answers])


settings = lg.TestSettings(
    scenario=lg.TestScenario.Server,
    use_token_latencies=True,
    server_target_qps=500,
    ttft_latency=50_000_000,
    tpot_latency=20_000_000,
    min_duration_ms=1000,
)
decoder = Decoder()
try:
    print(lg.StartTest(decoder, Prompts(), settings))
finally:
    decoder.arrived.put(None)
