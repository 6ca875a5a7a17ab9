"""DataLoaders of Paddle over streams: with and without workers each sample comes once.

Runs where Paddle is installed: `make test-frameworks`.
"""

import numpy as np
import pytest

from mlperf_loadgen.data import Decoder, IndexedDataset, ShardWriter, WebDataset

io = pytest.importorskip("paddle.io")

COUNT = 40


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    pattern = str(tmp_path_factory.mktemp("shards") / "a-%d.tar")
    with ShardWriter(pattern, maxcount=5) as writer:
        for number in range(COUNT):
            writer.write({"__key__": f"{number:03d}", "cls": number, "npy": np.full(6, number)})
    return writer.paths


@pytest.mark.parametrize("workers", [0, 2])
def test_each_sample_once(shards, workers):
    data = WebDataset(shards).decode().to_tuple("npy", "cls").to_paddle()
    assert isinstance(data, io.IterableDataset)
    loader = io.DataLoader(data, batch_size=4, num_workers=workers)
    for _ in range(2):
        seen = []
        for arrays, labels in loader:
            assert (arrays.numpy()[:, 0] == labels.numpy().ravel()).all()
            seen += labels.numpy().ravel().tolist()
        assert sorted(seen) == list(range(COUNT))


@pytest.mark.parametrize("workers", [0, 2])
def test_samples_by_number(shards, workers):
    samples = IndexedDataset(shards, transformations=[Decoder(only="cls")])
    data = samples.add_transform(lambda sample: (sample["cls"],)).to_paddle()
    assert isinstance(data, io.Dataset) and len(data) == COUNT
    loader = io.DataLoader(data, batch_size=4, num_workers=workers, shuffle=True)
    seen = [n for (labels,) in loader for n in labels.numpy().ravel().tolist()]
    assert sorted(seen) == list(range(COUNT))
