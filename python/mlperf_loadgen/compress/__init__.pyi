# Written by tests/python/helpers/public_stubs.py from the table of __init__.py.
from .arrays import dequantize as dequantize, pack as pack, quantize as quantize, unpack as unpack
from .diffq import DiffQuantizer as DiffQuantizer
from .lsq import LSQQuantizer as LSQQuantizer
from .uniform import UniformQuantizer as UniformQuantizer

__all__ = [
    "DiffQuantizer",
    "LSQQuantizer",
    "UniformQuantizer",
    "dequantize",
    "pack",
    "quantize",
    "unpack",
]
