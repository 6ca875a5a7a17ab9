"""TorchScript files of quantized models: outputs are those of the frozen model.

Method: models of four kinds, and a linear layer with each kind of grid and width, are loaded again
and run, twice, as the first forward makes the weights.

Runs where torch is installed: `make test-frameworks`.
"""

import copy
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")
from small_models import MODELS, made, mlp  # noqa: E402
from torch import nn  # noqa: E402

from mlperf_loadgen import compress  # noqa: E402

GRIDS = {
    "a tensor": lambda model, bits: compress.UniformQuantizer(model, bits=bits),
    "ragged": lambda model, bits: compress.UniformQuantizer(model, bits=bits, range=37),
    "zero": lambda model, bits: compress.UniformQuantizer(model, bits=bits, range=32, zero=True),
    "lsq": lambda model, bits: compress.LSQQuantizer(model, bits=max(bits, 2)),
}


def frozen_outputs(quantizer, x):
    with torch.no_grad():
        return copy.deepcopy(quantizer).freeze().eval()(x)


def assert_equal(quantizer, path, x):
    loaded = torch.jit.load(path)
    expected = frozen_outputs(quantizer, x)
    with torch.no_grad():
        for _ in range(2):
            assert torch.equal(loaded(x), expected)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pt"


@pytest.mark.parametrize("kind", MODELS)
def test_outputs_are_those_of_the_frozen_model(kind, path):
    quantizer = compress.UniformQuantizer(made(kind), bits=4, range="channel")
    x = MODELS[kind][1](3)
    compress.export_torchscript(quantizer, path, x)
    assert_equal(quantizer, path, x)


@pytest.mark.parametrize("grid", GRIDS)
def test_each_kind_of_grid(grid, path):
    for bits in (1, 3, 7, 8, 9, 13, 16):
        quantizer = GRIDS[grid](nn.Sequential(nn.Linear(61, 43)), bits)
        compress.export_torchscript(quantizer, path, torch.randn(2, 61))
        assert_equal(quantizer, path, torch.randn(5, 61))


class Scaled(nn.Module):
    """Has a parameter without axes."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.7))

    def forward(self, x):
        return x * self.scale


def test_a_parameter_without_axes(path):
    quantizer = compress.UniformQuantizer(Scaled(), min_size=0)
    compress.export_torchscript(quantizer, path, torch.randn(2, 3))
    assert_equal(quantizer, path, torch.randn(4, 3))


@pytest.mark.parametrize("group", [0, 1, 8, 11])
def test_groups_of_many_widths(group, path):
    quantizer = compress.DiffQuantizer(nn.Sequential(nn.Linear(61, 43)), group_size=group)
    with torch.no_grad():
        logits = quantizer.model.get_parameter("_compress_0").normal_(0, 3)
        logits[0], logits[-1] = 9, -9  # The last group, which may be shorter, is not the widest.
    compress.export_torchscript(quantizer, path, torch.randn(2, 61))
    assert_equal(quantizer, path, torch.randn(5, 61))


def test_a_file_has_the_size_of_the_weights(path):
    model = nn.Sequential(nn.Linear(500, 400), nn.ReLU(), nn.Linear(400, 100))
    for quantizer in (
        compress.UniformQuantizer(copy.deepcopy(model), bits=3),
        compress.UniformQuantizer(copy.deepcopy(model), bits=3, float16=True),
    ):
        compress.export_torchscript(quantizer, path, torch.randn(2, 500))
        true = quantizer.true_model_size() * 2**20
        assert true < path.stat().st_size < true + 20_000
        assert_equal(quantizer, path, torch.randn(3, 500))


def test_a_file_runs_without_this_package(path):
    quantizer = compress.UniformQuantizer(made("mlp"), bits=4)
    compress.export_torchscript(quantizer, path, torch.randn(2, 64))
    program = """
import sys, torch
print(torch.jit.load(sys.argv[1])(torch.ones(1, 64))[0, 0].item())
assert "mlperf_loadgen" not in sys.modules
"""
    run = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    expected = frozen_outputs(quantizer, torch.ones(1, 64))[0, 0].item()
    assert float(run.stdout) == pytest.approx(expected, rel=1e-5)


def test_several_exports_and_inputs(path):
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Linear(64, 50), nn.Linear(60, 50)

        def forward(self, a, b):
            return self.left(a) + self.right(b)

    quantizer = compress.UniformQuantizer(Sum(), bits=4)
    inputs = torch.randn(2, 64), torch.randn(2, 60)
    compress.export_torchscript(quantizer, path, inputs)
    with torch.no_grad():
        expected = copy.deepcopy(quantizer).freeze()(*inputs)
    assert torch.equal(torch.jit.load(path)(*inputs), expected)


def test_inputs_that_are_no_tensors(path):
    quantizer = compress.UniformQuantizer(mlp(), bits=4)
    with pytest.raises(TypeError, match=r"example holds list: .* use export_onnx"):
        compress.export_torchscript(quantizer, path, [torch.randn(2, 64)])
    assert not path.exists()
