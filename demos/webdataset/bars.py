"""The data: small images of a bar in one of four directions, under noise, in WebDataset shards."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from mlperf_loadgen.data import ShardWriter

SIZE = 16
DIRECTIONS = 4
TRAIN = "shards/train-{000..003}.tar"
VAL = "shards/val-{000..001}.tar"
VAL_COUNT = 400


def draw(direction: int, generator: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A bar at some place, and noise."""
    rows, columns = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    angle = np.pi * direction / DIRECTIONS
    distance = rows * np.cos(angle) - columns * np.sin(angle) - generator.uniform(-3, 3)
    image = 150.0 * (abs(distance) < 1.5) + generator.normal(50, 25, (SIZE, SIZE))
    pixels: npt.NDArray[np.uint8] = image.clip(0, 255).astype(np.uint8)
    return pixels


def write_shards() -> None:
    """Writes what TRAIN and VAL name; a shard has its name when it is complete."""
    generator = np.random.default_rng(0)
    Path("shards").mkdir(exist_ok=True)
    for name, count in (("train", 800), ("val", VAL_COUNT)):
        with ShardWriter(f"shards/{name}-%03d.tar", maxcount=200, index=f"{name}.json") as writer:
            for number in range(count):
                label = int(generator.integers(DIRECTIONS))
                image = draw(label, generator)
                writer.write({"__key__": f"{name}{number:05d}", "png": image, "cls": label})
