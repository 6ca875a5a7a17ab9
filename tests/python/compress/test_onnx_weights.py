"""Weights that an ONNX file unpacks: ONNX Runtime makes of them what the grids make, bit for bit.

Method: a graph that holds nothing but the packed weights of a tensor, of each kind and width, is
run, and its output is compared with the grid's. That they are unpacked once is seen in the graph
that ONNX Runtime has made when it is loaded: it has no node left that computes.
"""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from mlperf_loadgen.compress.grids import (  # noqa: E402
    AffineGrid,
    GroupedGrid,
    StepGrid,
    ZeroGrid,
)
from mlperf_loadgen.compress.onnx_weights import Additions, add_weights  # noqa: E402
from mlperf_loadgen.compress.tensors import QuantizedTensor  # noqa: E402

FLOAT, HALF = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16


def weights_of(count, scale=1.0):
    values = np.random.default_rng(count).standard_normal(count) * scale
    return values.astype(np.float32)


def model_of(weights, shape, grid, dtype=FLOAT):
    additions = Additions()
    tensor = QuantizedTensor("w", (), shape, "float32", grid, weights)
    add_weights(additions, tensor, "w", dtype)
    output = onnx.helper.make_tensor_value_info("w", dtype, shape)
    graph = onnx.helper.make_graph([], "weights", [], [output])
    opset = onnx.helper.make_opsetid("", 20)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)
    additions.add_to(model)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def restored(weights, shape, grid, dtype=FLOAT, saved=""):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = saved
    model = model_of(weights, shape, grid, dtype)
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {})
    assert found.shape == shape
    return found


def assert_equal(weights, shape, grid):
    expected = np.empty_like(weights)
    grid.restored(weights, expected)
    assert restored(weights, shape, grid).tobytes() == expected.tobytes()


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize(
    ("shape", "per_range"),
    [((7, 13), 91), ((7, 13), 13), ((5, 20), 33), ((1,), 1), ((4, 2, 8), 64), ((300, 70), 21_000)],
)
def test_ranges(bits, shape, per_range):
    weights = weights_of(int(np.prod(shape)))
    assert_equal(weights, shape, AffineGrid.of(weights, bits, per_range))
    assert_equal(weights, shape, ZeroGrid.of(weights, bits, per_range))


@pytest.mark.parametrize("bits", range(2, 17))
def test_learnt_steps(bits):
    weights = weights_of(999)
    assert_equal(weights, (27, 37), StepGrid(bits, float(np.float32(0.7 / bits))))


@pytest.mark.parametrize(("count", "group"), [(64, 8), (67, 8), (50, 1), (51, 7), (40, 40), (3, 8)])
@pytest.mark.parametrize(("least", "most"), [(1, 16), (2, 5), (7, 7)])
def test_groups_of_many_widths(count, group, least, most):
    weights = weights_of(count)
    groups = -(-count // group)
    widths = np.random.default_rng(group).integers(least, most + 1, groups).astype(np.uint8)
    assert_equal(weights, (count,), GroupedGrid.of(weights, group, widths))


@pytest.mark.parametrize("scale", [0.0, 1e-41, 1e38])
def test_weights_that_are_odd(scale):
    weights = weights_of(37, scale)
    assert_equal(weights, (37,), AffineGrid.of(weights, 5, 37))
    assert_equal(weights, (37,), AffineGrid.of(weights, 5, 8))


def test_weights_of_another_type():
    weights = weights_of(64)
    grid = AffineGrid.of(weights, 4, 64)
    expected = grid.restored(weights).astype(np.float16).reshape(8, 8)
    found = restored(weights, (8, 8), grid, HALF)
    assert found.dtype == np.float16
    assert np.array_equal(found, expected)


def test_they_are_unpacked_when_the_file_is_loaded(tmp_path):
    weights = weights_of(2000)
    widths = np.random.default_rng(0).integers(2, 9, 250).astype(np.uint8)
    grids = (
        AffineGrid.of(weights, 3, 2000),
        AffineGrid.of(weights, 11, 32),
        ZeroGrid.of(weights, 4, 32),
        GroupedGrid.of(weights, 8, widths),
    )
    for grid in grids:
        saved = tmp_path / "optimized.onnx"
        expected = restored(weights, (40, 50), grid, saved=str(saved))
        graph = onnx.load(saved).graph
        assert {node.op_type for node in graph.node} <= {"Identity"}
        (initializer,) = graph.initializer
        assert np.array_equal(onnx.numpy_helper.to_array(initializer), expected)


def test_a_file_is_as_large_as_the_weights():
    weights = weights_of(100_000)
    model = model_of(weights, (100, 1000), AffineGrid.of(weights, 3, 100_000))
    assert 37_500 < len(model) < 37_500 + 3000
