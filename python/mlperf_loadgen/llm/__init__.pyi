# Written by tests/python/helpers/public_stubs.py from the table of __init__.py.
from .address import EndpointAddress as EndpointAddress, is_endpoint as is_endpoint
from .datasets.dataset import DatasetError as DatasetError
from .datasets.mlperf import convert_dataset as convert_dataset
from .endpoint import EndpointWarning as EndpointWarning, OpenAIEndpoint as OpenAIEndpoint
from .prompts import FORMATS as FORMATS, DatasetWarning as DatasetWarning, Prompts as Prompts
from .report import EndpointReport as EndpointReport
from .request import Request as Request
from .server import ServedModel as ServedModel
from .tokenizer import Tokenizer as Tokenizer

__all__ = [
    "FORMATS",
    "DatasetError",
    "DatasetWarning",
    "EndpointAddress",
    "EndpointReport",
    "EndpointWarning",
    "OpenAIEndpoint",
    "Prompts",
    "Request",
    "ServedModel",
    "Tokenizer",
    "convert_dataset",
    "is_endpoint",
]
