"""read_accuracy gives back what a test wrote, and says what is wrong with what no test wrote.

Method: real tests in all scenarios and token modes, read back and compared with the JSON; then the
same file cut off anywhere, and other text.
"""

import numpy as np
import pytest
from runs import FOR_EVERY_SCENARIO, SCENARIOS

import mlperf_loadgen as lg

pytestmark = pytest.mark.filterwarnings(FOR_EVERY_SCENARIO)


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


def shortened(text, size=4096):
    """As MLCommons' tool leaves the accuracy log of a submission."""
    return text[:size] + "\n\n...\n\n" + text[-size:]


def test_a_shortened_log_is_read_at_both_ends(tmp_path):
    records = [
        f'{{ "seq_id" : {i}, "qsl_idx" : {i % 1000}, "data" : "{i:08X}" }}' for i in range(5000)
    ]
    text = "[\n" + ",\n".join(records) + "\n]\n"
    path = tmp_path / "mlperf_log_accuracy.json"
    path.write_text(shortened(text))
    with pytest.warns(lg.TruncatedLogWarning, match=r"shortened.*beginning and its end"):
        log = lg.read_accuracy(path)
    assert log.truncated
    assert log.shortened
    ids = log.sequence_ids.tolist()
    head, tail = text[:4096].count("}"), text[-4096:].count("{")
    assert ids == [*range(head), *range(5000 - tail, 5000)]
    assert [int.from_bytes(data, "big") for data in log.payloads] == ids
    assert (log.indices == log.sequence_ids % 1000).all()


@pytest.mark.parametrize("tokens", [False, True])
def test_a_real_log_shortened_to_any_size(accuracy_run, tmp_path, tokens):
    whole = lg.read_accuracy(accuracy_run(tokens=tokens).result.logs.accuracy)
    text = (accuracy_run(tokens=tokens).outdir / "mlperf_log_accuracy.json").read_text()
    path = tmp_path / "shortened.json"
    for size in range(2, len(text) // 2, 7):
        path.write_text(shortened(text, size))
        with pytest.warns(lg.TruncatedLogWarning, match="shortened"):
            log = lg.read_accuracy(path)
        head, tail = text[:size].count("}"), text[-size:].count("{")
        kept = [*range(head), *range(len(whole) - tail, len(whole))]
        assert log.indices.tolist() == whole.indices[kept].tolist()
        assert list(log.payloads) == [whole.payloads[i] for i in kept]
        if tokens and kept:
            assert log.token_counts.tolist() == [7] * len(kept)
            assert list(log.token_payloads) == [whole.token_payloads[i] for i in kept]


@pytest.mark.parametrize("end", ["\r\n", "\n\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_logs_of_other_editors(accuracy_run, tmp_path, mark, end):
    run = accuracy_run()
    path = tmp_path / "edited.json"
    path.write_text(mark + run.text("accuracy.json").replace("\n", end), newline="")
    log = lg.read_accuracy(path)
    assert log.indices.tolist() == run.issued
    assert not log.truncated


def test_a_log_in_utf16_is_named_as_such(accuracy_run, tmp_path):
    path = tmp_path / "utf16.json"
    path.write_text(accuracy_run().text("accuracy.json"), encoding="utf-16")
    with pytest.raises(lg.AccuracyFormatError, match=r"UTF-16.*convert the file to UTF-8"):
        lg.read_accuracy(path)


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
