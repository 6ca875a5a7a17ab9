# Written by tests/python/helpers/public_stubs.py from the table of __init__.py.
from .cache import ShardCache as ShardCache, local_copy as local_copy
from .codecs.decoders import Decoder as Decoder
from .codecs.encoders import encode as encode
from .codecs.images import imagehandler as imagehandler
from .errors import (
    DecodingError as DecodingError,
    ShardChangedError as ShardChangedError,
    ShardFetchError as ShardFetchError,
    ShardFormatError as ShardFormatError,
    ShardWarning as ShardWarning,
)
from .index_file import (
    IndexFile as IndexFile,
    ListedShard as ListedShard,
    read_index as read_index,
    write_index as write_index,
)
from .indexed import IndexedDataset as IndexedDataset
from .library import WebDatasetQSL as WebDatasetQSL
from .names import expand as expand
from .samplers import (
    ChunkedSampler as ChunkedSampler,
    DistributedChunkedSampler as DistributedChunkedSampler,
    ShardListSampler as ShardListSampler,
    ShardedSampler as ShardedSampler,
)
from .stream.batches import (
    batched as batched,
    default_collation_fn as default_collation_fn,
    listed as listed,
    unbatched as unbatched,
    unlisted as unlisted,
)
from .stream.fluid import WebDataset as WebDataset
from .stream.handlers import (
    ignore_and_continue as ignore_and_continue,
    ignore_and_stop as ignore_and_stop,
    reraise_exception as reraise_exception,
    warn_and_continue as warn_and_continue,
    warn_and_stop as warn_and_stop,
)
from .stream.mixes import RandomMix as RandomMix, RoundRobin as RoundRobin
from .stream.objects import cbor_samples as cbor_samples, msgpack_samples as msgpack_samples
from .stream.pipeline import DataPipeline as DataPipeline
from .stream.samples import tarfile_to_samples as tarfile_to_samples
from .stream.shards import (
    ResampledShards as ResampledShards,
    SimpleShardList as SimpleShardList,
    single_node_only as single_node_only,
    split_by_node as split_by_node,
    split_by_worker as split_by_worker,
)
from .stream.shuffles import detshuffle as detshuffle, shuffle as shuffle
from .stream.sources import Source as Source
from .stream.stages import (
    decode as decode,
    extract_keys as extract_keys,
    log_keys as log_keys,
    map as map,
    map_dict as map_dict,
    map_tuple as map_tuple,
    mcached as mcached,
    rename as rename,
    rename_keys as rename_keys,
    rsample as rsample,
    select as select,
    slice as slice,
    to_tuple as to_tuple,
    xdecode as xdecode,
)
from .writers import ShardWriter as ShardWriter, TarWriter as TarWriter

__all__ = [
    "ChunkedSampler",
    "DataPipeline",
    "Decoder",
    "DecodingError",
    "DistributedChunkedSampler",
    "IndexFile",
    "IndexedDataset",
    "ListedShard",
    "RandomMix",
    "ResampledShards",
    "RoundRobin",
    "ShardCache",
    "ShardChangedError",
    "ShardFetchError",
    "ShardFormatError",
    "ShardListSampler",
    "ShardWarning",
    "ShardWriter",
    "ShardedSampler",
    "SimpleShardList",
    "Source",
    "TarWriter",
    "WebDataset",
    "WebDatasetQSL",
    "batched",
    "cbor_samples",
    "decode",
    "default_collation_fn",
    "detshuffle",
    "encode",
    "expand",
    "extract_keys",
    "ignore_and_continue",
    "ignore_and_stop",
    "imagehandler",
    "listed",
    "local_copy",
    "log_keys",
    "map",
    "map_dict",
    "map_tuple",
    "mcached",
    "msgpack_samples",
    "read_index",
    "rename",
    "rename_keys",
    "reraise_exception",
    "rsample",
    "select",
    "shuffle",
    "single_node_only",
    "slice",
    "split_by_node",
    "split_by_worker",
    "tarfile_to_samples",
    "to_tuple",
    "unbatched",
    "unlisted",
    "warn_and_continue",
    "warn_and_stop",
    "write_index",
    "xdecode",
]
