"""Goal: a model behind a real server of the Open Inference Protocol, asked over HTTP and gRPC,
gives what it gives when it is asked in process.

Method: a scikit-learn classifier of digits in MLServer, which is installed into a virtual
environment of its own, and asked there directly for what must come out. Where it cannot be
installed, as without a network, the test is skipped; LOADGEN_SKIP_MLSERVER=1 skips it too.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from runs import errors_of, log_settings

import mlperf_loadgen as lg
from mlperf_loadgen.qdl import NetworkQDL

pytest.importorskip("tritonclient.grpc.aio", reason="kserve+grpc:// needs tritonclient")
pytest.importorskip("tritonclient.http.aio", reason="kserve+http:// needs tritonclient")

PACKAGES = ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "scikit-learn==1.7.2")
ENVIRONMENT = Path(__file__).resolve().parents[3] / "build" / "mlserver-venv"
INSTALL_LIMIT_S = 600
START_LIMIT_S = 120

TRAIN = """
    import joblib
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.naive_bayes import GaussianNB

    pixels, labels = load_digits(return_X_y=True)
    pixels = pixels.astype(np.float32)
    model = GaussianNB().fit(pixels[::2], labels[::2])
    joblib.dump(model, "model.joblib")
    np.savez("digits.npz", pixels=pixels, labels=labels, predicted=model.predict(pixels))
"""

DESCRIPTION = {
    "inputs": [{"name": "pixels", "datatype": "FP32", "shape": [-1, 64]}],
    "outputs": [{"name": "predict", "datatype": "INT64", "shape": [-1, 1]}],
}
MODELS = {"described": DESCRIPTION, "plain": {}}


def install(python):
    """Returns why it could not be installed, or an empty text."""
    pip = (python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--retries", "1")
    for command in ((sys.executable, "-m", "venv", ENVIRONMENT), (*pip, *PACKAGES)):
        try:
            done = subprocess.run(
                [str(part) for part in command],
                capture_output=True,
                text=True,
                timeout=INSTALL_LIMIT_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode != 0:
            return (done.stderr.strip().splitlines() or ["no message"])[-1]
    return ""


@pytest.fixture(scope="module")
def python():
    """An interpreter that has MLServer."""
    if os.environ.get("LOADGEN_SKIP_MLSERVER"):
        pytest.skip("LOADGEN_SKIP_MLSERVER is set")
    # The last thing that is made: an installation that was interrupted has none.
    installed = ENVIRONMENT / "installed"
    if not installed.exists():
        reason = install(ENVIRONMENT / "bin" / "python")
        if reason:
            shutil.rmtree(ENVIRONMENT, ignore_errors=True)
            pytest.skip(f"{PACKAGES[0]} cannot be installed: {reason}")
        installed.write_text("\n".join(PACKAGES))
    return ENVIRONMENT / "bin" / "python"


@pytest.fixture(scope="module")
def digits(python, tmp_path_factory):
    """A folder with the model, and the arrays `pixels`, `labels` and `predicted`."""
    folder = tmp_path_factory.mktemp("mlserver")
    subprocess.run(
        [python, "-c", textwrap.dedent(TRAIN)], cwd=folder, check=True, timeout=START_LIMIT_S
    )
    with np.load(folder / "digits.npz") as arrays:
        return folder, dict(arrays)


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def write_settings(folder):
    """Returns the ports of HTTP and gRPC."""
    http_port, grpc_port = free_ports(2)
    settings = {
        "host": "127.0.0.1",
        "http_port": http_port,
        "grpc_port": grpc_port,
        "parallel_workers": 0,
        "metrics_endpoint": None,
        "debug": False,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    for name, description in MODELS.items():
        model = {
            "name": name,
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": str(folder / "model.joblib")},
            **description,
        }
        (folder / name).mkdir()
        (folder / name / "model-settings.json").write_text(json.dumps(model))
    return http_port, grpc_port


def is_ready(port, name):
    url = f"http://127.0.0.1:{port}/v2/models/{name}/ready"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def server(python, digits):
    """MLServer with the models: the addresses of both protocols."""
    folder, _ = digits
    http_port, grpc_port = write_settings(folder)
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [python.with_name("mlserver"), "start", folder], stdout=log, stderr=log, cwd=folder
        )
    try:
        deadline = time.monotonic() + START_LIMIT_S
        while not all(is_ready(http_port, name) for name in MODELS):
            assert process.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < deadline, (folder / "server.log").read_text()
            time.sleep(0.2)
        yield {
            "http": f"kserve+http://127.0.0.1:{http_port}",
            "grpc": f"kserve+grpc://127.0.0.1:{grpc_port}",
        }
    finally:
        process.kill()
        process.wait()


class Digits(lg.QuerySampleLibrary):
    def __init__(self, pixels):
        self.pixels = pixels

    @property
    def total_sample_count(self):
        return len(self.pixels)

    performance_sample_count = total_sample_count

    def load_samples(self, indices):
        pass

    def unload_samples(self, indices):
        pass

    def __getitem__(self, index):
        return self.pixels[index]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_accuracy_is_that_of_the_model_in_process(server, digits, protocol, model, tmp_path):
    _, arrays = digits
    # A model that describes itself has a batch dimension added; another one gets what it is given.
    pixels = arrays["pixels"] if model == "described" else arrays["pixels"][:, np.newaxis]
    library = Digits(pixels[:400])
    sut = NetworkQDL(f"{server[protocol]}/{model}", library, request_timeout_s=60)
    settings = lg.TestSettings(scenario=lg.TestScenario.Offline, mode=lg.TestMode.AccuracyOnly)
    result = lg.StartTestWithLogSettings(sut, library, settings, log_settings(tmp_path))
    assert errors_of(result) == []
    assert sut.name == f"{model} on mlserver 1.7.1"
    log = lg.read_accuracy(result.logs.accuracy)
    assert sorted(log.indices.tolist()) == list(range(400))
    labels = log.payloads.as_array(np.int64)[:, 0]
    np.testing.assert_array_equal(labels, arrays["predicted"][log.indices])
    # So that a model that always says the same is not enough.
    assert 0.7 < (labels == arrays["labels"][log.indices]).mean() < 1


@pytest.mark.parametrize(
    ("protocol", "text"), [("http", "500 Internal Server Error"), ("grpc", "10 features")]
)
def test_a_refusal_of_the_server_is_reported(server, digits, protocol, text, tmp_path):
    _, arrays = digits
    library = Digits(arrays["pixels"][:3, np.newaxis, :10])
    sut = NetworkQDL(f"{server[protocol]}/plain", library, request_timeout_s=60)
    settings = lg.TestSettings(scenario=lg.TestScenario.Offline, mode=lg.TestMode.AccuracyOnly)
    with pytest.warns(match=text):
        result = lg.StartTestWithLogSettings(sut, library, settings, log_settings(tmp_path))
    assert not result.valid
    assert sut.report.nodes[0]["failed"] == 3
