"""Measures language models behind OpenAI-compatible endpoints.

`OpenAIEndpoint` is a system under test that sends each sample as an HTTP request and reads the
answer's events; `Prompts` is a sample library for it. docs/llm.md describes both.
"""

from .. import _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    globals(),
    {
        "address": ("EndpointAddress", "is_endpoint"),
        "datasets.dataset": ("DatasetError",),
        "datasets.mlperf": ("convert_dataset",),
        "endpoint": ("EndpointWarning", "OpenAIEndpoint"),
        "prompts": ("FORMATS", "DatasetWarning", "Prompts"),
        "report": ("EndpointReport",),
        "request": ("Request",),
        "server": ("ServedModel",),
        "tokenizer": ("Tokenizer",),
    },
)
