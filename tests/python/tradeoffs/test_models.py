"""Variants of a torch model are compressed in one process and measured from their files in others.

Runs where torch is installed: `make test-frameworks`.

Method: a small classifier (helpers/tradeoff_models.py), whose accuracies and answers are computed
here from the same files; sizes from the formulas of the format.
"""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import tradeoff_models as models  # noqa: E402

import mlperf_loadgen as lg  # noqa: E402
from mlperf_loadgen import compress  # noqa: E402
from mlperf_loadgen.tradeoffs.skeletons import load_skeleton, save_skeleton  # noqa: E402

WEIGHTS = 64 * 128 + 128 + 128 * 10 + 10
QUICK = {"budget_s": 0.1, "settings": lg.TestSettings(min_query_count=20)}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    words = ["fp32", "uniform:1", "uniform:8/32", "qat:3", "lsq:3", "diffq:50"]
    found = lg.pareto(models.make, models.Points, words, outdir=out, **QUICK)
    assert [row.error for row in found.rows] == [""] * len(words)
    return {row.variant: row for row in found.rows}, out


def file_of(out, variant, name="weights.safetensors"):
    return out / variant.replace("/", "%2F") / "model" / name


def accuracy_of(model):
    library = models.Points()
    with torch.inference_mode():
        scores = model.eval()(torch.from_numpy(library.inputs)).numpy()
    return float(np.mean(scores.argmax(axis=1) == library.labels))


def test_sizes_are_those_of_the_files(table):
    rows, out = table
    for variant, row in rows.items():
        size = file_of(out, variant).stat().st_size
        assert row.disk_bytes == size
        assert row.bits_per_weight == 8 * size / WEIGHTS
    assert rows["fp32"].disk_bytes > 4 * WEIGHTS
    assert rows["uniform:1"].disk_bytes < 4 * (WEIGHTS - 64 * 128) + 64 * 128 / 8 + 3000
    assert rows["diffq:50"].disk_bytes < 0.7 * rows["fp32"].disk_bytes


def test_accuracies_are_those_of_the_restored_models(table):
    rows, out = table
    assert rows["fp32"].accuracy == accuracy_of(models.make().model) > 0.7
    for variant, row in rows.items():
        model = load_skeleton(file_of(out, variant, "skeleton.pt"))
        compress.restore_quantized_state(model, compress.load(file_of(out, variant)))
        # One sample more or less may lie on the border of two classes in batches of another size.
        assert abs(row.accuracy - accuracy_of(model)) <= 1.5 / models.COUNT
    for variant in ("uniform:8/32", "qat:3", "lsq:3"):
        assert abs(rows[variant].accuracy_change) < 0.1


def test_kinds_and_cautions(table):
    rows, _ = table
    assert rows["fp32"].kind == ""
    assert rows["uniform:8/32"].kind == "storage"
    assert not any("is not smaller" in text for text in rows["uniform:1"].cautions)


def test_a_model_is_prepared_once(tmp_path):
    for _ in range(2):
        found = lg.pareto(
            models.make,
            models.Points,
            ["uniform:4"],
            repeats=2,
            outdir=tmp_path,
            resume=True,
            max_batch=8,
            **QUICK,
        )
        times = (tmp_path / "uniform:4/model/prepared.json").stat().st_mtime_ns
    assert found.rows[0].run_count == 2
    assert times < (tmp_path / "uniform:4/repeat_0/measured.json").stat().st_mtime_ns
    prepared = json.loads((tmp_path / "uniform:4/model/prepared.json").read_text())
    assert prepared == {"runtime": "torch", "kind": "storage", "weight_count": WEIGHTS}


def test_a_model_whose_file_was_removed_is_made_again(tmp_path):
    asked = (models.make, models.Points, ["uniform:4"])
    lg.pareto(*asked, outdir=tmp_path, **QUICK)
    (tmp_path / "uniform:4/repeat_0/measured.json").unlink()
    file_of(tmp_path, "uniform:4").unlink()
    (row,) = lg.pareto(*asked, outdir=tmp_path, resume=True, **QUICK).rows
    assert row.error == ""
    assert row.disk_bytes == file_of(tmp_path, "uniform:4").stat().st_size


def test_integer_kernels_run_on_onnx_runtime():
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    found = lg.pareto(
        models.make, models.Points, ["fp32", "int8", "int4", "uniform:4@onnx"], **QUICK
    )
    assert [row.error for row in found.rows] == [""] * 4
    assert [row.kind for row in found.rows] == ["", "kernels", "kernels", "storage"]
    sizes = [row.disk_bytes for row in found.rows]
    assert sizes[0] > sizes[1] > sizes[2]
    assert all(abs(row.accuracy_change) < 0.15 for row in found.rows[1:])


@pytest.mark.parametrize(
    ("make", "variant", "text"),
    [
        (
            models.make_untrainable,
            "qat:4",
            "variant 'qat:4' is trained, and what make returned has",
        ),
        (models.make_no_model, "fp32", "make returned 'a model': return a torch module"),
    ],
)
def test_what_make_must_return(make, variant, text):
    (row,) = lg.pareto(make, models.Points, [variant], **QUICK).rows
    assert row.error.startswith(f"TypeError: {text}")


def test_words_and_numbers_are_refused_before_anything_runs():
    with pytest.raises(ValueError, match="variant 'fp8': there is no such method"):
        lg.pareto(models.make, models.Points, ["fp32", "fp8"])
    with pytest.raises(ValueError, match="max_batch is 0: give a whole number"):
        lg.pareto(models.make, models.Points, ["fp32"], max_batch=0)


# ---- Skeletons -----------------------------------------------------------------------------------


class Tied(torch.nn.Module):
    """One parameter in two places, and an RNN, which keeps a list of its own."""

    def __init__(self):
        super().__init__()
        self.rnn = torch.nn.LSTM(4, 5)
        self.one = torch.nn.Linear(5, 5)
        self.two = torch.nn.Linear(5, 5)
        self.two.weight = self.one.weight
        self.register_buffer("offset", torch.ones(5), persistent=False)

    def forward(self, x):
        return self.two(self.one(self.rnn(x)[0])) + self.offset


def test_a_skeleton_with_its_weights_is_the_model(tmp_path):
    torch.manual_seed(3)
    model, x = Tied(), torch.randn(6, 2, 4)
    expected, weights = model(x).detach(), {n: p.clone() for n, p in model.state_dict().items()}
    save_skeleton(model, tmp_path / "skeleton.pt")
    again = load_skeleton(tmp_path / "skeleton.pt")
    assert again.one.weight is again.two.weight
    again.load_state_dict(weights)
    assert torch.equal(again(x), expected)
    large = torch.nn.Linear(1000, 1000)
    save_skeleton(large, tmp_path / "large.pt")
    assert (tmp_path / "large.pt").stat().st_size < 10_000
