"""What quantizers are attached to and with: parameters are chosen as asked, and the rest is refused
with its name, its value and the fix."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from compress_models import made  # noqa: E402
from torch import nn  # noqa: E402

from mlperf_loadgen.compress import (  # noqa: E402
    DiffQuantizer,
    LSQQuantizer,
    UniformQuantizer,
)


def quantized_names(model, **options):
    quantizer = UniformQuantizer(model, 4, **options)
    names = [tensor.name for tensor in quantizer.quantized_tensors()]
    quantizer.detach()
    return names


def test_parameters_are_chosen_by_size():
    model = nn.ParameterDict({"a": torch.zeros(2621), "b": torch.zeros(2622), "c": torch.zeros(0)})
    model["d"] = nn.Parameter(torch.zeros(2622, dtype=torch.float64))
    model["e"] = nn.Parameter(torch.zeros(9000, dtype=torch.int64), requires_grad=False)
    assert quantized_names(model) == ["b", "d"]
    assert quantized_names(model, min_size=0) == ["a", "b", "d"]
    assert quantized_names(model, min_size=1) == []


def test_parameters_are_chosen_by_name():
    model, _ = made("mlp")
    assert quantized_names(model) == ["0.weight", "2.weight"]
    assert quantized_names(model, exclude=["0.*"]) == ["2.weight"]
    assert quantized_names(model, exclude=["weight"]) == []
    assert quantized_names(model, exclude=("2.weight", "nothing")) == ["0.weight"]
    assert quantized_names(model, min_size=0, exclude=["bia?"]) == ["0.weight", "2.weight"]


def test_a_tied_parameter_is_one_tensor_with_an_alias():
    model, _ = made("tied")
    quantizer = UniformQuantizer(model, 4)
    tensors = {t.name: t.aliases for t in quantizer.quantized_tensors()}
    assert tensors == {"embedding.weight": ("output.weight",)}
    assert [t.name for t in quantizer.plain_tensors()] == ["hidden.weight", "hidden.bias"]
    quantizer.detach()
    assert quantized_names(model, detect_bound=False) == ["embedding.weight", "output.weight"]


@pytest.mark.parametrize("bits", [0, 17, 9.6, -1, float("nan"), float("inf"), "x", "8", True, None])
def test_bits(bits):
    with pytest.raises(ValueError, match=r"bits=.*it must be a whole number from 1 to 16"):
        UniformQuantizer(made("mlp")[0], bits)


def test_whole_bits_of_any_type():
    assert UniformQuantizer(made("mlp")[0], 8.0).true_model_size() == pytest.approx(
        UniformQuantizer(made("mlp")[0], 8).true_model_size()
    )


def test_one_bit_has_no_step():
    with pytest.raises(ValueError, match="bits=1: it must be a whole number from 2 to 16"):
        LSQQuantizer(made("mlp")[0], 1)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"exclude": "weight"}, TypeError, r"exclude='weight': it must be a list of patterns"),
        ({"exclude": [3]}, TypeError, "exclude: the pattern 3 must be a string"),
        ({"exclude": None}, TypeError, "exclude=None: it must be a list"),
        ({"min_size": -1}, ValueError, "min_size=-1: it must be at least 0 MB"),
        ({"min_size": "1"}, TypeError, "min_size='1': it must be a number"),
        ({"min_size": float("nan")}, ValueError, "min_size=nan: it must be a finite number"),
        ({"range": "row"}, ValueError, 'range=\'row\': it must be "tensor", "channel" or'),
        ({"range": 0}, ValueError, "range=0: it must be a whole number of at least 1"),
        ({"range": 1.5}, TypeError, "range=1.5: it must be a whole number"),
        ({"detect_bound": "no"}, TypeError, "detect_bound='no': it must be True or False"),
        ({"float16": 1}, TypeError, "float16=1: it must be True or False"),
        ({"qat": None}, TypeError, "qat=None: it must be True or False"),
        ({"zero": "tensor"}, TypeError, "zero='tensor': it must be True or False"),
    ],
)
def test_wrong_arguments(options, error, message):
    model, _ = made("mlp")
    with pytest.raises(error, match=message):
        UniformQuantizer(model, 4, **options)
    assert not model._forward_pre_hooks


def test_flags_of_numpy():
    model, _ = made("tied")
    assert quantized_names(model, detect_bound=np.bool_(True)) == ["embedding.weight"]


@pytest.mark.parametrize("kind", [UniformQuantizer, LSQQuantizer, DiffQuantizer])
def test_what_is_no_optimizer(kind):
    model, _ = made("mlp")
    quantizer = kind(model)
    for member in (quantizer.setup_optimizer, quantizer.clear_optimizer):
        for wrong in ("x", model.parameters(), None):
            with pytest.raises(TypeError, match=r"optimizer=.*: it must be a torch.optim.Optimize"):
                member(wrong)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"min_bits": 0.5}, ValueError, "min_bits=0.5, init_bits=8, max_bits=15: they must ascend"),
        ({"max_bits": 17}, ValueError, "they must ascend, from 1 at the least to 16 at the most"),
        ({"init_bits": 2}, ValueError, "they must ascend"),
        ({"init_bits": 15}, ValueError, "they must ascend"),
        ({"noise": "pink"}, ValueError, 'noise=\'pink\': it must be "gaussian" or "uniform"'),
        ({"group_size": -1}, ValueError, "group_size=-1: it must be a whole number of at least 0"),
        ({"group_size": 2.5}, TypeError, "group_size=2.5: it must be a whole number"),
        ({"extra_bits": float("nan")}, ValueError, "extra_bits=nan: it must be a finite number"),
    ],
)
def test_wrong_arguments_of_diffq(options, error, message):
    with pytest.raises(error, match=message):
        DiffQuantizer(made("mlp")[0], **options)


def test_wrapped_models_are_refused():
    model, _ = made("mlp")
    with pytest.raises(RuntimeError, match=r"the model is wrapped in DataParallel: attach the"):
        UniformQuantizer(nn.DataParallel(model))
    with pytest.raises(RuntimeError, match=r"the model is wrapped in OptimizedModule"):
        UniformQuantizer(torch.compile(model))
    with pytest.raises(RuntimeError, match=r"module '0' is wrapped in DataParallel"):
        UniformQuantizer(nn.Sequential(nn.DataParallel(model)))
    with pytest.raises(TypeError, match=r"model=list: it must be a torch.nn.Module"):
        UniformQuantizer([model])
    with pytest.raises(ValueError, match=r"parameter '0.weight' has no values yet"):
        UniformQuantizer(nn.Sequential(nn.LazyLinear(3)))


def test_a_second_quantizer_is_refused():
    model, _ = made("mlp")
    first = UniformQuantizer(model, 4)
    with pytest.raises(RuntimeError, match=r"the model has a quantizer: call its detach\(\)"):
        LSQQuantizer(model)
    with pytest.raises(RuntimeError, match="module '0' has a quantizer"):
        UniformQuantizer(nn.Sequential(model))
    with pytest.raises(RuntimeError, match="the model has a quantizer"):
        UniformQuantizer(model[0])
    first.detach()
    UniformQuantizer(model[0]).detach()
    LSQQuantizer(model)


@pytest.mark.parametrize("kind", [LSQQuantizer, DiffQuantizer])
def test_training_needs_an_optimizer(kind):
    model, x = made("mlp")
    optimizer = torch.optim.Adam(model.parameters(), weight_decay=0.1)
    quantizer = kind(model)
    with pytest.raises(RuntimeError, match=r"training needs setup_optimizer\(optimizer\) first"):
        model(x)
    model.eval()(x)
    quantizer.setup_optimizer(optimizer)
    model.train()(x).sum().backward()
    optimizer.step()
    with pytest.raises(RuntimeError, match="the optimizer has the quantizer's own parameters"):
        quantizer.setup_optimizer(optimizer)
    quantizer.clear_optimizer(optimizer)
    assert len(optimizer.param_groups) == 1
    assert len(optimizer.state) == 4
    with pytest.raises(RuntimeError, match="training needs"):
        model(x)
    quantizer.no_optimizer()
    model(x)


def test_an_optimizer_that_was_made_after_the_quantizer():
    model, _ = made("mlp")
    quantizer = DiffQuantizer(model)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(RuntimeError, match="make the optimizer before the quantizer is attached"):
        quantizer.setup_optimizer(optimizer)
    quantizer.clear_optimizer(optimizer)
    quantizer.setup_optimizer(optimizer)
    assert [len(group["params"]) for group in optimizer.param_groups] == [4, 2]


def test_the_settings_of_what_is_learnt():
    model, _ = made("mlp")
    optimizer = torch.optim.Adam(model.parameters(), 0.5, weight_decay=0.1)
    DiffQuantizer(model).setup_optimizer(optimizer, lr=0.2, betas=(0.5, 0.6), weight_decay=3)
    group = optimizer.param_groups[1]
    assert (group["lr"], group["betas"], group["weight_decay"]) == (0.2, (0.5, 0.6), 0)
    model, _ = made("mlp")
    optimizer = torch.optim.Adam(model.parameters(), 0.5, weight_decay=0.1)
    quantizer = LSQQuantizer(model)
    quantizer.setup_optimizer(optimizer)
    assert (optimizer.param_groups[1]["lr"], optimizer.param_groups[1]["weight_decay"]) == (
        0.5,
        0.1,
    )
    quantizer.clear_optimizer(optimizer)
    quantizer.setup_optimizer(optimizer, lr=0.25)
    assert optimizer.param_groups[1]["lr"] == 0.25


def test_after_the_end():
    for end in ("freeze", "detach"):
        model, _ = made("mlp")
        quantizer = UniformQuantizer(model, 4)
        assert getattr(quantizer, end)() is model
        for member in ("quantize", "freeze", "detach"):
            with pytest.raises(RuntimeError, match=r"not attached any more, after detach\(\) or"):
                getattr(quantizer, member)()


def test_a_model_with_nothing_to_quantize():
    model = nn.Linear(2, 2)
    quantizer = DiffQuantizer(model)
    quantizer.no_optimizer()
    x = torch.randn(1, 2)
    assert torch.equal(model(x), model.eval()(x))
    assert quantizer.true_model_size() == quantizer.model_size().item() == 6 * 32 / 2**23
