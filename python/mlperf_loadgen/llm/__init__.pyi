# Written by tests/python/helpers/public_stubs.py from the table of __init__.py.
from .address import EndpointAddress as EndpointAddress, is_endpoint as is_endpoint
from .datasets.dataset import DatasetError as DatasetError
from .datasets.mlperf import convert_dataset as convert_dataset
from .prompts import FORMATS as FORMATS, DatasetWarning as DatasetWarning, Prompts as Prompts
from .request import Request as Request
from .tokenizer import Tokenizer as Tokenizer

__all__ = [
    "FORMATS",
    "DatasetError",
    "DatasetWarning",
    "EndpointAddress",
    "Prompts",
    "Request",
    "Tokenizer",
    "convert_dataset",
    "is_endpoint",
]
