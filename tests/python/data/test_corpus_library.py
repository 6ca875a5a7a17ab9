"""Goal: WebDatasetQSL is right on every archive of the corpus, or refuses it when it is opened.

Method: as test_corpus_streams.py, by the public interface; from this machine, from a server through
the cache, and with an index that is kept.
"""

import pickle
import warnings

import pytest
from shard_golden import ARCHIVES, OPTIONS, digests, golden_digests

from mlperf_loadgen.data import ShardFormatError, ShardWarning, WebDatasetQSL


@pytest.fixture(params=["local", "http", "kept index"])
def opened(request, corpus, corpus_server, tmp_path):
    """Opens an archive of the corpus."""
    if request.param == "local":
        return lambda name, **more: WebDatasetQSL([corpus / name], **more)
    if request.param == "http":
        return lambda name, **more: WebDatasetQSL(
            [f"{corpus_server.url}/{name}"], cache_dir=tmp_path, **more
        )

    def twice(name, **more):
        WebDatasetQSL([corpus / name], index_dir=tmp_path, **more).close()
        assert len([*tmp_path.glob("*.lgidx")]) == 1
        return WebDatasetQSL([corpus / name], index_dir=tmp_path, **more)

    return twice


def samples_of(qsl):
    """All samples as (key, {field: bytes}), loaded together; the same as read one by one."""
    everything = list(range(qsl.total_sample_count))
    qsl.load_samples(everything)
    loaded = [(qsl.key(i), {f: bytes(v) for f, v in qsl[i].items()}) for i in everything]
    qsl.unload_samples(everything)
    assert loaded == [
        (s.key, {f: bytes(v) for f, v in s.items()}) for s in map(qsl.read, everything)
    ]
    assert qsl.nbytes(everything) == sum(len(v) for _, s in loaded for v in s.values())
    return loaded


def reads(opened, name, samples, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        qsl = opened(name, **options)
    assert digests(samples_of(qsl)) == golden_digests(samples)
    assert all(name in str(w.message) and w.category is ShardWarning for w in caught)
    return qsl


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives(name, opened):
    if name == "zstd.tar.zst":
        pytest.importorskip("zstandard")
    entry = ARCHIVES[name]
    if entry.get("samples") == []:
        with pytest.raises(ValueError, match="There are no samples in"):
            opened(name)
    elif "samples" in entry and "accept_error" not in entry:
        stats = reads(opened, name, entry["samples"]).stats()
        assert stats["left_out"] == entry.get("skipped", {})
        assert {kind for _, kind in stats["warnings"]} - {"links"} == {*entry.get("warnings", ())}
    else:
        with pytest.raises(ShardFormatError) as caught:
            opened(name)
        error = caught.value
        kinds = entry["accept_error"] if "samples" in entry else [entry["error"]["kind"]]
        assert error.kind in kinds
        assert name in str(error)
        if "error" in entry:
            assert error.offset == entry["error"]["offset"]


@pytest.mark.parametrize(("name", "options", "samples"), OPTIONS)
def test_options(name, options, samples, opened):
    reads(opened, name, samples, **options)


def test_all_good_archives_together(corpus):
    good = [
        (name, entry["samples"])
        for name, entry in ARCHIVES.items()
        if "samples" in entry and "accept_error" not in entry and entry.get("compression") != "zst"
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ShardWarning)
        qsl = WebDatasetQSL([corpus / name for name, _ in good])
    assert digests(samples_of(qsl)) == [
        pair for _, samples in good for pair in golden_digests(samples)
    ]
    shards = [str(corpus / name) for name, samples in good for _ in samples]
    assert [qsl.shard_of(i) for i in range(qsl.total_sample_count)] == shards


def test_errors_go_to_other_processes(corpus):
    with pytest.raises(ShardFormatError) as caught:
        WebDatasetQSL([corpus / "duplicate.tar"])
    error, there = caught.value, pickle.loads(pickle.dumps(caught.value))
    assert (type(there), str(there), vars(there)) == (type(error), str(error), vars(error))
    assert there.member == "b.cls"


def test_of_several_broken_shards_the_first_is_named(corpus):
    names = ["ustar.tar", "bad-checksum.tar", "bad-html.tar", "gzip.tar.gz"]
    with pytest.raises(ShardFormatError, match=r"bad-checksum\.tar is broken at byte \d+"):
        WebDatasetQSL([corpus / name for name in names])
