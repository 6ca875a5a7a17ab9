"""Goal: every demo runs as a user would run it, and stays short enough to read at a glance.

Method: a process of its own in an empty directory, and the lines it must print. No line depends on
how fast the machine is.
"""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

DEMOS = Path(__file__).resolve().parents[3] / "demos"
FILES = sorted(DEMOS.rglob("*.py"))
MAX_LINES = 80
MAX_LINES_WITH_A_MODEL = 130  # Those of compress bring the code of a published model.
LIMIT_S = 120

NUMBER = r"[\d,]+(\.\d+)?"
ACCURACY = r"0\.9[5-9]\d\d on 540 images of 6 shards, equal to the model asked directly"
PRINTED = {
    "single_stream.py": [
        r"SingleStream PerformanceOnly of MatrixProduct: (IN)?VALID",
        rf"  latency at the target percentile: {NUMBER} \w+",
    ],
    "multi_stream.py": [
        r"MultiStream PerformanceOnly of Digests: (IN)?VALID",
        r"  query latency: mean .*",
    ],
    "server.py": [
        r"Server PerformanceOnly of SquareRoots: (IN)?VALID",
        rf"  completed: {NUMBER} samples/s",
        rf"  scheduled: {NUMBER} samples/s",
        rf"  over the latency bound: {NUMBER} \({NUMBER} %\)",
    ],
    "offline.py": [
        r"Offline PerformanceOnly of Spectra: (IN)?VALID",
        rf"  throughput: {NUMBER} samples/s",
        r"  queries issued: 1",
        r"  samples completed: 66,000",
    ],
    "streaming/words.py": [
        r"Server PerformanceOnly of Decoder: (IN)?VALID",
        rf"  first token: mean {NUMBER} \w+, .*",
        rf"  per token: mean {NUMBER} \w+, .*",
    ],
    "function_api.py": [r"100 answers logged, the first one: SAMPLE \d+"],
    "classification/main.py": [
        rf"accuracy +PASSED +{ACCURACY}",
        rf"single_stream +(IN)?VALID +{NUMBER} ms a sample at the 90th percentile",
        rf"multi_stream +(IN)?VALID +{NUMBER} ms for 8 samples at the 99th percentile",
        rf"server +(IN)?VALID +{NUMBER} samples/s, 99% within {NUMBER} ms \(bound 20 ms\)",
        r"offline +(IN)?VALID +\d+ samples/s",
        r"find_peak +(IN)?VALID +.+ the bound of 20 ms.*",
        r"The logs are in .*demo_logs, a folder for each run\.",
    ],
    "webdataset/measure_shards.py": [
        r"400 images of 2 shards, 1\.000 of them right",
        r"Server PerformanceOnly of Classifier: (IN)?VALID",
        rf"  completed: {NUMBER} samples/s",
    ],
    "transfer/read.py": [
        r"read \[1000\.0, 1001\.0, 1002\.0, 1003\.0, 2000\.0, 2001\.0, 2002\.0, 2003\.0\] by shm"
    ],
    "transfer/write.py": [r"8 rows of 4096 bytes were written and announced"],
    "transfer/messages.py": [r"received \[1, 4, 9, 16\]"],
    "transfer/coroutines.py": [r"64 reads awaited; immediate 42"],
    "transfer/all_gather.py": [rf"rank {rank} has \[0\.0, 1\.0, 2\.0, 3\.0\]" for rank in range(4)],
    "transfer/torch_group.py": [r"received 1\.0 and gathered \[1\.0, 0\.0\]"],
    "network/measure.py": [
        rf"network_accuracy +PASSED +{ACCURACY}",
        rf"network_server +(IN)?VALID +{NUMBER} samples/s, 99% within {NUMBER} ms \(bound 20 ms\)",
        r"model( +[\d.]+ \w+){4}",
        r"network_both_ways( +[\d.]+ \w+){4}",
        r"node tcp://127\.0\.0\.1:\d+ \(OnnxRuntime\): \d+ answered, 0 failed",
    ],
}
"""What each demo prints, as regular expressions of whole lines."""

NEEDED = {
    "classification/main.py": ["onnxruntime", "skl2onnx", "sklearn"],
    "webdataset/measure_shards.py": ["PIL"],
    "transfer/torch_group.py": ["torch"],
    "network/measure.py": ["onnxruntime", "skl2onnx", "sklearn", "zmq"],
}
"""Packages beyond those of `pip install .`."""


@pytest.mark.parametrize("demo", PRINTED)
def test_demo_runs_as_a_user_runs_it(demo: str, tmp_path: Path) -> None:
    missing = [name for name in NEEDED.get(demo, []) if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{demo} needs {', '.join(missing)}: pip install '.[demos,network,data]' torch")
    done = subprocess.run(
        [sys.executable, DEMOS / demo],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for line in PRINTED[demo]:
        assert re.search(f"^{line}$", done.stdout, re.MULTILINE), f"{line!r} not in:\n{done.stdout}"
    if not demo.startswith("transfer/"):
        assert list(tmp_path.rglob("mlperf_log_summary.txt"))


def test_every_program_is_run() -> None:
    programs = {
        str(file.relative_to(DEMOS)) for file in FILES if file.parent in (DEMOS, DEMOS / "transfer")
    }
    assert programs | {
        "classification/main.py",
        "network/measure.py",
        "streaming/words.py",
        "webdataset/measure_shards.py",
    } == set(PRINTED)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(DEMOS)))
def test_demo_is_short(file: Path) -> None:
    most = MAX_LINES_WITH_A_MODEL if file.parent.name == "compress" else MAX_LINES
    assert len(file.read_text().splitlines()) < most
