# Written by tests/python/helpers/public_stubs.py from the table of __init__.py.
from .arrays import dequantize as dequantize, pack as pack, quantize as quantize, unpack as unpack
from .diffq import DiffQuantizer as DiffQuantizer
from .file import load as load, save as save
from .lsq import LSQQuantizer as LSQQuantizer
from .onnx_export import export_onnx as export_onnx
from .restoring import restore_quantized_state as restore_quantized_state
from .system import ModelSystem as ModelSystem, sut as sut
from .torchscript_export import export_torchscript as export_torchscript
from .uniform import UniformQuantizer as UniformQuantizer

__all__ = [
    "DiffQuantizer",
    "LSQQuantizer",
    "ModelSystem",
    "UniformQuantizer",
    "dequantize",
    "export_onnx",
    "export_torchscript",
    "load",
    "pack",
    "quantize",
    "restore_quantized_state",
    "save",
    "sut",
    "unpack",
]
