"""A system under test answers the same whether it runs in the process or behind any transport.

Method: the classifier of the demos, unchanged, answers all images in this process, then in a node
in another one, over each transport; the responses are compared bit for bit.
"""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from runs import HANG_LIMIT_S, errors_of, log_settings

import mlperf_loadgen as lg
from mlperf_loadgen import qdl

for needed in ("onnxruntime", "skl2onnx", "sklearn", "zmq"):
    pytest.importorskip(needed, reason=f"needs {needed}: pip install '.[demos,network]'")

DEMOS = Path(__file__).resolve().parents[3] / "demos"

HTTP_NODE = f"""
import contextlib, sys
sys.path.insert(0, {str(DEMOS / "classification")!r})
from model import Classifier, prepare
from sut import OnnxRuntime
from mlperf_loadgen.qdl.node.http import serve_http

classifier = Classifier(prepare().model)
with contextlib.ExitStack() as stack:
    serve_http(
        lambda library: stack.enter_context(OnnxRuntime(classifier, library)),
        sys.argv[1],
        ready=lambda address: print(address, flush=True),
    )
"""

# The program that makes a node, and where it listens.
TRANSPORTS = {
    "tcp": ([DEMOS / "network" / "node.py"], "tcp://127.0.0.1:0"),
    "ipc": ([DEMOS / "network" / "node.py"], "ipc://{folder}/node"),
    "http": (["-c", HTTP_NODE], "http://127.0.0.1:0"),
}


@pytest.fixture(scope="module")
def demo():
    """The demo's modules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DEMOS / "classification"))
        import model
        import sut

        yield model, sut
        for name in ("model", "sut"):
            del sys.modules[name]


@pytest.fixture
def start_node(tmp_path):
    nodes = []

    def start(transport):
        program, address = TRANSPORTS[transport]
        command = [sys.executable, *program, address.format(folder=tmp_path)]
        node = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        nodes.append(node)
        return node.stdout.readline().strip()

    yield start
    for node in nodes:
        node.send_signal(signal.SIGTERM)
        assert node.wait(HANG_LIMIT_S) == 0
        node.stdout.close()


def answers(system, images, folder):
    """The digits the system saw, by image."""
    settings = lg.TestSettings(mode=lg.TestMode.AccuracyOnly, scenario=lg.TestScenario.Offline)
    result = lg.StartTestWithLogSettings(system, images, settings, log_settings(folder))
    assert result.valid and errors_of(result) == []
    log = lg.read_accuracy(result.logs.accuracy)
    assert sorted(log.indices) == list(range(images.total_sample_count))
    return log.payloads.as_array(np.int64)[np.argsort(log.indices), 0]


@pytest.fixture(scope="module")
def answers_here(demo, tmp_path_factory):
    model, sut = demo
    files = model.prepare()
    with sut.OnnxRuntime(model.Classifier(files.model), sut.open_images(files.shards)) as system:
        here = answers(system, system.images, tmp_path_factory.mktemp("here"))
    assert np.mean(here == np.load(files.labels)) > 0.95
    return here


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_answers_are_those_of_the_same_process(transport, demo, answers_here, start_node, tmp_path):
    if transport == "http":
        pytest.importorskip("aiohttp", reason="needs aiohttp: pip install '.[network]'")
    model, sut = demo
    images = sut.open_images(model.prepare().shards)
    system = qdl.NetworkQDL(start_node(transport), images)
    assert answers(system, images, tmp_path).tolist() == answers_here.tolist()
    assert system.name == "OnnxRuntime"
