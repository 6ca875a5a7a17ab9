"""`wds` shows, indexes and checks shards; `wds:` names them wherever a sample library is named.

Method: shards of samples whose bytes follow from their number; what is printed is compared with
that, and index files with hashes of the files.
"""

import hashlib
import json
import pickle

import pytest
from cli_commands import QUICK, call, document, done, process
from shard_files import contents, write_shard

from mlperf_loadgen.data import TarWriter, expand

pytest_plugins = ["cli_fixtures"]


@pytest.fixture
def shards(folder):
    """Three shards of 10 samples in a folder of their own."""
    (folder / "d").mkdir()
    return [write_shard(folder / "d" / f"v-{i}.tar", range(10 * i, 10 * i + 10)) for i in range(3)]


BRACES = "d/v-{0..2}.tar"


# ---- Index files ---------------------------------------------------------------------------------


def test_an_index_file_is_beside_its_shards(shards, folder):
    found = document("wds", "index", BRACES, "--name", "mine")
    assert (found["shards"], found["samples"]) == (3, 30)
    index = json.loads((folder / "d" / "shardindex.json").read_text())
    assert (index["wids_version"], index["name"]) == (1, "mine")
    assert index["shardlist"] == [
        {
            "url": shard.name,
            "nsamples": 10,
            "filesize": shard.stat().st_size,
            "md5sum": hashlib.md5(shard.read_bytes()).hexdigest(),
        }
        for shard in shards
    ]
    assert document("wds", "info", "d/shardindex.json")["samples"] == 30


def test_shards_are_listed_in_the_order_given(shards, folder):
    done("wds", "index", shards[2], shards[0], "-o", "i.json")
    index = json.loads((folder / "i.json").read_text())
    assert [s["url"] for s in index["shardlist"]] == ["d/v-2.tar", "d/v-0.tar"]


def test_a_base_stands_in_the_file(shards, folder):
    done("wds", "index", "d/", "-o", "i.json", "--base", "http://h/data")
    index = json.loads((folder / "i.json").read_text())
    assert index["base"] == "http://h/data"
    assert [s["url"] for s in index["shardlist"]] == ["v-0.tar", "v-1.tar", "v-2.tar"]


def test_update_lists_what_is_there_now(shards, folder):
    done("wds", "index", BRACES)
    path = folder / "d" / "shardindex.json"
    index = json.loads(path.read_text())
    index["mine"] = [1]
    index["shardlist"][1]["note"] = "kept"
    path.write_text(json.dumps(index))
    write_shard(shards[1], range(50, 57))
    assert call("wds", "info", path).exit_code == 2
    assert document("wds", "update", path, "--name", "new")["changed"] == [str(shards[1])]
    index = json.loads(path.read_text())
    assert (index["mine"], index["name"]) == ([1], "new")
    assert index["shardlist"][1]["nsamples"] == 7
    assert index["shardlist"][1]["note"] == "kept"
    assert document("wds", "info", path)["samples"] == 27
    assert document("wds", "update", path)["changed"] == []


def test_update_sets_a_base_for_later(shards, folder):
    done("wds", "index", BRACES)
    path = folder / "d" / "shardindex.json"
    write_shard(shards[0], range(5))
    found = document("wds", "update", path, "--base", "http://h/data")
    assert found["changed"] == [str(shards[0])]
    index = json.loads(path.read_text())
    assert (index["base"], index["shardlist"][0]["nsamples"]) == ("http://h/data", 5)
    assert expand(path)[2] == "http://h/data/v-2.tar"


# ---- Looking -------------------------------------------------------------------------------------


def test_info(shards):
    found = document("wds", "info", BRACES)
    assert (found["samples"], found["shards"]) == (30, 3)
    assert found["fields"] == ["cls", "jpg", "npy"]
    assert found["field_bytes"] == sum(len(d) for n in range(30) for d in contents(n).values())
    assert [shard["samples"] for shard in found["shard_list"]] == [10, 10, 10]
    shown = done("wds", "info", BRACES).stdout
    assert "30 samples in 3 shards" in shown
    assert "10 samples in 1 shard\n" in done("wds", "info", "d/v-0.tar").stdout
    assert f"sha256: {found['sha256']}" in shown


def test_list(shards):
    samples = document("wds", "list", BRACES, "--shard", 1)["samples"]
    assert [s["index"] for s in samples] == list(range(10, 20))
    assert samples[0] == {
        "index": 10,
        "key": "s00010",
        "shard": "d/v-1.tar",
        "fields": {field: len(data) for field, data in contents(10).items()},
    }
    lines = done("wds", "list", BRACES).stdout.splitlines()
    assert lines[12] == "12 s00012 cls:1 jpg:900 npy:64"
    assert len(lines) == 30
    assert (
        "--shard 3: the data set has 3 shards"
        in done("wds", "list", BRACES, "--shard", 3, status=2).stderr
    )


def test_a_sample(shards):
    found = document("wds", "sample", BRACES, 12)
    assert (found["key"], found["shard"]) == ("s00012", "d/v-1.tar")
    jpg = contents(12)["jpg"]
    assert found["fields"]["jpg"] == {"size": 900, "sha256": hashlib.sha256(jpg).hexdigest()}
    shown = done("wds", "sample", BRACES, 12).stdout
    assert "s00012 in d/v-1.tar" in shown
    assert "  cls, 1 byte: 2" in shown
    assert "  npy, 64 bytes\n" in shown
    assert done("wds", "sample", BRACES, 12, "--cat", "jpg").stdout_bytes == jpg
    for words, text in (
        ((30,), "There is no sample 30; the library has 30"),
        ((1, "--cat", "png"), "--cat png: the sample has cls, jpg, npy"),
    ):
        assert text in done("wds", "sample", BRACES, *words, status=2).stderr


def test_a_key_is_shown_in_a_line(folder):
    with TarWriter("a.tar") as writer:
        writer.write({"__key__": "a\x1b[31m\n", "txt": "x"})
    assert done("wds", "list", "a.tar").stdout == "0 a\\x1b[31m\\n txt:1\n"
    assert "a\\x1b[31m\\n in a.tar" in done("wds", "sample", "a.tar", 0).stdout


# ---- Checking ------------------------------------------------------------------------------------


def test_verify_lists_all_that_is_wrong(shards, folder):
    assert document("wds", "verify", BRACES) == {"shards": 3, "problems": [], "exit_status": 0}
    whole = shards[0].read_bytes()
    shards[0].write_bytes(whole[:3000])
    shards[2].unlink()
    found = document("wds", "verify", BRACES, status=1)
    cut, missing = found["problems"]
    assert (cut["shard"], cut["kind"], cut["offset"]) == ("d/v-0.tar", "truncated", 2560)
    assert (missing["shard"], missing["error"]) == ("d/v-2.tar", "FileNotFoundError")
    shown = done("wds", "verify", BRACES, status=1).stdout
    assert "3 shards, 2 of them with something wrong" in shown


def test_verify_holds_shards_against_their_index_file(shards):
    done("wds", "index", BRACES)
    data = bytearray(shards[1].read_bytes())
    data[600] ^= 1  # In a body, which no header describes.
    shards[1].write_bytes(data)
    assert document("wds", "verify", BRACES)["problems"] == []
    (problem,) = document("wds", "verify", "d/shardindex.json", status=1)["problems"]
    assert "md5sum" in problem["text"]


@pytest.mark.parametrize("command", ["info", "list", "index"])
def test_broken_shards_are_refused(shards, command):
    shards[1].write_bytes(b"<html>")
    error = done("wds", command, BRACES, status=2).stderr
    assert "d/v-1.tar" in error and "Traceback" not in error


def test_help_of_each_command():
    for command in ("", "index", "info", "list", "sample", "verify", "update"):
        assert "Usage" in done("wds", *filter(None, [command]), "--help").stdout


# ---- As the library of a test --------------------------------------------------------------------


def test_a_run_from_shards(shards, folder):
    target = f"wds:{BRACES}?fields=jpg,cls&performance_sample_count=7"
    words = ("run", "system.py:Good", target, *QUICK, "-m", "AccuracyOnly", "-o", "logs")
    found = document(*words)
    assert found["accuracy_sample_count"] == 30
    assert "30 samples, sha256" in (folder / "logs" / "mlperf_log_detail.txt").read_text()


def test_fields_are_decoded_if_a_target_says_so(folder):
    write_shard(folder / "p.tar", [0], lambda n: {"txt": b"text", "pkl": pickle.dumps([1])})
    refused = done("run", "system.py:Good", "wds:p.tar?decode=", *QUICK, status=2)
    assert "allow_pickle=True allows it" in refused.stderr
    done("run", "system.py:Good", "wds:p.tar?decode=rgb8&allow_pickle=true", *QUICK)


def test_paths_in_a_run_file_are_relative_to_it(shards, folder, monkeypatch):
    (folder / "run.yaml").write_text(
        f"sut: system.py:Good\nqsl: wds:{BRACES}?index_dir=kept\nsettings: {{mode: AccuracyOnly}}\n"
    )
    other = folder / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    assert (
        document("run", "--file", "../run.yaml", *QUICK, "-o", "l")["accuracy_sample_count"] == 30
    )
    assert len([*(folder / "kept").glob("*.lgidx")]) == 3


def test_a_dry_run_says_what_the_library_has(shards):
    found = document("run", "system.py:Good", f"wds:{BRACES}", "--dry-run", *QUICK)
    assert found["qsl"] == f"wds:{BRACES}"


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("wds:", "name the shards"),
        ("wds:d/v-0.tar?field=jpg", "there is no option 'field': did you mean fields?"),
        ("wds:d/v-0.tar?threads=x", "threads=x is not understood"),
        ("wds:d/v-0.tar?threads=999", "threads=999: it must be from 0 to"),
        ("wds:d/v-0.tar?allow_commands=1", "give true or false"),
        ("wds:d/v-0.tar?fields=png", 'has no field "png"'),
        ("wds:d/no.tar", "no.tar"),
        ("wds:http://h/d.tar?k=v", "http://h/d.tar?k=... is not on this machine: give cache_dir"),
    ],
)
def test_targets_that_cannot_be_used(shards, target, text):
    error = done("run", "system.py:Good", target, *QUICK, status=2).stderr
    assert text in error
    assert "Traceback" not in error


def test_bytes_of_a_field_reach_the_standard_output(shards):
    finished = process("wds", "sample", BRACES, "3", "--cat", "cls", cwd=shards[0].parent.parent)
    assert (finished.returncode, finished.stdout) == (0, "3")
