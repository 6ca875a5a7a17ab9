"""Each format of data sets: what its rows become, and each kind of broken row with its place."""

import gzip
import json

import numpy as np
import pytest
from small_tokenizer import make_tokenizer

import mlperf_loadgen as lg
from mlperf_loadgen.llm import convert_dataset


@pytest.fixture
def write(tmp_path):
    def write(text, name="prompts.jsonl"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def lines(*rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def contents(prompts):
    return [prompts[i].content for i in range(prompts.total_sample_count)]


# ---- jsonl ---------------------------------------------------------------------------------------


def test_jsonl_prompts(write):
    prompts = lg.Prompts(
        write(
            b"\xef\xbb\xbf"
            + lines({"prompt": "a\u2028b", "max_tokens": 5, "id": "x"}, {"prompt": [1, 2]}).encode()
            + b"\r\n"
        )
    )
    assert prompts[0].content == "a\u2028b"
    assert (prompts[0].max_tokens, prompts[0].id) == (5, "x")
    assert prompts[1].content.tolist() == [1, 2]


def test_jsonl_messages(write):
    user = {"role": "user", "content": "a"}
    system = {"role": "system", "content": "s"}
    rows = ({"messages": [user]}, {"messages": [user], "system": "s"})
    prompts = lg.Prompts(write(lines(*rows, {"prompt": "a", "system": "s"})))
    assert contents(prompts) == [[user], [system, user], [system, user]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", r"line 2: it is no JSON \(.*\); give {\"prompt\""),
        ("5", "line 2: it is no JSON object but 5"),
        ("{}", "line 2: it has neither a prompt nor messages, but nothing"),
        ('{"text": "a"}', "line 2: it has neither a prompt nor messages, but text"),
        ('{"prompt": "a", "messages": []}', "line 2: it has both a prompt and messages"),
        ('{"prompt": ""}', "line 2: a prompt must not be empty"),
        ('{"prompt": 5}', "line 2: prompt must be a text or a list of token ids, not 5"),
        ('{"messages": "a"}', "line 2: messages must be a list of objects"),
        ('{"messages": []}', "line 2: messages must not be empty"),
        ('{"prompt": "a", "max_tokens": 0}', "line 2: max_tokens must be at least 1, not 0"),
        ('{"prompt": "a", "max_tokens": "9"}', "line 2: max_tokens must be an integer, not '9'"),
        ('{"prompt": "a", "system": 5}', "line 2: system must be a text, not 5"),
        ('{"prompt": "a", "id": ' + "9" * 5000 + "}", "line 2: it is no JSON"),
        ('{"prompt": ' + "[" * 100_000 + "}", "line 2: it is no JSON"),
        ('{"prompt": [1], "system": "s"}', "line 2: system cannot stand before token ids"),
        (
            '{"messages": [{"role": "user", "content": "b"}]}',
            "line 2: it is for chat, and line 1 for completions; .* make two of it",
        ),
    ],
)
def test_broken_lines(write, row, message):
    with pytest.raises(lg.DatasetError, match=f"prompts.jsonl, {message}"):
        lg.Prompts(write('{"prompt": "a"}\n' + row + "\n"))


# ---- openai-batch --------------------------------------------------------------------------------


def batch_row(**changes):
    body = {"model": "m", "messages": [{"role": "user", "content": "a"}]}
    url = "/v1/chat/completions"
    return {"custom_id": "r", "method": "POST", "url": url, "body": body} | changes


def test_openai_batch(write):
    prompts = lg.Prompts(write(lines(batch_row())))
    assert prompts[0].id == "r"
    assert prompts[0].api == "chat"
    assert json.loads(prompts[0].content) == batch_row()["body"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"custom_id": "r", "body": {}}, "line 1: it has no method, url;"),
        (batch_row(url="/v1/embeddings"), "line 1: it asks for POST /v1/embeddings; only"),
        (batch_row(method="GET"), "line 1: it asks for GET"),
        (batch_row(body=5), "line 1: body must be an object, not 5"),
        (batch_row(body={"prompt": "a"}), "line 1: its body has no messages"),
    ],
)
def test_broken_batches(write, row, message):
    with pytest.raises(lg.DatasetError, match=message):
        lg.Prompts(write(lines(row)))


# ---- sharegpt ------------------------------------------------------------------------------------

CHATS = [
    {
        "id": "c0",
        "conversations": [
            {"from": "system", "value": "s"},
            {"from": "human", "value": "the words"},
            {"from": "gpt", "value": "of one text"},
        ],
    },
    {"id": "c1", "conversations": [{"from": "user", "value": "b"}]},
]


def test_sharegpt(write):
    prompts = lg.Prompts(write(json.dumps(CHATS), "chats.json"), max_tokens=99)
    assert contents(prompts) == ["the words", "b"]
    assert [prompts[i].max_tokens for i in (0, 1)] == [99, 99]
    assert prompts[0].id == "c0"


def test_the_length_of_an_answer_is_its_limit_with_a_tokenizer(write, tmp_path):
    folder = make_tokenizer(tmp_path)
    prompts = lg.Prompts(write(json.dumps(CHATS), "c.json"), max_tokens=99, tokenizer=folder)
    length = prompts.tokenizer.count("of one text")
    assert [prompts[i].max_tokens for i in (0, 1)] == [length, 99]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "it is no JSON"),
        ("{}", "it must be a JSON list"),
        ("[5]", 'row 0: it has no "conversations"'),
        ('[{"conversations": [{"from": "human"}]}]', 'row 0: it has no "conversations"'),
        ('[{"conversations": []}]', "no conversation has a human turn with text"),
    ],
)
def test_broken_chats(write, text, message):
    with pytest.raises(lg.DatasetError, match=message):
        lg.Prompts(write(text, "chats.json"), format="sharegpt")


# ---- random --------------------------------------------------------------------------------------


def test_random_token_ids():
    prompts = lg.Prompts("random:in=30,out=7,prefix=10,n=5,vocab=500", seed=3)
    ids = np.stack(contents(prompts))
    assert ids.shape == (5, 30)
    assert ids.min() >= 256 and ids.max() < 500
    assert (ids[:, :10] == ids[0, :10]).all()
    assert len({row.tobytes() for row in ids}) == 5
    assert prompts[0].max_tokens == 7
    again = lg.Prompts("random:in=30,out=7,prefix=10,n=5,vocab=500", seed=3)
    assert np.array_equal(ids, np.stack(contents(again)))
    other = lg.Prompts("random:in=30,out=7,prefix=10,n=5,vocab=500", seed=4)
    assert not np.array_equal(ids, np.stack(contents(other)))


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [("random:n=1", None, 128), ("random:n=1", 9, 9), ("random:n=1,out=5", 9, 5)],
)
def test_the_limit_of_random_prompts(text, limit, expected):
    assert lg.Prompts(text, max_tokens=limit)[0].max_tokens == expected


@pytest.mark.filterwarnings("ignore::mlperf_loadgen.DatasetWarning")
def test_random_texts_have_the_length(tmp_path):
    prompts = lg.Prompts("random:in=30,n=40", tokenizer=make_tokenizer(tmp_path))
    lengths = [prompts.tokenizer.count(text) for text in contents(prompts)]
    assert lengths.count(30) >= 30


def test_the_share_of_texts_of_another_length_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("mlperf_loadgen.llm.datasets.token_text._MOST_ROUNDS", 0)
    with pytest.warns(lg.DatasetWarning, match="% of the texts do not have exactly 30 tokens"):
        lg.Prompts("random:in=30,n=40", tokenizer=make_tokenizer(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("random:input=5", "random has no option 'input'; it has in, out, prefix, n, vocab"),
        ("random:in=", "random: in must be a number from 1, not ''"),
        ("random:in=0", "random: in must be a number from 1, not '0'"),
        ("random:n=-5", "random: n must be a number from 1, not '-5'"),
        ("random:in=5,prefix=6", "random: prefix=6 must be at most in=5"),
        ("random:in=5,n=1,in=6", "random: in is given twice"),
        ("random:vocab=100", "random: vocab must be above 256, not 100"),
    ],
)
def test_broken_options(text, message):
    with pytest.raises(ValueError, match=message):
        lg.Prompts(text)


def test_the_vocabulary_is_the_tokenizers(tmp_path):
    with pytest.raises(lg.DatasetError, match="vocab is the tokenizer's"):
        lg.Prompts("random:vocab=1000", tokenizer=make_tokenizer(tmp_path))


# ---- Traces --------------------------------------------------------------------------------------


def mooncake_row(ms, length, hashes, output=4):
    return {
        "timestamp": ms,
        "input_length": length,
        "output_length": output,
        "hash_ids": hashes,
    }


def test_mooncake(write):
    rows = [mooncake_row(27.5, 600, [1, 2]), mooncake_row(0, 1000, [1, 3]), mooncake_row(40, 5, [])]
    prompts = lg.Prompts(write(lines(*rows)))
    first, second, third = contents(prompts)
    assert prompts.arrival_ns.tolist() == [0, 27_500_000, 40_000_000]
    assert [len(first), len(second), len(third)] == [1000, 600, 5]
    assert np.array_equal(first[:512], second[:512])
    assert not np.array_equal(first[512:600], second[512:])
    assert prompts[0].max_tokens == 4
    assert prompts.place(0).endswith("line 2")
    assert prompts.find_longer_than(900) == (0, 1000)


def test_equal_hash_ids_give_equal_texts(write, tmp_path):
    rows = [mooncake_row(0, 600, [1, 2]), mooncake_row(1, 512, [1])]
    prompts = lg.Prompts(write(lines(*rows)), tokenizer=make_tokenizer(tmp_path))
    first, second = contents(prompts)
    assert first.startswith(second)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            mooncake_row(0, 600, [1]),
            "line 1: its 1 hash id of 512 tokens do not cover input_length=600",
        ),
        (mooncake_row(0, 512, [1, 2]), "line 1: its 2 hash ids"),
        (mooncake_row(0, 5, "x"), "line 1: hash_ids must be a list of integers"),
        (mooncake_row(-1, 5, [1]), "line 1: timestamp must be a number from 0, not -1"),
        (
            mooncake_row(0, 0.5, [1]),
            "line 1: input_length must be an integer .*, not 0.5",
        ),
        (
            mooncake_row(0, 10**12, []),
            "line 1: input_length must be an integer .* not 10",
        ),
        (mooncake_row(float("inf"), 5, [1]), "line 1: timestamp=inf is too large for ms"),
        (mooncake_row(1e300, 5, [1]), r"line 1: timestamp=1e\+300 is too large for ms"),
        ({"delay": 1, "input_length": 5}, "line 1: it has a delay in place of a timestamp"),
        (mooncake_row(0, 0, []), "no row has an input and an output"),
    ],
)
def test_broken_mooncake(write, row, message):
    with pytest.raises(lg.DatasetError, match=message):
        lg.Prompts(write(lines(row)), format="mooncake")


def test_azure(write):
    text = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:15:46.6805900,374,44\n"
        "2024-05-10 00:00:00.009930+00:00,5,0\n"
        "2023-11-16 18:15:47.6805901,396,109\n"
    )
    with pytest.warns(lg.DatasetWarning, match="1 row without input or output left out"):
        prompts = lg.Prompts(write(text, "trace.csv"))
    assert prompts.arrival_ns.tolist() == [0, 1_000_000_100]
    assert [len(one) for one in contents(prompts)] == [374, 396]
    assert [prompts[i].max_tokens for i in (0, 1)] == [44, 109]


def test_burstgpt(write):
    text = (
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        "5,ChatGPT,472,18,490,Conversation log\n"
        "45.5,ChatGPT,1087,230,1317,Conversation log\n"
    )
    prompts = lg.Prompts(write(text, "trace.csv"))
    assert prompts.arrival_ns.tolist() == [0, 40_500_000_000]
    assert [len(one) for one in contents(prompts)] == [472, 1087]
    assert prompts[1].max_tokens == 230


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TIMESTAMP,ContextTokens\n1,2\n", "line 1: it has no column GeneratedTokens"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\nx,1,2\n", "line 2: it has no time and two"),
        (
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,1\n",
            "line 2: it has no time and two counts: .*GeneratedTokens=None",
        ),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n,1,2\n", "line 2: it has no time"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16,-1,2\n", "line 2: .* two counts"),
        (f"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16,{10**30},2\n", "line 2: .* counts"),
        (f"TIMESTAMP,ContextTokens,GeneratedTokens\n{'x' * 200_000}", "it is no CSV: field larger"),
        ("Timestamp,Request tokens,Response tokens\ninf,1,2\n", "line 2: .* Timestamp='inf'"),
    ],
)
def test_broken_csv(write, text, message):
    with pytest.raises(lg.DatasetError, match=message):
        lg.Prompts(write(text, "trace.csv"))


# ---- mlperf --------------------------------------------------------------------------------------

IDS = [[1, 2, 3], [4, 5]]


@pytest.fixture
def frame():
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame({"tok_input": IDS, "input": ["abc", "de"], "output": ["x", "y"]})


def ids_of(prompts):
    return [one.tolist() for one in contents(prompts)]


def test_pickles_are_read_only_where_they_are_trusted(frame, tmp_path):
    path = tmp_path / "orca.pkl"
    frame.to_pickle(path)
    with pytest.raises(lg.DatasetError, match=r"it is a pickle, .* allow_pickle, or make an .npz"):
        lg.Prompts(path)
    assert ids_of(lg.Prompts(path, allow_pickle=True)) == IDS


def test_parquet(frame, tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "set.parquet"
    frame.to_parquet(path)
    assert ids_of(lg.Prompts(path)) == IDS


def test_json_of_mlperf(write):
    rows = [{"instruction": "i", "input": "abc", "tok_input": ids} for ids in IDS]
    assert ids_of(lg.Prompts(write(json.dumps(rows), "cnn_eval.json"))) == IDS
    texts = [{"text_input": "abc"}, {"text_input": "de"}]
    assert contents(lg.Prompts(write(json.dumps(texts), "t.json"))) == ["abc", "de"]


@pytest.mark.parametrize("rows", [IDS, ["abc", "d\N{SNOWMAN}"]], ids=["ids", "texts"])
def test_converted(write, tmp_path, rows):
    name = "tok_input" if rows is IDS else "input"
    source = write(json.dumps([{name: row} for row in rows]), "set.json")
    target = tmp_path / "set.npz"
    assert convert_dataset(source, target) == 2
    found = contents(lg.Prompts(target))
    assert [one if isinstance(one, str) else one.tolist() for one in found] == rows


def test_converting_needs_the_name_of_an_npz_file(write):
    with pytest.raises(ValueError, match=r"target must end in .npz, not 'x'"):
        convert_dataset(write("[]", "set.json"), "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"text": "a"}]', "it has none of tok_input, .*, but text"),
        ('[{"input": "a"}, {}]', "row 1: it has no input, as the rows before it have"),
        ('[{"input": "a"}, {"input": [1]}]', "some rows are texts and others token ids"),
        ('[{"input": ""}]', "row 0: a prompt must not be empty"),
        ("[5]", "it must be a JSON list of objects"),
        ("[]", "it has no rows"),
        ("[", "it is no JSON"),
    ],
)
def test_broken_sets(write, text, message):
    with pytest.raises(lg.DatasetError, match=message):
        lg.Prompts(write(text, "set.json"), format="mlperf")


def test_a_file_of_another_kind(write):
    with pytest.raises(lg.DatasetError, match=r"it is none of .pkl"):
        lg.Prompts(write("x", "set.txt"), format="mlperf")
    for text in ("x", "PK\x03\x04x"):
        with pytest.raises(lg.DatasetError, match="it is no file of convert_dataset"):
            lg.Prompts(write(text, "set.npz"))
    with pytest.raises(lg.DatasetError, match="'jsonll' is no format; give one of jsonl, "):
        lg.Prompts(f"{write('x', 'set.txt')}:jsonll")


def test_a_compressed_file(tmp_path):
    file = tmp_path / "prompts.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"prompt": "a"}'))
    with pytest.raises(lg.DatasetError, match="it is compressed; unpack it with gunzip"):
        lg.Prompts(file)
