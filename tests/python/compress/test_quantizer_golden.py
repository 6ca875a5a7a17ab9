"""Quantizers give the worked numbers of tests/golden/compression, by kernels and by torch.

The kernels have tests of their own; here a model's forward, gradients and sizes are compared. Noise
is drawn anew by each forward: it is read off the forward, and the gradients are worked out for it.
"""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import compress_golden as golden  # noqa: E402
from torch import nn  # noqa: E402

from mlperf_loadgen.compress import (  # noqa: E402
    DiffQuantizer,
    LSQQuantizer,
    UniformQuantizer,
    plain,
)


class Weights(nn.Module):
    """Its output is its weights, as a forward sees them."""

    def __init__(self, weights):
        super().__init__()
        self.weight = nn.Parameter(torch.as_tensor(weights).float())

    def forward(self):
        return self.weight.clone()


def same_bits(tensor, text):
    """Whether a tensor is equal to a row's numbers to the bit."""
    return golden.same_bits(tensor.detach().numpy(), golden.floats(text))


@pytest.mark.parametrize("qat", [False, True])
def test_one_range(qat):
    for row in golden.rows("quantize"):
        model = Weights(golden.floats(row["weights"]))
        UniformQuantizer(model, row["bits"], qat=qat, min_size=0)
        assert same_bits(model.train(qat)(), row["restored"]), (row["case"], row["bits"])


def test_one_range_by_torch():
    for row in golden.rows("quantize"):
        weights = torch.from_numpy(golden.floats(row["weights"]))
        restored = plain.restored(weights, row["bits"], len(weights), zero=False)
        assert same_bits(restored, row["restored"]), (row["case"], row["bits"])


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("qat", [False, True])
def test_several_ranges(qat, zero):
    for row in golden.rows("ranges"):
        weights = torch.from_numpy(golden.floats(row["weights"]))
        model = Weights(weights)
        UniformQuantizer(model, row["bits"], qat=qat, range=row["range"], zero=zero, min_size=0)
        expected = row["zero_restored" if zero else "restored"]
        assert same_bits(model.train(qat)(), expected)
        by_torch = plain.restored(weights, row["bits"], min(row["range"], len(weights)), zero)
        assert same_bits(by_torch, expected)


def test_lsq():
    for row in golden.rows("lsq"):
        model, upstream = Weights(row["weights"]), torch.tensor(row["upstream"])
        quantizer = LSQQuantizer(model, row["bits"], min_size=0)
        quantizer.no_optimizer()
        step = model._compress_0
        assert step.item() == pytest.approx(row["start"], rel=1e-6)
        step.data.fill_(row["step"])
        out = model()
        assert same_bits(out, row["restored"])
        out.backward(upstream)
        parameter = dict(model.named_parameters())["weight"]
        np.testing.assert_allclose(parameter.grad, row["gradient_weights"], rtol=1e-5)
        assert step.grad.item() == pytest.approx(row["gradient_step"], rel=1e-5)
        assert same_bits(model.eval()(), row["restored"])
        check_lsq_by_torch(row, parameter.detach(), upstream)


def check_lsq_by_torch(row, weights, upstream):
    step, bits = torch.tensor(row["step"]), row["bits"]
    restored = plain.restored_lsq(weights, bits, step)
    assert same_bits(restored, row["restored"])
    by_weights, by_step = plain.lsq_gradients(weights, upstream, bits, step)
    np.testing.assert_allclose(by_weights, row["gradient_weights"], rtol=1e-5)
    by_step /= math.sqrt(len(weights) * (2 ** (bits - 1) - 1))
    assert by_step.item() == pytest.approx(row["gradient_step"], rel=1e-5)


def test_a_negative_step_counts_without_its_sign():
    row = golden.rows("lsq")[3]
    model = Weights(row["weights"])
    LSQQuantizer(model, row["bits"], min_size=0).no_optimizer()
    model._compress_0.data.fill_(-row["step"])
    out = model()
    assert same_bits(out, row["restored"])
    out.backward(torch.tensor(row["upstream"]))
    assert model._compress_0.grad.item() == pytest.approx(-row["gradient_step"], rel=1e-5)


def group_weights(row):
    return row["group"] or len(row["weights"])


def test_given_noise():
    for row in golden.rows("noise"):
        group, limits = group_weights(row), (row["min_bits"], row["max_bits"])
        weights, u = torch.tensor(row["weights"]).double(), torch.tensor(row["noise"]).double()
        logits, span = torch.tensor(row["logits"]).double(), weights.max() - weights.min()
        steps = plain.group_steps(logits, *limits, span)
        noisy = plain.noisy(weights, steps, u, group)
        np.testing.assert_allclose(noisy, row["noisy"], rtol=1e-5)
        sums = plain.noise_sums(torch.tensor(row["upstream"]), u, group)
        by_logits, by_span = plain.group_gradients(logits, sums, *limits, span)
        np.testing.assert_allclose(by_logits, row["gradient_logits"], rtol=1e-5)
        by_weights = torch.tensor(row["upstream"])
        by_weights[weights.argmax()] += by_span
        by_weights[weights.argmin()] -= by_span
        np.testing.assert_allclose(by_weights, row["gradient_weights"], rtol=1e-5)


@pytest.mark.parametrize("kind", ["gaussian", "uniform"])
def test_drawn_noise(kind):
    for row in golden.rows("noise"):
        model, upstream = Weights(row["weights"]), torch.tensor(row["upstream"])
        quantizer = DiffQuantizer(
            *(model, row["group"]),
            min_bits=row["min_bits"],
            max_bits=row["max_bits"],
            init_bits=(row["min_bits"] + row["max_bits"]) / 2,
            noise=kind,
            min_size=0,
        )
        quantizer.no_optimizer()
        logits = model._compress_0
        logits.data.copy_(torch.tensor(row["logits"]))
        out = model()
        out.backward(upstream)
        weights = dict(model.named_parameters())["weight"]
        by_weights, by_logits = expected_gradients(row, weights.detach(), out.detach())
        np.testing.assert_allclose(weights.grad, by_weights, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(logits.grad, by_logits, rtol=1e-4, atol=1e-5)


def expected_gradients(row, weights, out):
    """The formulas of the specification, for the noise that the forward shows."""
    weights, out, group = weights.double().numpy(), out.double().numpy(), group_weights(row)
    upstream, span = np.array(row["upstream"]), weights.max() - weights.min()
    levels = np.exp2(np.array(row["bits"])) - 1
    u = (out - weights) / np.repeat(span / levels, group)[: len(weights)]
    starts = np.arange(0, len(weights), group)
    sums = np.add.reduceat(upstream * u, starts)
    by_weights, share = upstream.copy(), 1 / (1 + np.exp(-np.array(row["logits"])))
    by_weights[weights.argmax()] += (sums / levels).sum()
    by_weights[weights.argmin()] -= (sums / levels).sum()
    slope = (row["max_bits"] - row["min_bits"]) * share * (1 - share)
    return by_weights, -span * math.log(2) * (levels + 1) / levels**2 * sums * slope


def test_groups_of_different_widths():
    """The widths of a row are reached by logits; its weights are what a forward in eval uses."""
    for row in golden.rows("groups"):
        model = Weights(golden.floats(row["weights"]))
        limits = {"min_bits": 1, "init_bits": 8, "max_bits": 16}
        DiffQuantizer(model, row["group"], **limits, min_size=0)
        share = (np.array(row["widths"]) - 1) / 15
        with np.errstate(divide="ignore"):
            model._compress_0.data.copy_(torch.from_numpy(np.log(share / (1 - share))))
        assert same_bits(model.eval()(), row["restored"]), row["case"]


class Tensors(nn.Module):
    """Parameters as a row of sizes.json has them."""

    def __init__(self, tensors):
        super().__init__()
        for number, tensor in enumerate(tensors):
            shape = (tensor["count"],)
            if tensor["kind"] == "uniform" and tensor["count"] % tensor["ranges"] == 0:
                shape = (tensor["ranges"], tensor["count"] // tensor["ranges"])
            self.register_parameter(f"{tensor['kind']}{number}", nn.Parameter(torch.randn(shape)))


def quantizer_of(model, tensors):
    """A quantizer with the arguments that a row of sizes.json means."""
    first = next(t for t in tensors if t["kind"] not in ("plain", "half"))
    common = {
        "min_size": 0,
        "exclude": ["plain*", "half*"],
        "float16": any(t["kind"] == "half" for t in tensors),
    }
    if first["kind"] == "lsq":
        return LSQQuantizer(model, first["bits"], **common)
    if first["kind"] == "diffq":
        limits = {"min_bits": first["min_bits"], "max_bits": first["max_bits"]}
        return DiffQuantizer(
            model, first["group"], **limits, extra_bits=first["extra_bits"], **common
        )
    ranges = {1: "tensor"}.get(first["ranges"], -(-first["count"] // first["ranges"]))
    return UniformQuantizer(
        model, first["bits"], range=ranges, zero=first.get("zero", False), **common
    )


def test_sizes():
    for row in golden.rows("sizes"):
        if len({t.get("group") for t in row["tensors"] if t["kind"] == "diffq"}) > 1:
            continue  # A quantizer has one group size; the sum of both is tested below.
        model = Tensors(row["tensors"])
        quantizer = quantizer_of(model, row["tensors"])
        learnt = [p for n, p in model.named_parameters() if n.startswith("_compress_")]
        for logits, tensor in zip(
            learnt, (t for t in row["tensors"] if "logits" in t), strict=False
        ):
            logits.data.copy_(torch.tensor(tensor["logits"]))
        assert quantizer.true_model_size() == row["true_mb"], row["case"]
        size = quantizer.model_size()
        assert size.shape == () and size.dtype == torch.float32
        assert size.item() == pytest.approx(row["soft_mb"], rel=1e-6), row["case"]
        if "gradient_logits" in row:
            (3 * size).backward()
            np.testing.assert_allclose(learnt[0].grad / 3, row["gradient_logits"], rtol=1e-5)


def test_sizes_of_ragged_groups():
    (row,) = (row for row in golden.rows("sizes") if row["case"] == "diffq, ragged")
    sizes = []
    for tensor in row["tensors"]:
        model = Tensors([tensor])
        quantizer = quantizer_of(model, [tensor])
        model._compress_0.data.copy_(torch.tensor(tensor["logits"]))
        sizes.append((quantizer.model_size().item(), quantizer.true_model_size()))
    soft, true = (sum(column) for column in zip(*sizes, strict=True))
    assert true == row["true_mb"]
    assert soft == pytest.approx(row["soft_mb"], rel=1e-6)


def test_noise_by_torch_is_that_of_the_kernels():
    from mlperf_loadgen import _compress

    for kind in ("gaussian", "uniform"):
        table = torch.from_numpy(_compress.noise_table(kind))
        for key in (0, 1, 2**63 - 1):
            expected = _compress.noise(key, 1003, kind)
            assert (plain.noise(key, table, 1003).numpy() == expected).all()
        assert (
            abs(table.double().square().mean().sqrt() - 0.5).item()
            < (1e-6, 0.22)[kind == "uniform"]
        )


def test_the_gradient_of_noise_by_torch_is_that_of_the_kernels():
    from mlperf_loadgen import _compress

    torch.manual_seed(0)
    weights, upstream, logits = torch.randn(103), torch.randn(103), torch.randn(13)
    key, span = 2**62 + 5, float(weights.max()) - float(weights.min())
    table = torch.from_numpy(_compress.noise_table("gaussian"))
    u = plain.noise(key, table, 103)
    steps = plain.group_steps(logits, 2, 15, torch.tensor(span).double())
    np.testing.assert_allclose(steps, _compress.group_steps(logits.numpy(), 2, 15, span), rtol=1e-6)
    noisy = _compress.noisy(weights.numpy(), 8, steps.numpy(), key, "gaussian")
    assert (plain.noisy(weights, steps, u, 8).numpy() == noisy).all()
    sums = plain.noise_sums(upstream, u, 8)
    np.testing.assert_allclose(
        sums, _compress.noise_sums(upstream.numpy(), 8, key, "gaussian"), rtol=1e-5, atol=1e-6
    )
