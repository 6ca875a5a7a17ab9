"""Goal: WebDataset is right on every archive of the corpus: on this machine, from a server, from a
cache.

Method: as test_corpus_streams.py, by the public interface.
"""

import warnings

import pytest
from shard_golden import ARCHIVES, STREAM_OPTIONS, digests, golden_digests

from mlperf_loadgen.data import ShardFormatError, ShardWarning, WebDataset

FIELDS_OF_STREAMS = ("__key__", "__url__", "__local_path__")


@pytest.fixture(params=["local", "http", "cache"])
def place(request, corpus, corpus_server, tmp_path):
    """From a name to what is needed to read it."""
    if request.param == "local":
        return lambda name: {"urls": [corpus / name]}
    more = {"cache_dir": tmp_path} if request.param == "cache" else {}
    return lambda name: {"urls": [f"{corpus_server.url}/{name}"], **more}


def read(**how):
    """(samples, error, warnings) of a stream."""
    samples = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            for sample in WebDataset(**how, empty_check=False):
                fields = {f: v for f, v in sample.items() if f not in FIELDS_OF_STREAMS}
                samples.append((sample["__key__"], fields))
        except ShardFormatError as error:
            return samples, error, []
    return samples, None, [w for w in caught if issubclass(w.category, ShardWarning)]


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives(name, place):
    if name == "zstd.tar.zst":
        pytest.importorskip("zstandard")
    entry = ARCHIVES[name]
    outcome = entry.get("streaming", entry)
    samples, error, caught = read(**place(name))
    if "error" in outcome:
        assert (error.kind, error.offset) == (entry["error"]["kind"], entry["error"]["offset"])
        low, high = entry["streaming_before"]
        assert low <= len(samples) <= high
    elif error is not None:
        assert error.kind in entry["accept_error"]
    else:
        assert digests(samples) == golden_digests(outcome["samples"])
        assert len(caught) >= len(outcome.get("warnings", ()))
        assert all(name in str(warning.message) for warning in caught)


@pytest.mark.parametrize(("name", "options", "samples"), STREAM_OPTIONS)
def test_options(name, options, samples, place):
    found, error, _ = read(**place(name), **options)
    assert error is None
    assert digests(found) == golden_digests(samples)
