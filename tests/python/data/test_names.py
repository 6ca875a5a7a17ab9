"""Names of shards: brace lists, variables, lists, folders and index files become addresses.

Method: the golden brace lists, and folders and files made for the purpose.
"""

import json
from pathlib import Path

import pytest
from shard_golden import GOLDEN

from mlperf_loadgen.data import expand
from mlperf_loadgen.data.addresses import local_path


@pytest.mark.parametrize(("text", "names"), GOLDEN["shards"], ids=str)
def test_brace_lists(text, names):
    if names is None:
        with pytest.raises(ValueError, match="without its partner"):
            expand(text)
    else:
        assert expand(text) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{a{1,2},b}-{x..z..2}", ["a1-x", "a1-z", "a2-x", "a2-z", "b-x", "b-z"]),
        ("{a{1..2}}", ["{a1}", "{a2}"]),
        ("{-01..1}", ["-01", "00", "01"]),
        (r"{a\,b,c}\\", ["a,b\\", "c\\"]),
        ("{1,2", None),
        ("{1,{2}", None),
    ],
)
def test_more_brace_lists(text, names):
    if names is None:
        with pytest.raises(ValueError, match=r"'\{' without its partner"):
            expand(text)
    else:
        assert expand(text) == names


@pytest.mark.parametrize(
    "text", ["{0..99999999999}", "{0..9999}-{0..9999}", "{0..9999}{a,b{0..9999}}"]
)
def test_a_list_of_too_many_names_is_refused(text):
    with pytest.raises(ValueError, match="1000000 are the limit"):
        expand(text)


def test_variables(monkeypatch):
    monkeypatch.setenv("WDS_PLACE", "/d/{a,b}::c")
    assert expand("${PLACE}-0.tar") == ["/d/a", "/d/b", "c-0.tar"]


def test_a_variable_that_is_not_set_is_named():
    with pytest.raises(ValueError, match="environment variable WDS_MISSING,"):
        expand("${MISSING}/a.tar")


def test_names_in_a_list_are_literal(tmp_path):
    odd = tmp_path / "a{0..1}.tar"
    odd.touch()
    assert expand([odd, "b::c.tar"]) == [str(odd), "b::c.tar"]
    assert expand(odd) == [str(odd)]
    with pytest.raises(FileNotFoundError, match="as a string, for its braces to be expanded"):
        expand(["b{0..1}.tar"])


def test_an_empty_list_is_refused():
    with pytest.raises(ValueError, match="empty"):
        expand([])
    with pytest.raises(ValueError, match="empty"):
        expand("a.tar::")


def test_a_name_that_is_no_text_is_refused():
    with pytest.raises(TypeError, match="not 3"):
        expand([3])


def test_a_folder_stands_for_its_shards(tmp_path):
    for name in (
        "b.tar",
        "a.tar.gz",
        "c.tgz",
        "d.tar.zst",
        "notes.txt",
        ".hidden.tar",
        "e.tar.tmp",
    ):
        (tmp_path / name).touch()
    names = [str(tmp_path / name) for name in ("a.tar.gz", "b.tar", "c.tgz", "d.tar.zst")]
    assert expand(f"{tmp_path}/") == expand(tmp_path) == expand([tmp_path]) == names
    assert sorted(path.name for path in tmp_path.iterdir())[-1] == "notes.txt"


def test_a_folder_without_shards_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="has no shards"):
        expand(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        expand(f"{tmp_path}/nowhere/")


def test_an_index_file_stands_for_the_shards_it_lists(tmp_path):
    index = {"wids_version": 1, "shardlist": [{"url": "{a}.tar", "nsamples": 2}]}
    (tmp_path / "i.json").write_text(json.dumps(index))
    assert expand(str(tmp_path / "i.json")) == [str(tmp_path / "{a}.tar")]


def test_a_yaml_specification_is_refused():
    with pytest.raises(ValueError, match="mlperf-loadgen wds index"):
        expand("data.yaml")


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("a;b?c#d:e.tar", "a;b?c#d:e.tar"),
        ("a:b.tar", "a:b.tar"),
        ("file:///p%20q/a.tar", "/p q/a.tar"),
        ("file:/p/a.tar", "/p/a.tar"),
        ("http://h/a.tar", None),
        ("S3://b/a.tar", None),
        ("pipe:cat a.tar", None),
        ("-", None),
    ],
)
def test_which_addresses_are_paths(address, path):
    assert local_path(address) == path


def test_names_do_not_become_paths_of_other_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.tar").touch()
    assert expand("a.tar") == ["a.tar"]
