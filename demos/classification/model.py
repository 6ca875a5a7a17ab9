"""The model and its data: a random forest that reads handwritten digits."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from mlperf_loadgen.data import ShardWriter

CACHE = Path(__file__).parent / "cache"


@dataclass(frozen=True)
class Files:
    """What `prepare` makes. `labels[i]` is the digit that `images[i]` shows, which is also sample
    `i` of the shards."""

    model: Path = CACHE / "model.onnx"
    images: Path = CACHE / "test_images.npy"
    labels: Path = CACHE / "test_labels.npy"
    shards: Path = CACHE / "test_shards.json"
    """The index file of the shards."""


def prepare() -> Files:
    """Trains the model and sets aside the images it is tested with, unless that was done before."""
    files = Files()
    if files.model.exists() and files.shards.exists():
        return files
    digits = load_digits()
    train_images, test_images, train_labels, test_labels = train_test_split(
        digits.data.astype(np.float32) / 16,
        digits.target.astype(np.int64),
        test_size=0.3,
        stratify=digits.target,
        random_state=0,
    )
    model = RandomForestClassifier(random_state=0).fit(train_images, train_labels)
    onnx = to_onnx(model, train_images[:1], options={"zipmap": False})

    CACHE.mkdir(exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    np.save(files.images, test_images)
    np.save(files.labels, test_labels)
    write_shards(files.shards, test_images)
    # The model comes last and at once: where it exists, everything is complete.
    unfinished = files.model.with_suffix(".unfinished")
    unfinished.write_bytes(onnx.SerializeToString())
    unfinished.rename(files.model)
    return files


def write_shards(index: Path, images: npt.NDArray[np.float32]) -> None:
    """Writes each image as a sample: an array in the field `npy`."""
    with ShardWriter(f"{CACHE}/test-%03d.tar", maxcount=100, index=index) as writer:
        for number, image in enumerate(images):
            writer.write({"__key__": f"{number:05d}", "npy": image})


class Classifier:
    """Runs the model with ONNX Runtime."""

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.input_name = self.session.get_inputs()[0].name
        self.label_name = self.session.get_outputs()[0].name

    def classify(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        """The digits in images, one a row."""
        (labels,) = self.session.run([self.label_name], {self.input_name: images})
        return np.asarray(labels, np.int64)
