"""ONNX files of quantized models: outputs are those of the frozen model, within its rounding.

Method: models of four kinds with each kind of grid run in ONNX Runtime at another batch size than
they were exported with, and in torch after `freeze()`. With integer kernels, outputs are as near as
activations of 8 bits allow, and the graph is looked at for the kernels.

Runs where torch is installed: `make test-frameworks`.
"""

import copy
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
from small_models import MODELS, made, mlp  # noqa: E402
from torch import nn  # noqa: E402

from mlperf_loadgen import compress  # noqa: E402

QUANTIZERS = {
    "mlp": lambda model: compress.DiffQuantizer(model, group_size=7),
    "cnn": lambda model: compress.UniformQuantizer(model, bits=3, range="channel"),
    "transformer": lambda model: compress.UniformQuantizer(model, bits=4, range=32, zero=True),
    "lstm": lambda model: compress.LSQQuantizer(model, bits=5),
}


def frozen_outputs(quantizer, *inputs):
    with torch.no_grad():
        return copy.deepcopy(quantizer).freeze().eval()(*inputs).numpy()


def onnx_outputs(path, *inputs):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feeds = {i.name: x.numpy() for i, x in zip(session.get_inputs(), inputs, strict=True)}
    return session.run(None, feeds)[0]


def operators(path):
    return [node.op_type for node in onnx.load(path).graph.node]


def error(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def mixed(quantizer):
    """The quantizer with logits that give groups many widths."""
    with torch.no_grad():
        for name, parameter in quantizer.model.named_parameters():
            if name.startswith("_compress_"):
                parameter.normal_(0, 2)
    return quantizer


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


# ---- Float kernels -------------------------------------------------------------------------------


class ReturnsWeights(nn.Linear):
    """Returns its weights, which no node of a graph takes."""

    def forward(self, x):
        return self.weight, x + 1


def test_weights_that_a_model_returns(path):
    quantizer = compress.UniformQuantizer(ReturnsWeights(64, 64), bits=4)
    compress.export_onnx(quantizer, path, torch.randn(2, 64))
    found = onnx_outputs(path, torch.randn(3, 64))
    assert np.array_equal(found, quantizer.freeze().weight.detach().numpy())


@pytest.mark.parametrize("kind", MODELS)
def test_outputs_are_those_of_the_frozen_model(kind, path):
    quantizer = QUANTIZERS[kind](made(kind))
    if kind == "mlp":
        mixed(quantizer)
    inputs = MODELS[kind][1]
    before = copy.deepcopy(quantizer.model.state_dict())
    compress.export_onnx(quantizer, path, inputs(1))
    onnx.checker.check_model(onnx.load(path), full_check=True)
    for count in (1, 4):
        x = inputs(count)
        expected = frozen_outputs(quantizer, x)
        np.testing.assert_allclose(onnx_outputs(path, x), expected, rtol=1e-5, atol=1e-5)
    for name, tensor in quantizer.model.state_dict().items():
        assert torch.equal(tensor, before[name])
    quantizer.detach()


def test_recurrent_layers_get_their_weights_when_the_file_is_loaded(path, tmp_path):
    quantizer = QUANTIZERS["lstm"](made("lstm"))
    compress.export_onnx(quantizer, path, MODELS["lstm"][1](2))
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    graph = onnx.load(tmp_path / "optimized.onnx").graph
    constant = {initializer.name for initializer in graph.initializer}
    layers = [node for node in graph.node if node.op_type == "LSTM"]
    assert len(layers) == 2
    for layer in layers:
        assert set(layer.input[1:4]) <= constant


def test_a_file_has_the_size_of_the_weights(path):
    model = nn.Sequential(nn.Linear(500, 400), nn.ReLU(), nn.Linear(400, 100))
    for quantizer, more in (
        (compress.UniformQuantizer(copy.deepcopy(model), bits=3), 6_000),
        (compress.UniformQuantizer(copy.deepcopy(model), bits=2, float16=True), 6_000),
        (mixed(compress.DiffQuantizer(copy.deepcopy(model))), 40_000),  # A function a width.
    ):
        compress.export_onnx(quantizer, path, torch.randn(2, 500))
        true = quantizer.true_model_size() * 2**20
        assert true < path.stat().st_size < true + more
        x = torch.randn(3, 500)
        expected = frozen_outputs(quantizer, x)
        np.testing.assert_allclose(onnx_outputs(path, x), expected, rtol=1e-5, atol=1e-6)


def test_what_the_quantizer_rounds_to_half_precision_is_stored_so(path):
    quantizer = compress.UniformQuantizer(made("mlp"), bits=2, float16=True)
    compress.export_onnx(quantizer, path, torch.randn(2, 64))
    stored = {array.name: array.data_type for array in onnx.load(path).graph.initializer}
    assert stored["0.bias#half"] == stored["2.bias#half"] == onnx.TensorProto.FLOAT16
    assert not {"0.bias", "2.bias"} & set(stored)


def test_several_inputs(path):
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Linear(64, 50), nn.Linear(60, 50)

        def forward(self, a, b):
            return self.left(a) + self.right(b)

    quantizer = compress.UniformQuantizer(Sum(), bits=4)
    compress.export_onnx(quantizer, path, (torch.randn(2, 64), torch.randn(2, 60)))
    inputs = torch.randn(5, 64), torch.randn(5, 60)
    expected = frozen_outputs(quantizer, *inputs)
    np.testing.assert_allclose(onnx_outputs(path, *inputs), expected, rtol=1e-5, atol=1e-6)


def test_a_parameter_that_forward_does_not_use(path):
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(64, 64), nn.Linear(64, 64)

        def forward(self, x):
            return self.used(x)

    quantizer = compress.UniformQuantizer(Half(), bits=4)
    with pytest.warns(UserWarning, match=r"parameter 'unused.weight' is not in the ONNX file"):
        compress.export_onnx(quantizer, path, torch.randn(2, 64))
    x = torch.randn(3, 64)
    expected = frozen_outputs(quantizer, x)
    np.testing.assert_allclose(onnx_outputs(path, x), expected, rtol=1e-5, atol=1e-6)


def test_a_file_runs_without_torch_and_this_package(path):
    quantizer = compress.UniformQuantizer(made("mlp"), bits=4)
    compress.export_onnx(quantizer, path, torch.randn(2, 64))
    program = """
import sys, numpy as np, onnxruntime as ort
session = ort.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
print(session.run(None, {session.get_inputs()[0].name: np.ones((1, 64), np.float32)})[0][0, 0])
assert not {"torch", "mlperf_loadgen"} & set(sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    expected = frozen_outputs(quantizer, torch.ones(1, 64))[0, 0]
    assert float(run.stdout) == pytest.approx(expected, rel=1e-4)


# ---- Integer kernels -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernels", "bits", "ranges", "operator"),
    [
        ("int4", 4, 32, "MatMulNBits"),
        ("int4", 3, 32, "MatMulNBits"),
        ("int4", 1, 32, "MatMulNBits"),
        ("int8", 8, 32, "MatMulNBits"),
        ("int8", 5, 32, "MatMulNBits"),
        ("int8", 8, "channel", "MatMulInteger"),
        ("int8", 3, "channel", "MatMulInteger"),
    ],
)
def test_linear_layers_on_integer_kernels(kernels, bits, ranges, operator, path):
    quantizer = compress.UniformQuantizer(made("mlp"), bits=bits, range=ranges, zero=True)
    compress.export_onnx(quantizer, path, torch.randn(2, 64), kernels=kernels)
    assert operators(path).count(operator) == 2
    assert not {"Gemm", "MatMul", "Zero", "Pick"} & set(operators(path))
    x = torch.randn(9, 64)
    found = onnx_outputs(path, x)
    assert error(found, frozen_outputs(quantizer, x)) < 0.02
    assert path.stat().st_size < quantizer.true_model_size() * 2**20 + 6000


@pytest.mark.parametrize(("kernels", "ranges"), [("int4", 32), ("int8", "channel")])
def test_what_a_model_has_besides_linear_layers_stays_float(kernels, ranges, path):
    quantizer = compress.UniformQuantizer(
        made("transformer"), bits=4, range=ranges, zero=True, min_size=0.001
    )
    tokens = MODELS["transformer"][1](3)
    compress.export_onnx(quantizer, path, tokens, kernels=kernels)
    found = operators(path)
    operator = {"int4": "MatMulNBits", "int8": "MatMulInteger"}[kernels]
    assert found.count(operator) == 5
    assert found.count("DynamicQuantizeLinear") == (5 if kernels == "int8" else 0)
    assert found.count("Zero") == 1  # The embedding, whose weights the output has too.
    assert error(onnx_outputs(path, tokens), frozen_outputs(quantizer, tokens)) < 0.03


def test_layers_with_the_same_input_round_it_once(path):
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.later, self.first = nn.Linear(64, 64), nn.Linear(64, 64)

        def forward(self, x):
            x = torch.relu(x)
            return self.first(x) * self.later(x)

    quantizer = compress.UniformQuantizer(Branches(), bits=8, range="channel", zero=True)
    compress.export_onnx(quantizer, path, torch.randn(2, 64), kernels="int8")
    assert operators(path).count("DynamicQuantizeLinear") == 1
    onnx.checker.check_model(onnx.load(path))  # Its nodes come after what they use.
    x = torch.randn(5, 64)
    assert error(onnx_outputs(path, x), frozen_outputs(quantizer, x)) < 0.03


def test_an_odd_number_of_blocks(path):
    model = nn.Sequential(nn.Linear(96, 64))
    quantizer = compress.UniformQuantizer(model, bits=4, range=32, zero=True)
    compress.export_onnx(quantizer, path, torch.randn(2, 96), kernels="int4")
    x = torch.randn(5, 96)
    assert error(onnx_outputs(path, x), frozen_outputs(quantizer, x)) < 0.02


# ---- Bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernels", "values", "says"),
    [
        ("int4", {"bits": 4}, "'0.weight' must be quantized by UniformQuantizer with range=32, ze"),
        ("int4", {"bits": 5, "range": 32, "zero": True}, "bits=4 at most"),
        ("int4", {"bits": 4, "range": "channel", "zero": True}, "must have range=32"),
        ("int8", {"bits": 9, "range": 32, "zero": True}, "bits=8 at most"),
        ("int8", {"bits": 8, "range": 16, "zero": True}, "range='channel' or range=32"),
        ("int8", {"bits": 8, "min_size": 9}, "nothing is quantized"),
    ],
)
def test_no_layer_that_can_use_the_kernels(kernels, values, says, path):
    quantizer = compress.UniformQuantizer(made("mlp"), **values)
    with pytest.raises(ValueError, match=f"kernels='{kernels}': no layer can use them: .*{says}"):
        compress.export_onnx(quantizer, path, torch.randn(2, 64), kernels=kernels)
    assert not path.exists()


@pytest.mark.parametrize(
    ("model", "x", "says"),
    [
        (lambda: nn.Sequential(nn.Linear(40, 80)), torch.randn(2, 40), "multiple of 32 inputs"),
        (lambda: nn.Sequential(nn.Conv1d(32, 32, 3)), torch.randn(2, 32, 9), "float32 matrix"),
        (lambda: nn.Sequential(nn.Embedding(99, 32)), torch.ones(2, 1).long(), "a linear layer"),
    ],
)
def test_layers_of_another_kind(model, x, says, path):
    quantizer = compress.UniformQuantizer(model(), bits=4, range=32, zero=True)
    with pytest.raises(ValueError, match=says):
        compress.export_onnx(quantizer, path, x, kernels="int4")


def test_kernels_that_there_are_not(path):
    quantizer = compress.UniformQuantizer(mlp(), bits=4)
    with pytest.raises(ValueError, match="kernels='int2': it must be one of 'float', 'int8', 'in"):
        compress.export_onnx(quantizer, path, torch.randn(2, 64), kernels="int2")


def test_what_is_not_installed_is_named(path, monkeypatch):
    quantizer = compress.UniformQuantizer(mlp(), bits=4)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'mlperf_loadgen\[compress\]'"):
        compress.export_onnx(quantizer, path, torch.randn(2, 64))
