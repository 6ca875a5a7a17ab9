"""`sut` answers each sample with the model's output for it, in batches, whatever runs the model.

The tests with torch run where it is installed: `make test-frameworks`.

Method: linear models whose outputs NumPy computes; batches are counted by what the model is given.
"""

import queue
import threading

import numpy as np
import pytest
from runs import log_settings

import mlperf_loadgen as lg
from mlperf_loadgen.compress import sut

COUNT = 37
WEIGHTS = np.random.default_rng(5).normal(size=(4, 3)).astype(np.float32)


class Inputs(lg.QuerySampleLibrary):
    total_sample_count = performance_sample_count = COUNT

    def __init__(self):
        self.inputs = np.random.default_rng(6).normal(size=(COUNT, 4)).astype(np.float32)

    def load_samples(self, indices):
        pass

    def unload_samples(self, indices):
        pass

    def __getitem__(self, index):
        return self.inputs[index]


class Pairs(Inputs):
    """Two inputs of a model for each sample."""

    def __getitem__(self, index):
        return self.inputs[index], np.float32(index)


def answers_of(system, library, tmp_path):
    """The rows of all samples, in their order."""
    tmp_path.mkdir(exist_ok=True)
    settings = lg.TestSettings(scenario=lg.TestScenario.Offline, mode=lg.TestMode.AccuracyOnly)
    lg.StartTestWithLogSettings(system, library, settings, log_settings(tmp_path), "")
    log = lg.read_accuracy(tmp_path / "mlperf_log_accuracy.json")
    rows = log.payloads.as_array(system.response_dtype)
    return rows[np.argsort(log.indices)]


# ---- ONNX ----------------------------------------------------------------------------------------


@pytest.fixture
def onnx_file(tmp_path):
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(WEIGHTS, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, tmp_path / "linear.onnx")
    return tmp_path / "linear.onnx"


@pytest.mark.parametrize("max_batch", [1, 8, 64])
def test_an_onnx_file(onnx_file, tmp_path, max_batch):
    library = Inputs()
    system = sut(onnx_file, library, max_batch=max_batch)
    assert (system.name, list(system.model_files)) == ("linear.onnx", [onnx_file])
    rows = answers_of(system, library, tmp_path)
    assert np.allclose(rows, library.inputs @ WEIGHTS, atol=1e-5)


def test_a_sample_with_another_number_of_inputs_ends_the_test(onnx_file, tmp_path):
    with pytest.raises(ValueError, match="a sample has 2 inputs, and the model has 1: x"):
        answers_of(sut(onnx_file, Pairs()), Pairs(), tmp_path)


# ---- What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["max_batch", "threads"])
@pytest.mark.parametrize("value", [0, 1.5, True, None])
def test_numbers_below_1_are_refused(name, value):
    with pytest.raises(
        ValueError, match=rf"{name} is {value!r}: give a whole number of at least 1"
    ):
        sut("model.onnx", Inputs(), **{name: value})


def test_a_file_of_weights_needs_its_model():
    with pytest.raises(
        ValueError, match=r"give the path of an \.onnx file alone, or a torch module"
    ):
        sut("weights.safetensors", Inputs())
    with pytest.raises(ValueError, match=r"give the path of an \.onnx file alone"):
        sut("model.onnx", Inputs(), weights="weights.safetensors")


def test_a_library_must_give_inputs(onnx_file):
    library = type("Bare", (), {})()
    with pytest.raises(TypeError, match=r"Bare gives no inputs: write __getitem__\(self, index\)"):
        sut(onnx_file, library)


# ---- torch ---------------------------------------------------------------------------------------


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def linear(torch):
    """Notes the sizes of its batches."""
    model = torch.nn.Linear(4, 3, bias=False)
    model.weight.data = torch.from_numpy(WEIGHTS.T.copy())
    model.batches = []
    model.register_forward_pre_hook(lambda module, inputs: model.batches.append(len(inputs[0])))
    return model


def test_a_torch_module_in_batches(torch, linear, tmp_path):
    library = Inputs()
    system = sut(linear.train(), library, max_batch=10, threads=1)
    rows = answers_of(system, library, tmp_path)
    assert np.allclose(rows, library.inputs @ WEIGHTS, atol=1e-5)
    assert linear.batches == [10, 10, 10, 7]
    assert not linear.training
    assert torch.get_num_threads() == 1
    assert (system.name, system.weight_count, system.response_dtype) == ("Linear", 12, "float32")


def test_half_precision_and_whole_numbers(torch, tmp_path):
    class Model(torch.nn.Module):
        def forward(self, x, index):
            return (index.long().unsqueeze(1), x) if self.whole else x.half()

    model, library = Model(), Pairs()
    model.whole = True
    rows = answers_of(sut(model, library), library, tmp_path)
    assert rows.dtype == np.int64 and rows[:, 0].tolist() == list(range(COUNT))
    model.whole = False
    rows = answers_of(sut(model, library), library, tmp_path)
    assert rows.dtype == np.float32 and np.allclose(rows, library.inputs, atol=1e-2)


def test_a_model_without_a_batch_axis_ends_the_test(torch, tmp_path):
    class Mean(torch.nn.Module):
        def forward(self, x):
            return x.mean()

    with pytest.raises(ValueError, match=r"has the shape \(\) for 32 samples: its first axis"):
        answers_of(sut(Mean(), Inputs()), Inputs(), tmp_path)


def test_what_is_no_model_is_refused(torch):
    with pytest.raises(TypeError, match=r"3\.5 is no model: give a torch module"):
        sut(3.5, Inputs())


def test_weights_of_a_file(torch, linear, tmp_path):
    from mlperf_loadgen import compress

    quantizer = compress.UniformQuantizer(linear, bits=8, min_size=0)
    compress.save(quantizer.get_quantized_state(), tmp_path / "w.safetensors")
    expected = quantizer.freeze().weight.detach().numpy()
    empty, library = torch.nn.Linear(4, 3, bias=False), Inputs()
    system = sut(empty, library, weights=tmp_path / "w.safetensors")
    rows = answers_of(system, library, tmp_path)
    assert np.allclose(rows, library.inputs @ expected.T, atol=1e-5)
    assert list(system.model_files) == [tmp_path / "w.safetensors"]


class Pool(lg.SystemUnderTest):
    """Hands each query to the first of four threads that is free."""

    def __init__(self, system):
        self.system = system
        self.queries = queue.SimpleQueue()
        self.answered_by = set()
        self.threads = [threading.Thread(target=self.work) for _ in range(4)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error):
        for _ in self.threads:
            self.queries.put(None)
        for thread in self.threads:
            thread.join()

    def issue_query(self, samples):
        self.queries.put(samples)

    def work(self):
        while (samples := self.queries.get()) is not None:
            self.answered_by.add(threading.get_ident())
            self.system.issue_query(samples)

    @property
    def response_dtype(self):
        return self.system.response_dtype


def test_four_threads_of_a_frozen_model_answer_as_one_does(torch, tmp_path):
    from mlperf_loadgen import compress

    torch.manual_seed(1)
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 200), torch.nn.ReLU(), torch.nn.Linear(200, 3)
    ).eval()
    frozen = compress.UniformQuantizer(model, bits=4, min_size=0).freeze()
    library = Inputs()
    system = sut(frozen, library, max_batch=1)
    alone = answers_of(system, library, tmp_path / "alone")
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server,
        server_target_qps=2000,
        server_target_latency_ns=60 * 10**9,  # Is kept on a busy machine, too.
        min_duration_ms=500,
        accuracy_log_probability=1.0,
    )
    (tmp_path / "server").mkdir()
    with Pool(system) as pool:
        result = lg.StartTestWithLogSettings(
            pool, library, settings, log_settings(tmp_path / "server"), ""
        )
    assert result.valid, result.reasons
    assert len(pool.answered_by) > 1
    log = lg.read_accuracy(tmp_path / "server/mlperf_log_accuracy.json")
    assert len(log) > 500
    rows = log.payloads.as_array("float32")
    assert np.array_equal(rows, alone[log.indices.astype(int)])
