"""Samples from WebDataset shards."""

from .. import _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    globals(),
    {
        "errors": ("DecodingError", "ShardFormatError", "ShardWarning"),
        "fetch": ("ShardFetchError",),
        "index_file": ("IndexFile", "ListedShard", "read_index", "write_index"),
        "names": ("expand",),
        "samplers": (
            "ChunkedSampler",
            "DistributedChunkedSampler",
            "ShardListSampler",
            "ShardedSampler",
        ),
        "writers": ("ShardWriter", "TarWriter"),
    },
)
