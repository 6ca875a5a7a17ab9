"""In eval a model with a quantizer is its quantized self: once made, then only read, by any thread.

A frozen copy says what each forward must give, bit for bit.
"""

import copy
import pickle
import threading

import pytest

torch = pytest.importorskip("torch")
from compress_models import MODELS, QUANTIZERS, made, train  # noqa: E402

from mlperf_loadgen.compress import (  # noqa: E402
    DiffQuantizer,
    LSQQuantizer,
    UniformQuantizer,
)

THREADS = 4
FORWARDS_A_THREAD = 1000


@pytest.fixture(autouse=True)
def no_gradients():
    """Attention, and recurrent layers even so, take other paths for weights that need gradients,
    whose results differ in the last bit."""
    with torch.no_grad():
        yield


@pytest.mark.parametrize("attach", QUANTIZERS)
@pytest.mark.parametrize("kind", MODELS)
def test_eval_copies_and_the_end(kind, attach):
    model, x = made(kind)
    quantizer = QUANTIZERS[attach](model)
    train(model, quantizer, x, steps=1)
    copied, pickled = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    model.eval()
    expected, own = model(x), copy.deepcopy(model.state_dict())
    for other in (copied, pickled, copy.deepcopy(model)):
        assert torch.equal(other.eval()(x), expected)
    frozen = copy.deepcopy(quantizer).freeze().requires_grad_(False)
    assert torch.equal(frozen(x), expected)
    assert [n for n, _ in frozen.named_parameters()] == [n for n in own if n in dict_of(made(kind))]
    assert all(torch.equal(value, own[name]) for name, value in model.state_dict().items())
    plain, _ = made(kind)
    plain.load_state_dict({n: v for n, v in own.items() if "_compress" not in n})
    assert torch.equal(quantizer.detach()(x), plain.eval()(x))
    assert list(model.state_dict()) == list(plain.state_dict())
    assert not model._forward_pre_hooks


def dict_of(made_model):
    return dict(made_model[0].named_parameters())


@pytest.mark.parametrize("attach", QUANTIZERS)
def test_quantized_values_in_the_parameters(attach):
    model, x = made("convolution")
    quantizer = QUANTIZERS[attach](model)
    train(model, quantizer, x, steps=1)
    model.eval()
    expected, own = model(x), copy.deepcopy(model.state_dict())
    for _ in range(2):
        quantizer.quantize()
        assert torch.equal(model(x), expected)
        assert not torch.equal(model.state_dict()["3.weight"], own["3.weight"])
    sizes = quantizer.true_model_size()
    for _ in range(2):
        quantizer.unquantize()
        assert torch.equal(model.state_dict()["3.weight"], own["3.weight"])
    with pytest.raises(KeyError), quantizer.enter_quantize():
        assert not torch.equal(model.state_dict()["3.weight"], own["3.weight"])
        raise KeyError
    assert torch.equal(model.state_dict()["3.weight"], own["3.weight"])
    assert torch.equal(model(x), expected)
    assert quantizer.true_model_size() == sizes


def test_a_context_leaves_quantized_values_that_were_there_before_it():
    model, _ = made("mlp")
    quantizer = UniformQuantizer(model, 4)
    parameter = dict(model.named_parameters())["0.weight"]
    own = parameter.detach().clone()
    with quantizer.enter_quantize():
        quantized = parameter.detach().clone()
        with quantizer.enter_quantize():
            pass
        assert torch.equal(parameter, quantized)
    assert torch.equal(parameter, own)


def test_training_while_the_parameters_have_quantized_values_uses_them():
    model, x = made("mlp")
    quantizer = DiffQuantizer(model)
    expected = model.eval()(x)
    with quantizer.enter_quantize():
        assert torch.equal(model.train()(x), expected)
    quantizer.no_optimizer()
    assert not torch.equal(model(x), expected)


def test_weights_are_quantized_once():
    model, x = made("mlp")
    UniformQuantizer(model, 4)
    model.eval()
    model(x)
    shown = model[0].weight
    model(x)
    assert model[0].weight is shown
    with torch.no_grad():
        dict(model.named_parameters())["2.bias"].add_(1)
    model(x)
    assert model[0].weight is shown
    with torch.no_grad():
        dict(model.named_parameters())["2.weight"].mul_(2)
    model(x)
    assert model[0].weight is not shown


def test_changes_of_weights_are_seen():
    model, x = made("mlp")
    quantizer = UniformQuantizer(model, 4)
    model.eval()
    before = model(x)
    parameter = dict(model.named_parameters())["0.weight"]
    parameter.data.mul_(2)
    assert torch.equal(model(x), before)  # torch does not count this.
    quantizer.refresh()
    doubled = model(x)
    assert not torch.equal(doubled, before)
    model.load_state_dict({**model.state_dict(), "0.weight": parameter.detach() / 2})
    assert torch.equal(model(x), before)
    model[0].weight = torch.nn.Parameter(parameter.detach() * 2)
    assert torch.equal(model(x), doubled)


def test_a_refresh_while_a_forward_quantizes_is_seen(monkeypatch):
    model, x = made("mlp")
    quantizer = UniformQuantizer(model, 4)
    model.eval()
    parameter = dict(model.named_parameters())["0.weight"]
    quantized_tensors = quantizer.quantized_tensors

    def changed_by_another_thread():
        found = copy.deepcopy(quantized_tensors())
        monkeypatch.undo()
        parameter.data.mul_(2)
        quantizer.refresh()
        return found

    monkeypatch.setattr(quantizer, "quantized_tensors", changed_by_another_thread)
    before = model(x)
    assert not torch.equal(model(x), before)


def test_learnt_steps_and_bits_are_seen():
    for attach, change in ((LSQQuantizer, 2.0), (DiffQuantizer, -0.5)):
        model, x = made("mlp")
        attach(model)
        model.eval()
        before = model(x)
        with torch.no_grad():
            model._compress_0.mul_(change)
        assert not torch.equal(model(x), before)


def test_a_change_of_mode():
    model, x = made("mlp")
    quantizer = DiffQuantizer(model)
    quantizer.no_optimizer()
    first = model.eval()(x)
    for _ in range(2):
        model.train()
        assert not torch.equal(model(x), first)
        model.eval()
        assert torch.equal(model(x), first)


def test_inference_mode_and_gradients_by_the_input_after_it():
    model, x = made("mlp")
    UniformQuantizer(model, 4)
    model.eval()
    with torch.inference_mode():
        expected = model(x)
    with torch.enable_grad():
        out = model(x.requires_grad_())
        assert torch.equal(out, expected)
        out.sum().backward()
    assert torch.isfinite(x.grad).all()


def test_parameters_made_in_inference_mode():
    with torch.inference_mode():
        model, x = made("mlp")
        UniformQuantizer(model, 4)
        first = model.eval()(x)
        assert torch.equal(model(x), first)


@pytest.mark.parametrize("attach", ["uniform", "lsq", "diffq"])
def test_many_threads(attach):
    model, x = made("mlp")
    quantizer = QUANTIZERS[attach](model)
    model.eval()
    expected = copy.deepcopy(quantizer).freeze()(x)
    faults, start = [], threading.Barrier(THREADS)

    def forwards():
        start.wait()
        try:
            with torch.no_grad():  # It is a setting of each thread.
                wrong = sum(not torch.equal(model(x), expected) for _ in range(FORWARDS_A_THREAD))
            faults.extend([f"{wrong} wrong"] if wrong else [])
        except Exception as error:
            faults.append(repr(error))

    threads = [threading.Thread(target=forwards) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_half_precision_of_the_other_parameters():
    model, x = made("convolution")
    whole = UniformQuantizer(copy.deepcopy(model), 4).true_model_size()
    quantizer = UniformQuantizer(model, 4, float16=True)
    others = [n for n, p in model.named_parameters() if p.numel() < 2622]
    count = sum(dict(model.named_parameters())[name].numel() for name in others)
    assert quantizer.true_model_size() == whole - 16 * count / 2**23
    model.eval()
    expected = model(x)
    frozen = quantizer.freeze()
    assert torch.equal(frozen(x), expected)
    for name in others:
        parameter = frozen.get_parameter(name)
        assert parameter.dtype == torch.float32
        assert torch.equal(parameter, parameter.half().float())
    assert frozen[0].bias.abs().max() > 0


def test_a_weight_that_half_precision_cannot_hold():
    model, x = made("mlp")
    with torch.no_grad():
        model[0].bias[1] = 1e6
    UniformQuantizer(model, 4, float16=True)
    with pytest.raises(ValueError, match=r"parameter '0.bias': its greatest weight, 1e\+06, is"):
        model.eval()(x)


def test_rows_count_where_memory_has_columns():
    model, x = made("convolution")
    expected = UniformQuantizer(copy.deepcopy(model), 4, range=32).freeze().eval()(x)
    model = model.to(memory_format=torch.channels_last)
    UniformQuantizer(model, 4, range=32)
    torch.testing.assert_close(model.eval()(x), expected)
