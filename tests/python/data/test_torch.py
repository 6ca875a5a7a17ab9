"""DataLoaders of torch over streams: with and without workers each sample comes once.

Runs where torch is installed: `make test-frameworks`.
"""

import pickle

import numpy as np
import pytest

from mlperf_loadgen.data import (
    DataPipeline,
    Decoder,
    IndexedDataset,
    ShardListSampler,
    ShardWriter,
    WebDataset,
    batched,
    decode,
    encode,
)

torch = pytest.importorskip("torch")
from torch.utils.data import DataLoader, Dataset, IterableDataset  # noqa: E402

COUNT = 40


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    pattern = str(tmp_path_factory.mktemp("shards") / "a-%d.tar")
    with ShardWriter(pattern, maxcount=5) as writer:
        for number in range(COUNT):
            image = np.full((4, 6, 3), number, "uint8")
            writer.write({"__key__": f"{number:03d}", "cls": number, "png": image})
    return writer.paths


@pytest.mark.parametrize("workers", [0, 2, 3])
def test_each_sample_once(shards, workers):
    data = WebDataset(shards).decode("torchrgb8").to_tuple("png", "cls").to_torch()
    assert isinstance(data, IterableDataset)
    loader = DataLoader(data, batch_size=4, num_workers=workers)
    for _ in range(2):
        seen = []
        for images, labels in loader:
            assert images.shape[1:] == (3, 4, 6)
            assert (images[:, 0, 0, 0] == labels).all()
            seen += labels.tolist()
        assert sorted(seen) == list(range(COUNT))


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_of_the_stream(shards, workers):
    stream = WebDataset(shards, shardshuffle=100).shuffle(20).decode().to_tuple("cls").batched(4)
    loader = DataLoader(stream.to_torch(), batch_size=None, num_workers=workers)
    assert sorted(n for (labels,) in loader for n in labels.tolist()) == list(range(COUNT))


def test_the_loader_in_a_pipeline(shards):
    loader = DataLoader(
        WebDataset(shards).decode().to_tuple("cls").to_torch(), batch_size=4, num_workers=2
    )
    pipeline = DataPipeline(loader, lambda batches: (n for (b,) in batches for n in b.tolist()))
    assert sorted(pipeline) == list(range(COUNT))


def test_an_epoch_has_its_length_in_each_worker(shards):
    stream = WebDataset(shards, resampled=True).decode().to_tuple("cls")
    data = stream.with_epoch(15).with_length(30).to_torch()
    loader = DataLoader(data, batch_size=5, num_workers=2)
    assert len(loader) == 6
    assert sum(len(labels) for (labels,) in loader) == 30


@pytest.mark.parametrize("persistent", [True, False])
def test_epochs_are_counted_by_workers_that_stay(shards, persistent):
    stream = WebDataset(shards, shardshuffle=100, detshuffle=True, seed=0).decode()
    data = stream.to_tuple("cls").to_torch()
    loader = DataLoader(data, batch_size=5, num_workers=1, persistent_workers=persistent)
    first, second = ([n for (b,) in loader for n in b.tolist()] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(COUNT))
    assert (first != second) == persistent


def test_workers_that_begin_anew(shards):
    """The spawn method sends the data set to other processes."""
    data = WebDataset(shards).decode().to_tuple("cls").to_torch()
    assert sum(1 for _ in pickle.loads(pickle.dumps(data))) == COUNT
    loader = DataLoader(data, batch_size=4, num_workers=2, multiprocessing_context="spawn")
    assert sorted(n for (b,) in loader for n in b.tolist()) == list(range(COUNT))


def test_tensors_in_batches():
    (batch,) = batched(2)([(torch.ones(3), 1), (torch.zeros(3), 2)])
    assert batch[0].tolist() == [[1, 1, 1], [0, 0, 0]]
    with pytest.raises(ValueError, match="shapes"):
        list(batched(2)([(torch.ones(2),), (torch.ones(3),)]))


def test_images_as_tensors(shards):
    (image,) = next(iter(WebDataset(shards).slice(7, 8).decode("torchrgb").to_tuple("png")))
    assert image.dtype == torch.float32 and image.shape == (3, 4, 6)
    assert torch.allclose(image, torch.full((3, 4, 6), 7 / 255))


def test_tensors_as_fields():
    data = encode({"__key__": "k", "pth": {"w": torch.arange(3)}})
    (found,) = decode(allow_pickle=True)([data])
    assert found["pth"]["w"].tolist() == [0, 1, 2]


def test_pth_runs_no_code():
    class Evil:
        def __reduce__(self):
            return print, ("ran",)

    data = encode({"__key__": "k", "pth": Evil()})
    with pytest.raises(ValueError, match="pth"):
        list(decode(allow_pickle=True)([data]))


@pytest.mark.parametrize("workers", [0, 2])
def test_samples_by_number(shards, workers):
    samples = IndexedDataset(shards, fields=("cls", "png"), transformations=[Decoder(["rgb8"])])
    data = samples.add_transform(lambda sample: (sample["png"], sample["cls"])).to_torch()
    assert isinstance(data, Dataset) and len(data) == COUNT
    sampler = ShardListSampler(samples)
    loader = DataLoader(data, batch_size=4, num_workers=workers, sampler=sampler)
    seen = []
    for images, labels in loader:
        assert (images[:, 0, 0, 0] == labels).all()
        seen += labels.tolist()
    assert sorted(seen) == list(range(COUNT)) != seen
