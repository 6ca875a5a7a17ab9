"""read_accuracy gives back what a test wrote, and says what is wrong with what no test wrote.

Method: real tests in all scenarios and token modes, read back and compared with the JSON; then the
same file cut off anywhere, and other text.
"""

import numpy as np
import pytest
from conftest import SCENARIOS

import mlperf_loadgen as lg


def respond(tokens):
    """Answers with the sample's index as two bytes, after its first token as one."""

    def issue(samples):
        data = samples.indices.astype(np.uint16)
        if tokens:
            first = samples.indices.astype(np.uint8)
            address = first.ctypes.data
            lg.FirstTokenComplete(
                [lg.QuerySampleResponse(s.id, address + i, 1) for i, s in enumerate(samples)]
            )
        lg.complete(samples.ids, data, [7] * len(samples) if tokens else None)

    return issue


@pytest.fixture(scope="module")
def accuracy_run(run_test):
    def run(scenario="SingleStream", tokens=False):
        return run_test(
            scenario=scenario,
            mode="AccuracyOnly",
            issue=respond(tokens),
            use_token_latencies=tokens,
            server_target_qps=1e5,
        )

    return run


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_real_logs(accuracy_run, scenario, tokens):
    run = accuracy_run(scenario, tokens)
    log = lg.read_accuracy(run.result.logs.accuracy)
    assert isinstance(log, lg.AccuracyLog)
    assert len(log) == len(run.accuracy) == run.result.accuracy_sample_count
    assert not log.truncated
    assert log.sequence_ids.dtype == log.indices.dtype == np.uint64
    assert log.sequence_ids.tolist() == [r["seq_id"] for r in run.accuracy]
    assert log.indices.tolist() == [r["qsl_idx"] for r in run.accuracy] == run.issued
    assert list(log.payloads) == [bytes.fromhex(r["data"]) for r in run.accuracy]
    assert (log.payloads.as_array(np.uint16)[:, 0] == log.indices).all()
    if tokens:
        assert log.token_counts.tolist() == [7] * len(log)
    else:
        assert len(log.token_counts) == 0
    if tokens and scenario != "Offline":
        assert list(log.token_payloads) == [bytes.fromhex(r["token_data"]) for r in run.accuracy]
    else:
        assert len(log.token_payloads) == 0


def test_payloads_are_a_sequence(accuracy_run):
    payloads = lg.read_accuracy(accuracy_run().result.logs.accuracy).payloads
    assert isinstance(payloads, lg.Payloads)
    assert len(payloads) == 20
    assert payloads[-1] == payloads[19] == list(payloads)[-1]
    for bad in (20, -21):
        with pytest.raises(IndexError):
            payloads[bad]
    assert (payloads.offsets == np.arange(0, 42, 2)).all()


def test_as_array_does_not_copy(accuracy_run):
    payloads = lg.read_accuracy(accuracy_run().result.logs.accuracy).payloads
    values = payloads.as_array(np.uint8)
    assert values.shape == (20, 2)
    assert np.shares_memory(values, payloads.data)
    with pytest.raises(ValueError, match="do not hold whole items"):
        payloads.as_array(np.float32)


def test_as_array_needs_one_size(run_test):
    run = run_test(
        mode="AccuracyOnly", issue=lambda s: lg.complete(s.ids, [b"x" * int(s.indices[0])])
    )
    payloads = lg.read_accuracy(run.result.logs.accuracy).payloads
    with pytest.raises(ValueError, match="0 to 19 bytes"):
        payloads.as_array(np.uint8)


def test_empty_log(run_test):
    log = lg.read_accuracy(run_test().result.logs.accuracy)
    assert (len(log), len(log.payloads), log.truncated) == (0, 0, False)
    assert log.payloads.as_array(np.float32).shape[0] == 0


def test_path_objects(accuracy_run):
    run = accuracy_run()
    path = run.outdir / "mlperf_log_accuracy.json"
    assert len(lg.read_accuracy(path)) == len(lg.read_accuracy(str(path)))


def test_cut_off_anywhere(accuracy_run, tmp_path):
    text = (accuracy_run().outdir / "mlperf_log_accuracy.json").read_bytes()
    ends = [i + 1 for i, byte in enumerate(text) if byte == ord("}")]
    path = tmp_path / "cut.json"
    for size in range(1, len(text) - 2, 3):
        path.write_bytes(text[:size])
        log = lg.read_accuracy(path)
        assert log.truncated
        assert len(log) == sum(end <= size for end in ends)


@pytest.mark.parametrize(
    "text",
    [
        "not a log",
        "{}",
        '[{"seq_id": 1}]',
        '[{"seq_id": -1, "qsl_idx": 1, "data": ""}]',
        '[{"seq_id": 1, "qsl_idx": 1, "data": "0"}]',
        '[{"seq_id": 1, "qsl_idx": 1, "data": "0G"}]',
        '[{"seq_id": 1, "qsl_idx": 1, "data": 7}]',
        '[{"seq_id": 1, "qsl_idx": 1, "data": "00"} {}]',
        "[\n]\nmore",
        "\x00\x01\x02",
    ],
)
def test_garbage(tmp_path, text):
    path = tmp_path / "garbage.json"
    path.write_text(text)
    with pytest.raises(lg.AccuracyFormatError, match=r"garbage\.json") as refused:
        lg.read_accuracy(path)
    assert isinstance(refused.value, ValueError)


def test_missing_file(tmp_path):
    with pytest.raises(OSError, match=r"none\.json"):
        lg.read_accuracy(tmp_path / "none.json")
