"""Models train with quantizers: gradients arrive, the model stays usable, and what is around works.

Each kind of model is trained with each quantizer; then what surrounds a training step is tried:
automatic mixed precision, activation checkpointing, torch.compile, copies, errors.
"""

import copy

import pytest

torch = pytest.importorskip("torch")
from compress_models import MODELS, QUANTIZERS, made, train  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

from mlperf_loadgen.compress import (  # noqa: E402
    DiffQuantizer,
    LSQQuantizer,
    UniformQuantizer,
)


@pytest.mark.parametrize("attach", QUANTIZERS)
@pytest.mark.parametrize("kind", MODELS)
def test_a_model_trains(kind, attach):
    model, x = made(kind)
    names = list(model.state_dict())
    quantizer = QUANTIZERS[attach](model)
    losses = train(model, quantizer, x, steps=4)
    assert losses[-1] < losses[0]
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
    assert [name for name in model.state_dict() if "_compress" not in name] == names
    model.eval()
    assert torch.isfinite(model(x)).all()


def test_quantized_training_passes_gradients_straight_through():
    model, x = made("mlp")
    quantizer = UniformQuantizer(model, 3, qat=True)
    model(x).square().sum().backward()
    frozen = copy.deepcopy(quantizer).freeze()
    frozen.zero_grad()
    frozen(x).square().sum().backward()
    assert torch.equal(dict(model.named_parameters())["0.weight"].grad, frozen[0].weight.grad)
    assert frozen[0].weight.unique().numel() <= 8


@pytest.mark.parametrize("attach", QUANTIZERS)
def test_gradients_and_weights_that_do_not_lie_in_order(attach):
    model = nn.Module()
    model.weight = nn.Parameter(torch.linspace(-1, 1, 8000)[::2])
    model.forward = lambda: model.weight.sum()  # Its gradient is one element again and again.
    quantizer = QUANTIZERS[attach](model)
    quantizer.setup_optimizer(torch.optim.SGD([model.weight], 0.1))
    model().backward()
    gradient = dict(model.named_parameters())["weight"].grad
    assert torch.equal(gradient[1:-1], torch.ones(3998))
    model.eval()()
    restored = model.weight
    assert torch.equal(restored, quantizer.freeze().weight)


def test_training_without_qat_uses_the_float_weights():
    model, x = made("mlp")
    expected = model(x)
    UniformQuantizer(model, 2)
    assert torch.equal(model(x), expected)
    assert not torch.equal(model.eval()(x), expected)


def test_noise_is_drawn_anew_and_by_the_seed():
    model, x = made("mlp")
    DiffQuantizer(model).no_optimizer()
    torch.manual_seed(5)
    first, second = model(x), model(x)
    assert not torch.equal(first, second)
    torch.manual_seed(5)
    assert torch.equal(model(x), first)


def test_tied_weights_have_the_same_noise():
    model, _ = made("tied")
    DiffQuantizer(model).no_optimizer()
    model(torch.zeros(1, 1, dtype=torch.int64))
    assert model.output.weight is model.embedding.weight
    assert model.output.weight is not dict(model.named_parameters())["embedding.weight"]


def test_tied_weights_apart():
    model, x = made("tied")
    quantizer = DiffQuantizer(model, detect_bound=False)
    quantizer.no_optimizer()
    model(x)
    assert not torch.equal(model.output.weight, model.embedding.weight)
    tied = DiffQuantizer(made("tied")[0])
    assert quantizer.true_model_size() > 1.25 * tied.true_model_size()


@pytest.mark.parametrize("attach", ["qat", "lsq", "diffq"])
def test_graphs_of_several_forwards_keep_their_weights(attach):
    """Memory is used again only when no graph needs it."""
    model, x = made("mlp")
    quantizer = QUANTIZERS[attach](model)
    getattr(quantizer, "no_optimizer", lambda: None)()
    torch.manual_seed(1)
    outputs = [model(x * k) for k in (1, 2, 3)]
    sum(out.square().sum() for out in outputs).backward()
    together = {n: p.grad.clone() for n, p in model.named_parameters()}
    model.zero_grad()
    torch.manual_seed(1)
    for k in (1, 2, 3):
        model(x * k).square().sum().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, together[name])


@pytest.mark.parametrize("attach", ["qat", "lsq", "diffq"])
def test_mixed_precision(attach):
    model, x = made("mlp")
    quantizer = QUANTIZERS[attach](model)
    quantizer.setup_optimizer(torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1))
    with torch.autocast("cpu", torch.bfloat16):
        out = model(x)
        loss = out.float().square().mean() + quantizer.model_size()
    assert out.dtype == torch.bfloat16
    loss.backward()
    assert all(p.grad.dtype == torch.float32 for p in model.parameters())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("attach", ["qat", "qat zero", "lsq", "diffq"])
def test_models_of_other_types(attach, dtype):
    model, x = made("mlp")
    model, x = model.to(dtype), x.to(dtype)
    quantizer = QUANTIZERS[attach](model)
    quantizer.setup_optimizer(torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1))
    out = model(x)
    out.square().mean().backward()
    parameter = dict(model.named_parameters())["0.weight"]
    assert (out.dtype, parameter.grad.dtype) == (dtype, dtype)
    model.eval()
    expected = model(x)
    assert torch.equal(quantizer.freeze()(x), expected)


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("attach", ["qat", "diffq"])
def test_activation_checkpointing(attach, reentrant):
    class Model(nn.Module):
        def __init__(self, recompute):
            super().__init__()
            self.layers, self.recompute = made("mlp")[0], recompute

        def forward(self, x):
            if self.recompute:
                return checkpoint(self.layers, x, use_reentrant=reentrant)
            return self.layers(x)

    gradients = []
    for recompute in (False, True):
        torch.manual_seed(0)
        model = Model(recompute)
        quantizer = QUANTIZERS[attach](model)
        quantizer.setup_optimizer(torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1))
        torch.manual_seed(3)
        model(torch.ones(2, 64, requires_grad=True)).square().sum().backward()
        gradients.append([p.grad for p in model.parameters()])
    for plain, recomputed in zip(*gradients, strict=True):
        assert torch.equal(plain, recomputed)


@pytest.mark.parametrize("attach", ["qat", "lsq", "diffq"])
def test_a_compiled_model_trains_and_runs_alike(attach):
    results = []
    for compile_model in (False, True):
        model, x = made("mlp")
        quantizer = QUANTIZERS[attach](model)
        run = torch.compile(model, backend="aot_eager") if compile_model else model
        torch.manual_seed(2)
        losses = train(run, quantizer, x)
        results.append((losses, run.eval()(x), run(x)))
    (plain, out, again), (compiled, compiled_out, compiled_again) = results
    assert compiled == pytest.approx(plain, rel=1e-5)
    torch.testing.assert_close(compiled_out, out)
    assert torch.equal(again, out) and torch.equal(compiled_again, compiled_out)


@pytest.mark.parametrize("attach", ["qat", "lsq", "diffq"])
def test_an_exception_in_a_forward_leaves_the_model_usable(attach):
    model, x = made("mlp")
    quantizer = QUANTIZERS[attach](model)
    quantizer.setup_optimizer(torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1))
    state = copy.deepcopy(model.state_dict())
    for training in (True, False):
        model.train(training)
        with pytest.raises(RuntimeError, match="shape"):
            model(torch.randn(4, 63))
        assert torch.isfinite(model(x)).all()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("attach", ["qat", "qat zero", "lsq", "diffq"])
def test_weights_that_are_not_finite_are_refused(attach, training):
    model, x = made("mlp")
    quantizer = QUANTIZERS[attach](model)
    quantizer.setup_optimizer(torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1))
    weight = dict(model.named_parameters())["2.weight"]
    kept = weight.detach().clone()
    with torch.no_grad():
        weight[3, :2] = float("nan")
        weight[4, 5] = float("inf")
    model.train(training)
    with pytest.raises(ValueError, match=r"parameter '2.weight': 3 of the weights are NaN or inf"):
        model(x)
    with torch.no_grad():
        weight.copy_(kept)
    assert torch.isfinite(model(x)).all()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("value", ["inf", "nan"])
def test_a_step_that_is_not_finite_is_refused(value, training):
    model, x = made("mlp")
    quantizer = LSQQuantizer(model, 4)
    quantizer.no_optimizer()
    with torch.no_grad():
        model.get_parameter("_compress_1").fill_(float(value))
    with pytest.raises(ValueError, match=f"parameter '2.weight': its step is {value}: training"):
        model.train(training)(x)


def test_lsq_refuses_weights_that_are_not_finite_when_it_is_attached():
    model, _ = made("mlp")
    with torch.no_grad():
        model[0].weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match=r"parameter '0.weight': 1 of the weights"):
        LSQQuantizer(model)
    assert not model._forward_pre_hooks
    assert list(dict(model.named_parameters())) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_a_tensor_of_zeros_trains_with_lsq():
    model, x = made("mlp")
    with torch.no_grad():
        model[2].weight.zero_()
    quantizer = LSQQuantizer(model, 2)
    assert model._compress_1.item() == 1
    losses = train(model, quantizer, x)
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert losses == sorted(losses, reverse=True)


def test_a_penalty_takes_bits_away():
    model, x = made("mlp")
    quantizer = DiffQuantizer(model)
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))])
    quantizer.setup_optimizer(optimizer, lr=0.1)
    before = quantizer.true_model_size()
    for _ in range(20):
        optimizer.zero_grad()
        (model(x).square().mean() + 100 * quantizer.model_size()).backward()
        optimizer.step()
    assert quantizer.true_model_size() < 0.9 * before


def test_one_group_of_equal_weights_has_no_noise():
    model, x = made("mlp")
    with torch.no_grad():
        model[0].weight.fill_(0.25)
    model[2].requires_grad_(False)
    model(x).sum().backward()
    expected = model[0].weight.grad.clone()
    model.zero_grad()
    DiffQuantizer(model, exclude=["2.weight"]).no_optimizer()
    model(x).sum().backward()
    assert (model[0].weight == 0.25).all()
    assert (model._compress_0.grad == 0).all()
    assert torch.equal(dict(model.named_parameters())["0.weight"].grad, expected)


def test_memory_is_used_again():
    model, x = made("mlp")
    UniformQuantizer(model, 4, qat=True)
    model(x).sum().backward()
    first = model[0].weight.data_ptr()
    seen = set()
    for _ in range(5):
        model(x).sum().backward()
        seen.add(model[0].weight.data_ptr())
    assert seen == {first}
