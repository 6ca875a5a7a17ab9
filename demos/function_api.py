"""The functions and handles of the original LoadGen: benchmarks written for it run unchanged."""

import array

import mlperf_loadgen as lg

SAMPLE_COUNT = 100
loaded: dict[int, str] = {}


def load(indices: list[int]) -> None:
    for index in indices:
        loaded[index] = f"sample {index}"


def unload(indices: list[int]) -> None:
    for index in indices:
        del loaded[index]


def issue_query(samples: lg.SampleBatch) -> None:
    for sample in samples:
        answer = array.array("B", loaded[sample.index].upper().encode())
        address, length = answer.buffer_info()
        # The bytes are copied, where they are logged, before the call returns.
        lg.QuerySamplesComplete([lg.QuerySampleResponse(sample.id, address, length)])


def flush_queries() -> None:
    pass


settings = lg.TestSettings()
settings.scenario = lg.TestScenario.SingleStream
settings.mode = lg.TestMode.AccuracyOnly

sut = lg.ConstructSUT(issue_query, flush_queries)
qsl = lg.ConstructQSL(SAMPLE_COUNT, SAMPLE_COUNT, load, unload)
lg.StartTest(sut, qsl, settings)
lg.DestroyQSL(qsl)
lg.DestroySUT(sut)

answers = lg.read_accuracy("mlperf_log_accuracy.json")
print(f"{len(answers)} answers logged, the first one: {answers.payloads[0].decode()}")
