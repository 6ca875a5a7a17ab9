"""`Prompts`: lists of samples, formats by name, limits, names, and what is no data set."""

import warnings

import numpy as np
import pytest
from small_tokenizer import make_tokenizer

import mlperf_loadgen as lg
from mlperf_loadgen.llm.prompts import FORMATS


def written(tmp_path, text, name="prompts.jsonl"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_list_of_samples():
    prompts = lg.Prompts(["a", lg.Request("b", 3), np.array([1, 2])], max_tokens=9)
    assert prompts.total_sample_count == prompts.performance_sample_count == 3
    assert [prompts[i].max_tokens for i in range(3)] == [9, 3, 9]
    assert [prompts[i].kind for i in range(3)] == ["prompt", "prompt", "token_ids"]
    assert prompts.name == "Prompts(list: 3 prompts)"
    assert prompts.arrival_ns is None


def test_a_file_by_its_name_and_by_a_named_format(tmp_path):
    path = written(tmp_path, '{"prompt": "a"}\n')
    for given in (path, str(path), f"{path}:jsonl"):
        assert lg.Prompts(given)[0].content == "a"
    assert lg.Prompts(path, format="jsonl")[0].content == "a"


def test_the_name_has_the_digest_of_the_file(tmp_path):
    path = written(tmp_path, '{"prompt": "a"}\n')
    first = lg.Prompts(path).name
    assert first.startswith("Prompts(prompts.jsonl: 1 prompt, sha256 ")
    written(tmp_path, '{"prompt": "b"}\n')
    assert lg.Prompts(path).name != first


def test_loaded_samples_are_made_once_and_forgotten():
    prompts = lg.Prompts(["a", "b", "c"], max_tokens=5)
    prompts.load_samples([0, 2])
    assert prompts[0] is prompts[0]
    prompts.unload_samples([0, 2])
    assert prompts[0] is not prompts[0]


def test_a_sample_that_is_not_there():
    with pytest.raises(IndexError, match="there is no sample 1; there are 1"):
        lg.Prompts(["a"])[1]


def test_it_is_a_library(tmp_path):
    prompts = lg.Prompts(["a", "b", "c"], performance_sample_count=2)
    seen = []

    class Echo(lg.SystemUnderTest):
        def issue_query(self, samples):
            seen.extend(prompts[int(i)].content for i in samples.indices)
            lg.complete(samples.ids)

    settings = lg.TestSettings(mode=lg.TestMode.AccuracyOnly)
    logs = lg.LogSettings()
    logs.log_output.outdir = str(tmp_path)
    lg.StartTestWithLogSettings(Echo(), prompts, settings, logs)
    assert sorted(seen) == ["a", "b", "c"]


# ---- Prompts that are too long -------------------------------------------------------------------


def test_the_first_prompt_that_is_too_long():
    prompts = lg.Prompts([np.arange(5), np.arange(9), np.arange(20)])
    assert prompts.find_longer_than(8) == (1, 9)
    assert prompts.find_longer_than(20) is None
    assert prompts.place(1) == "list, row 1"


def test_texts_are_counted_with_a_tokenizer_only(tmp_path):
    text = "the words " * 50
    assert lg.Prompts([text]).find_longer_than(8) is None
    prompts = lg.Prompts(["the", text], tokenizer=make_tokenizer(tmp_path))
    index, tokens = prompts.find_longer_than(8)
    assert (index, tokens) == (1, prompts.tokenizer.count(text))


# ---- What is no data set -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "options", "error", "message"),
    [
        ("nothing.jsonl", {}, lg.DatasetError, "nothing.jsonl: there is no such file"),
        (".", {}, lg.DatasetError, "it is a folder; give a file"),
        ([], {}, lg.DatasetError, "there are no prompts"),
        (["a", ""], {}, lg.DatasetError, "prompt 1: a prompt must not be empty"),
        (["a", 5], {}, lg.DatasetError, "prompt 1: a request must be a str"),
        (
            ["a", [{"role": "user", "content": "b"}]],
            {},
            lg.DatasetError,
            "prompt 1 is for chat, and prompt 0 for completions",
        ),
        (b"a", {}, TypeError, "source must be a file or a list of prompts, not bytes"),
        (5, {}, TypeError, "source must be a file or a list of prompts, not int"),
        (["a"], {"format": "jsonl"}, ValueError, "format='jsonl' is for files"),
        (["a"], {"max_tokens": 0}, ValueError, "max_tokens must be at least 1"),
        (["a"], {"seed": -1}, ValueError, "seed must be at least 0"),
        (
            ["a"],
            {"performance_sample_count": 2},
            ValueError,
            "performance_sample_count=2 must be at most 1",
        ),
        (["a"], {"tokenizer": "nothing"}, ValueError, "there is no nothing; give the model's fold"),
    ],
)
def test_what_is_refused(source, options, error, message):
    with pytest.raises(error, match=message):
        lg.Prompts(source, **options)


def test_a_format_that_is_not_known(tmp_path):
    path = written(tmp_path, "x", "prompts.txt")
    with pytest.raises(ValueError, match=f"format='json' is none of {', '.join(FORMATS)}"):
        lg.Prompts(path, format="json")
    with pytest.raises(lg.DatasetError, match="its format is not known; give one of jsonl"):
        lg.Prompts(path)


def test_an_empty_file(tmp_path):
    with pytest.raises(lg.DatasetError, match=r"prompts.jsonl: it is empty"):
        lg.Prompts(written(tmp_path, "\n \n"))


def test_what_was_left_out_is_a_warning(tmp_path):
    text = '[{"conversations": []}, {"conversations": [{"from": "human", "value": "a"}]}]'
    with pytest.warns(lg.DatasetWarning, match="1 conversation without a human turn left out"):
        lg.Prompts(written(tmp_path, text, "chats.json"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lg.Prompts(["a"])
