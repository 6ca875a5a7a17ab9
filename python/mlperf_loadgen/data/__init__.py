"""Samples from WebDataset shards."""

from .. import _lazy, _shards

__getattr__, __dir__, __all__ = _lazy.attach(
    globals(),
    {
        "cache": ("ShardCache", "local_copy"),
        "codecs.decoders": ("Decoder",),
        "codecs.encoders": ("encode",),
        "codecs.images": ("imagehandler",),
        "errors": (
            "DecodingError",
            "ShardChangedError",
            "ShardFetchError",
            "ShardFormatError",
            "ShardWarning",
        ),
        "index_file": ("IndexFile", "ListedShard", "read_index", "write_index"),
        "indexed": ("IndexedDataset",),
        "library": ("WebDatasetQSL",),
        "names": ("expand",),
        "samplers": (
            "ChunkedSampler",
            "DistributedChunkedSampler",
            "ShardListSampler",
            "ShardedSampler",
        ),
        "stream.batches": (
            "batched",
            "default_collation_fn",
            "listed",
            "unbatched",
            "unlisted",
        ),
        "stream.fluid": ("WebDataset",),
        "stream.handlers": (
            "ignore_and_continue",
            "ignore_and_stop",
            "reraise_exception",
            "warn_and_continue",
            "warn_and_stop",
        ),
        "stream.mixes": ("RandomMix", "RoundRobin"),
        "stream.objects": ("cbor_samples", "msgpack_samples"),
        "stream.pipeline": ("DataPipeline",),
        "stream.samples": ("tarfile_to_samples",),
        "stream.shards": (
            "ResampledShards",
            "SimpleShardList",
            "single_node_only",
            "split_by_node",
            "split_by_worker",
        ),
        "stream.shuffles": ("detshuffle", "shuffle"),
        "stream.sources": ("Source",),
        "stream.stages": (
            "decode",
            "extract_keys",
            "log_keys",
            "map",
            "map_dict",
            "map_tuple",
            "mcached",
            "rename",
            "rename_keys",
            "rsample",
            "select",
            "slice",
            "to_tuple",
            "xdecode",
        ),
        "writers": ("ShardWriter", "TarWriter"),
    },
)

# What the C++ module needs of the package: it names no Python module itself.
_shards.set_hooks(
    format_error=_lazy.later(__name__, "errors", "ShardFormatError"),
    changed_error=_lazy.later(__name__, "errors", "ShardChangedError"),
)
