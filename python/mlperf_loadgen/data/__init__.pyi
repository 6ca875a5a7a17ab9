# Written by tests/python/helpers/public_stubs.py from the table of __init__.py.
from .errors import (
    DecodingError as DecodingError,
    ShardFormatError as ShardFormatError,
    ShardWarning as ShardWarning,
)
from .fetch import ShardFetchError as ShardFetchError
from .index_file import (
    IndexFile as IndexFile,
    ListedShard as ListedShard,
    read_index as read_index,
    write_index as write_index,
)
from .names import expand as expand
from .samplers import (
    ChunkedSampler as ChunkedSampler,
    DistributedChunkedSampler as DistributedChunkedSampler,
    ShardListSampler as ShardListSampler,
    ShardedSampler as ShardedSampler,
)
from .writers import ShardWriter as ShardWriter, TarWriter as TarWriter

__all__ = [
    "ChunkedSampler",
    "DecodingError",
    "DistributedChunkedSampler",
    "IndexFile",
    "ListedShard",
    "ShardFetchError",
    "ShardFormatError",
    "ShardListSampler",
    "ShardWarning",
    "ShardWriter",
    "ShardedSampler",
    "TarWriter",
    "expand",
    "read_index",
    "write_index",
]
