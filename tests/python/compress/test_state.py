"""States and files of quantized models: what comes back equals eval, and nothing else comes back.

Method: the weights of a golden file; models with each kind of grid, whose restored copy gives the
outputs of the quantizer in eval bit for bit; then states and files that are damaged, of another
version or of another model, which are refused and change nothing.

Runs where torch is installed: `make test-frameworks`.
"""

import copy
import io
import json
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from mlperf_loadgen import compress  # noqa: E402
from mlperf_loadgen.compress.arrays_file import Array, Form, read_arrays, write_arrays  # noqa: E402

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "compression"

QUANTIZERS = {
    "uniform": lambda model: compress.UniformQuantizer(model, bits=5),
    "a channel": lambda model: compress.UniformQuantizer(model, bits=4, range="channel"),
    "ragged ranges": lambda model: compress.UniformQuantizer(model, bits=11, range=37),
    "zero": lambda model: compress.UniformQuantizer(model, bits=3, range=32, zero=True),
    "lsq": lambda model: compress.LSQQuantizer(model, bits=4),
    "half": lambda model: compress.LSQQuantizer(model, bits=4, float16=True),
    "diffq": lambda model: mixed(compress.DiffQuantizer(model, group_size=7)),
    "diffq, one width": lambda model: compress.DiffQuantizer(model, group_size=8),
    "diffq, one group": lambda model: compress.DiffQuantizer(model, group_size=0, extra_bits=1),
}


def mixed(quantizer):
    """The quantizer with logits that give groups many widths."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in quantizer.model.named_parameters():
            if name.startswith("_compress_"):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 1.5)
    return quantizer


def new_model(seed=0):
    """A convolution, a norm with buffers, weights that are tied, and a bias."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv1d(4, 37, 19), nn.BatchNorm1d(37), nn.Flatten(), nn.Linear(74, 74), nn.Linear(74, 74)
    )
    model[4].weight = model[3].weight
    model[1].running_mean.normal_()
    return model.eval()


def inputs():
    return torch.randn(3, 4, 20, generator=torch.Generator().manual_seed(1))


def outputs(model):
    with torch.no_grad():
        return model.eval()(inputs())


def contents(model):
    """All values of a model as bytes."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_unchanged(model, before):
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.fixture(params=QUANTIZERS)
def quantizer(request):
    return QUANTIZERS[request.param](new_model())


@pytest.fixture
def state():
    """A state of which each array may be changed."""
    return copy.deepcopy(QUANTIZERS["zero"](new_model()).get_quantized_state())


def replanned(state, change):
    """The state with a changed plan, and the right checksum for it."""
    plan = json.loads(state["plan"])
    change(plan)
    text = json.dumps(plan)
    return {**state, "plan": text, "plan_crc32": zlib.crc32(text.encode())}


# ---- Round trips ---------------------------------------------------------------------------------


def test_the_golden_file():
    model = nn.ModuleDict({"a": nn.Linear(16, 24), "b": nn.Linear(11, 13), "c": nn.Linear(4, 8)})
    compress.restore_quantized_state(model, compress.load(GOLDEN / "state_v1.safetensors"))
    expected = np.load(GOLDEN / "state_v1.npz")
    for name, tensor in model.state_dict().items():
        weights = expected[name] + np.float32(0)  # It has some -0, which no code stands for.
        assert tensor.numpy().tobytes() == weights.tobytes(), name


def test_a_restored_model_is_the_quantizer_in_eval(quantizer):
    expected = outputs(quantizer.model)
    other = new_model(seed=1)
    compress.restore_quantized_state(other, quantizer.get_quantized_state())
    assert torch.equal(outputs(other), expected)
    assert other[4].weight is other[3].weight
    for name, buffer in quantizer.model.named_buffers():
        assert torch.equal(other.get_buffer(name), buffer)


def test_a_file_holds_the_state(quantizer, tmp_path):
    state = quantizer.get_quantized_state()
    compress.save(state, tmp_path / "model")
    assert quantizer.packed_model_size() * 2**20 == (tmp_path / "model").stat().st_size
    loaded = compress.load(tmp_path / "model")
    assert {**loaded, "tensors": None} == {**state, "tensors": None}
    assert loaded["tensors"].keys() == state["tensors"].keys()
    for name, tensor in state["tensors"].items():
        assert loaded["tensors"][name].dtype == tensor.dtype
        assert torch.equal(loaded["tensors"][name], tensor), name
    compress.save(loaded, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()
    other = new_model(seed=1)
    compress.restore_quantized_state(other, loaded)
    assert torch.equal(outputs(other), outputs(quantizer.model))


def test_an_attached_quantizer_restores(quantizer):
    state = quantizer.get_quantized_state()
    expected = outputs(quantizer.model)
    make = next(make for make in QUANTIZERS.values() if _same_kind(make, quantizer))
    other = make(new_model(seed=1))
    other.restore_quantized_state(state)
    assert torch.equal(outputs(other.model), expected)
    assert other.get_quantized_state()["tensors"].keys() == state["tensors"].keys()
    other.detach()


def _same_kind(make, quantizer):
    return (
        make(new_model()).get_quantized_state()["plan"] == quantizer.get_quantized_state()["plan"]
    )


@pytest.mark.parametrize(
    "options",
    [
        {"min_bits": 1.4, "max_bits": 8.6, "init_bits": 5},
        {"min_bits": 2.3, "max_bits": 15.7},
        {"min_bits": 1, "max_bits": 16, "extra_bits": -3},
        {"extra_bits": 4},
    ],
)
def test_learnt_bits_are_restored_for_any_limits(options):
    def attached(seed):
        torch.manual_seed(seed)
        return compress.DiffQuantizer(nn.Sequential(nn.Linear(74, 74)), **options)

    quantizer, other = mixed(attached(0)), attached(1)
    other.restore_quantized_state(quantizer.get_quantized_state())
    x = torch.randn(2, 74)
    assert torch.equal(other.model.eval()(x), quantizer.model.eval()(x))
    assert other.true_model_size() == quantizer.true_model_size()


def test_learnt_bits_beyond_the_limits_are_refused():
    state = mixed(compress.DiffQuantizer(new_model())).get_quantized_state()
    model = new_model(1)
    quantizer = compress.DiffQuantizer(model, min_bits=5)
    before = contents(model)
    with pytest.raises(ValueError, match=r"'0.weight': .* 8 weights with 5 to 15 bits: attach"):
        quantizer.restore_quantized_state(state)
    assert_unchanged(model, before)


@pytest.mark.parametrize("name", ["__metadata__", "weight#codes"])
def test_names_that_have_another_meaning_in_a_state(name):
    model = nn.Linear(64, 48)
    model.register_buffer(name, torch.zeros(3))
    with pytest.raises(ValueError, match=f"'{name}' has another meaning"):
        compress.UniformQuantizer(model).get_quantized_state()


def test_the_safetensors_package_opens_the_file(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    state = QUANTIZERS["half"](new_model()).get_quantized_state()
    compress.save(state, tmp_path / "model")
    opened = safetensors.load_file(tmp_path / "model")
    assert opened.keys() == state["tensors"].keys()
    for name, tensor in state["tensors"].items():
        assert opened[name].dtype == tensor.dtype
        assert torch.equal(opened[name], tensor)


def test_torch_loads_a_state_as_plain_values_in_a_fresh_process(tmp_path):
    quantizer = QUANTIZERS["ragged ranges"](new_model())
    state = quantizer.get_quantized_state()
    torch.save(state, tmp_path / "state")
    torch.save(contents(new_model(seed=1)), tmp_path / "other")
    program = """
import sys, torch
state = torch.load(sys.argv[1], weights_only=True)
assert not any("mlperf" in module for module in sys.modules)
print(state["version"], sum(tensor.numel() for tensor in state["tensors"].values()))
"""
    run = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "state"], capture_output=True, text=True
    )
    assert run.stdout.split() == [
        "1",
        str(sum(tensor.numel() for tensor in state["tensors"].values())),
    ], run.stderr
    loaded = torch.load(tmp_path / "state", weights_only=True)
    other = new_model(seed=1)
    compress.restore_quantized_state(other, loaded)
    assert torch.equal(outputs(other), outputs(quantizer.model))


def test_weights_are_restored_to_the_type_of_the_model():
    quantizer = QUANTIZERS["uniform"](new_model())
    half, double = new_model(seed=1).to(torch.bfloat16), new_model(seed=1).double()
    for model in (half, double):
        compress.restore_quantized_state(model, quantizer.get_quantized_state())
    frozen = quantizer.freeze()
    for name, parameter in frozen.named_parameters():
        assert torch.equal(half.get_parameter(name), parameter.to(torch.bfloat16))
        assert torch.equal(double.get_parameter(name), parameter.double())


def test_weights_that_do_not_lie_in_order_are_restored():
    model = nn.Sequential(nn.Conv2d(32, 32, 3)).to(memory_format=torch.channels_last)
    quantizer = compress.UniformQuantizer(model, bits=4, range="channel")
    x = torch.randn(1, 32, 5, 5)
    other = nn.Sequential(nn.Conv2d(32, 32, 3))
    compress.restore_quantized_state(other, quantizer.get_quantized_state())
    last = nn.Sequential(nn.Conv2d(32, 32, 3)).to(memory_format=torch.channels_last)
    compress.restore_quantized_state(last, quantizer.get_quantized_state())
    frozen = quantizer.freeze()
    assert torch.equal(other[0].weight, frozen[0].weight)
    assert torch.equal(last[0].weight, frozen[0].weight)
    assert last[0].weight.stride() == frozen[0].weight.stride()
    assert torch.allclose(other(x), frozen(x), atol=1e-5)


def test_restoring_is_in_place_and_counted():
    quantizer = QUANTIZERS["uniform"](new_model())
    other = new_model(seed=1)
    parameter = other[3].weight
    place, version = parameter.data_ptr(), parameter._version
    compress.restore_quantized_state(other, quantizer.get_quantized_state())
    assert other[3].weight is parameter
    assert parameter.data_ptr() == place
    assert parameter._version > version


def test_a_state_is_a_copy():
    model = new_model()
    quantizer = QUANTIZERS["uniform"](model)
    state = quantizer.get_quantized_state()
    before = copy.deepcopy(state)
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.fill_(3)
    for name, tensor in state["tensors"].items():
        assert torch.equal(tensor, before["tensors"][name])


def test_a_compressed_model_is_no_larger_than_its_arrays():
    model = new_model()
    with torch.no_grad():
        model[3].weight.copy_(torch.eye(74))
    quantizer = compress.UniformQuantizer(model, bits=8)
    tensors = quantizer.get_quantized_state()["tensors"]
    buffers = dict(model.named_buffers())
    arrays = [t.numpy().tobytes() for name, t in tensors.items() if name not in buffers]
    expected = sum(min(len(a), len(zlib.compress(a))) for a in arrays)
    assert expected < sum(map(len, arrays)) * 0.8
    assert quantizer.compressed_model_size() * 2**20 == expected
    assert quantizer.compressed_model_size(level=0, num_workers=3) * 2**20 == sum(map(len, arrays))
    with pytest.raises(ValueError, match="level=10"):
        quantizer.compressed_model_size(level=10)


# ---- Damage --------------------------------------------------------------------------------------


def test_a_flipped_bit_in_each_of_1000_bytes_of_a_file(tmp_path):
    quantizer = mixed(compress.DiffQuantizer(nn.Sequential(nn.Linear(64, 48), nn.BatchNorm1d(48))))
    compress.save(quantizer.get_quantized_state(), tmp_path / "good")
    good = (tmp_path / "good").read_bytes()
    expected = contents(quantizer.freeze())
    model = nn.Sequential(nn.Linear(64, 48), nn.BatchNorm1d(48))
    before = contents(model)
    refused = 0
    for place in np.linspace(0, len(good) - 1, 1000).astype(int):
        bad = bytearray(good)
        bad[place] ^= 1 << int(place) % 8
        (tmp_path / "bad").write_bytes(bad)
        try:
            compress.restore_quantized_state(model, compress.load(tmp_path / "bad"))
        except ValueError:
            refused += 1
            assert_unchanged(model, before)
        else:
            assert_unchanged(model, expected)
            model.load_state_dict(before)
    assert refused > 990


def test_a_changed_byte_of_each_array_of_a_state(state):
    model = new_model(seed=1)
    before = contents(model)
    for name, tensor in state["tensors"].items():
        flat = tensor.reshape(-1).view(torch.uint8)
        for place in {0, len(flat) // 2, len(flat) - 1}:
            flat[place] ^= 16
            with pytest.raises(ValueError, match=f"array '{name}' of the state is damaged"):
                compress.restore_quantized_state(model, state)
            flat[place] ^= 16
    assert_unchanged(model, before)
    compress.restore_quantized_state(model, state)


def test_a_file_that_is_cut_short_or_longer(state, tmp_path):
    compress.save(state, tmp_path / "good")
    good = (tmp_path / "good").read_bytes()
    for content in (good[:-1], good[: len(good) // 2], good[:20], b"", good + b"\0"):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(ValueError, match=r"bad cannot be read: .*(cut short|longer)"):
            compress.load(tmp_path / "bad")


def test_other_files(tmp_path):
    path = tmp_path / "other"
    write_arrays(path, {}, {"a": Array(Form("uint8", (1,)), memoryview(b"a"))})
    with pytest.raises(ValueError, match=r"other holds no compressed model: its format is None"):
        compress.load(path)
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match=r"other cannot be read"):
        compress.load(path)


@pytest.mark.parametrize(
    ("version", "says"),
    [("2", "version 2, newer than 1: update"), ("0", "version 0; only version 1"), ("x", "'x'")],
)
def test_another_version(state, tmp_path, version, says):
    compress.save(state, tmp_path / "model")
    texts, arrays = read_arrays(tmp_path / "model")
    write_arrays(tmp_path / "model", {**texts, "version": version}, arrays)
    with pytest.raises(ValueError, match=f"model cannot be used: .*{says}"):
        compress.load(tmp_path / "model")


def test_saving_what_is_no_state_leaves_the_file(state, tmp_path):
    compress.save(state, tmp_path / "model")
    before = (tmp_path / "model").read_bytes()
    for other in ({}, {"format": "x"}, {**state, "plan": state["plan"] + " "}):
        with pytest.raises(ValueError, match="state"):
            compress.save(other, tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


# ---- Plans that contradict their arrays ----------------------------------------------------------


def tensor_of(plan, **values):
    plan["tensors"][0].update(values)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"bits": 0}, "bits of the parameter '0.weight' is 0; .* from 1 to 16"),
        ({"bits": 17}, "from 1 to 16"),
        ({"bits": 3.0}, "whole number"),
        ({"bits": True}, "whole number"),
        ({"bits": 4}, r"array '0.weight#zero' of the state is uint8 of shape \[33\]; .* \[44\]"),
        ({"range": 0}, "range of the parameter '0.weight' is 0; .* from 1 on"),
        ({"range": 31}, "array '0.weight#step'"),
        ({"shape": [37, 4, 20]}, "array '0.weight#step'"),
        ({"shape": [37, 4, -19]}, "has the shape"),
        ({"shape": [0, 4, 19]}, "has no weights"),
        ({"kind": "cubic"}, "kind of the parameter '0.weight' is 'cubic'"),
        ({"kind": "affine"}, "array '0.weight#range' of the state is not there"),
        ({"kind": "lsq"}, "array '0.weight#step'"),
        ({"name": 5}, "name 5; it must be text"),
        ({"aliases": "x"}, "must be a list of texts"),
        ({"aliases": ["0.bias"]}, "names '0.bias' twice"),
        ({"shape": [37, 4, 19], "name": "0.weights"}, "array '0.weights#codes' .* not there"),
    ],
)
def test_a_plan_that_contradicts_its_arrays(state, values, says):
    with pytest.raises(ValueError, match=says):
        compress.restore_quantized_state(
            new_model(), replanned(state, lambda plan: tensor_of(plan, **values))
        )


@pytest.mark.parametrize("key", ["method", "tensors", "plain", "arrays", "crc32"])
@pytest.mark.parametrize("value", [None, 7, [7], "text"])
def test_a_plan_without_its_parts(state, key, value):
    if key == "method" and value == "text":
        value = ["text"]
    with pytest.raises(ValueError, match="plan"):
        compress.restore_quantized_state(
            new_model(), replanned(state, lambda plan: plan.update({key: value}))
        )


def test_arrays_that_the_plan_does_not_use(state):
    more = torch.zeros(4)

    def change(plan):
        plan["arrays"]["more"] = ["float32", [4]]
        plan["crc32"]["more"] = zlib.crc32(more.numpy().tobytes())

    state["tensors"]["more"] = more
    with pytest.raises(ValueError, match="has, unlike its plan, the array 'more'"):
        compress.restore_quantized_state(new_model(), state)
    with pytest.raises(ValueError, match="array 'more', which nothing in its plan uses"):
        compress.restore_quantized_state(new_model(), replanned(state, change))
    del state["tensors"]["more"], state["tensors"]["0.bias"]
    with pytest.raises(ValueError, match=r"lacks the array '0\.bias'"):
        compress.restore_quantized_state(new_model(), state)


def test_keys_that_are_not_known_are_ignored(state):
    def change(plan):
        plan["comment"] = "later versions may say more"
        tensor_of(plan, comment=1)
        plan["plain"][0]["comment"] = 1

    compress.restore_quantized_state(new_model(), replanned(state, change))


def test_a_width_beyond_16_bits():
    model = nn.Sequential(nn.Linear(64, 48))
    state = mixed(compress.DiffQuantizer(model)).get_quantized_state()

    def change(plan):
        tensor_of(plan, width_base=16)

    with pytest.raises(ValueError, match=r"group of the parameter '0.weight' has \d\d bits"):
        compress.restore_quantized_state(nn.Sequential(nn.Linear(64, 48)), replanned(state, change))


def test_no_memory_is_taken_for_groups_that_have_no_codes():
    model = nn.Sequential(nn.Linear(64, 48))
    state = compress.DiffQuantizer(copy.deepcopy(model)).get_quantized_state()
    for shape in ([2**40], [2**62]):
        with pytest.raises(ValueError, match=f"'0.weight#codes' .* has {shape[0]} weights"):
            compress.restore_quantized_state(
                model, replanned(state, lambda plan, shape=shape: tensor_of(plan, shape=shape))
            )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -1.0])
def test_steps_that_are_none(state, value):
    step = state["tensors"]["0.weight#step"]
    step[3] = value

    def change(plan):
        plan["crc32"]["0.weight#step"] = zlib.crc32(step.numpy().tobytes())

    with pytest.raises(ValueError, match=r"step of the parameter '0.weight' is not"):
        compress.restore_quantized_state(new_model(), replanned(state, change))


# ---- Other models --------------------------------------------------------------------------------


def changed(change):
    model = new_model(seed=1)
    change(model)
    return model


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.append(nn.Linear(2, 2)), "lacks these .* of the model: '5.weight', '5.bias'"),
        (lambda m: m.pop(4), "model lacks these .* of the state: '4.weight', '4.bias'"),
        (lambda m: setattr(m, "1", nn.BatchNorm1d(37, affine=False)), "'1.weight', '1.bias'"),
        (
            lambda m: setattr(m, "0", nn.Conv1d(4, 37, 18)),
            r"'0.weight' has the shape \[37, 4, 18\]",
        ),
        (
            lambda m: m[1].register_buffer("num_batches_tracked", torch.tensor(0.5)),
            "is torch.float",
        ),
        (lambda m: m.register_buffer("more", torch.zeros(1)), "of the model: 'more'"),
        (lambda m: setattr(m, "3", m[3].to("meta")), "'3.weight' has no memory"),
    ],
)
def test_a_state_of_another_model_changes_nothing(state, change, says):
    model = changed(change)
    before = None if any(p.is_meta for p in model.parameters()) else contents(model)
    with pytest.raises(ValueError, match=says):
        compress.restore_quantized_state(model, state)
    if before:
        assert_unchanged(model, before)


def test_buffers_that_are_not_persistent_are_left_alone(state):
    model = changed(lambda m: m.register_buffer("more", torch.ones(1), persistent=False))
    compress.restore_quantized_state(model, state)
    assert model.more == 1


def test_a_model_that_ties_what_the_state_has_apart():
    model = new_model()
    model[4].weight = nn.Parameter(torch.randn(74, 74))
    state = compress.UniformQuantizer(model, bits=4).get_quantized_state()
    with pytest.raises(ValueError, match=r"'3.weight' and '4.weight' are one parameter"):
        compress.restore_quantized_state(new_model(), state)
    apart = compress.UniformQuantizer(new_model(), bits=4, detect_bound=False)
    compress.restore_quantized_state(new_model(), apart.get_quantized_state())


def learnt(quantizer):
    """The quantizer with steps as training may leave them."""
    with torch.no_grad():
        for index, factor in enumerate((1.0, 0.73, -0.41)):
            quantizer.model.get_parameter(f"_compress_{index}").mul_(factor)
    return quantizer


APART = {
    "lsq": lambda model: learnt(compress.LSQQuantizer(model, bits=4, detect_bound=False)),
    "half": lambda model: learnt(compress.LSQQuantizer(model.half(), bits=4, detect_bound=False)),
    "diffq": lambda model: mixed(compress.DiffQuantizer(model, group_size=7, detect_bound=False)),
}
"""Weights that are tied, and what is learnt for each of their names."""


@pytest.mark.parametrize("kind", APART)
def test_a_quantizer_that_has_names_apart_takes_its_own_state(kind):
    quantizer = APART[kind](new_model())
    state = quantizer.get_quantized_state()
    other = APART[kind](new_model(seed=1))
    other.restore_quantized_state(state)
    for one in (quantizer, other):
        one.model.eval()(inputs().to(one.model[0].weight.dtype))
    for layer in (3, 4):
        assert torch.equal(other.model[layer].weight, quantizer.model[layer].weight)
    assert not torch.equal(other.model[3].weight, other.model[4].weight)
    assert_equal(other.get_quantized_state(), state)
    model = other.detach()
    assert model[3].weight is model[4].weight


def assert_equal(state, other):
    assert state["plan"] == other["plan"]
    for name, tensor in state["tensors"].items():
        assert torch.equal(tensor, other["tensors"][name]), name


def test_weights_that_no_parameter_can_have_at_once():
    """In the state of two models, not of one whose weights were tied."""
    model = new_model()
    model[4].weight = nn.Parameter(torch.randn(74, 74))
    state = compress.LSQQuantizer(model, bits=4).get_quantized_state()
    quantizer = compress.LSQQuantizer(new_model(seed=1), bits=4, detect_bound=False)
    before = contents(quantizer.model)
    with pytest.raises(ValueError, match=r"'3.weight' and '4.weight' are one parameter"):
        quantizer.restore_quantized_state(state)
    assert_unchanged(quantizer.model, before)


def test_a_quantizer_that_has_one_grid_for_what_the_state_has_apart():
    state = APART["lsq"](new_model()).get_quantized_state()
    quantizer = compress.LSQQuantizer(new_model(seed=1), bits=4)
    before = contents(quantizer.model)
    with pytest.raises(ValueError, match=r"are one parameter .* detect_bound=False"):
        quantizer.restore_quantized_state(state)
    assert_unchanged(quantizer.model, before)


def test_a_model_that_has_apart_what_the_state_ties(state):
    model = new_model(seed=1)
    model[4].weight = nn.Parameter(torch.randn(74, 74))
    compress.restore_quantized_state(model, state)
    assert torch.equal(model[3].weight, model[4].weight)


def test_a_model_with_a_quantizer_is_refused(state):
    quantizer = QUANTIZERS["zero"](new_model(seed=1))
    with pytest.raises(RuntimeError, match="has a quantizer"):
        compress.restore_quantized_state(quantizer.model, state)


def test_a_state_on_another_device_is_refused(state):
    state["tensors"]["0.weight#step"] = torch.zeros(1, device="meta")
    with pytest.raises(ValueError, match=r"0\.weight#step' of the state is not a tensor"):
        compress.restore_quantized_state(new_model(), state)


def test_weights_that_are_not_finite_have_no_state():
    model = new_model()
    with torch.no_grad():
        model[3].weight[2, 3] = float("nan")
    with pytest.raises(ValueError, match=r"parameter '3.weight': 1 of the weights"):
        QUANTIZERS["uniform"](model).get_quantized_state()


def test_a_state_in_memory():
    state = QUANTIZERS["uniform"](new_model()).get_quantized_state()
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    compress.restore_quantized_state(new_model(), torch.load(file, weights_only=True))
