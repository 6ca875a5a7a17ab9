"""What is asked of an endpoint is put together from the command line and the run file as said.

Method: --dry-run, which connects to nothing; the options that OpenAIEndpoint is given; mistakes,
each with words that its one message must have.
"""

import json

import pytest
from cli_commands import QUICK, SYSTEM_AND_LIBRARY, document, done

import mlperf_loadgen as lg
from mlperf_loadgen.cli.measurement import measurement_of
from mlperf_loadgen.cli.options.endpoint_options import Endpoint
from mlperf_loadgen.cli.options.options import Logs, Settings, Target

pytest_plugins = ["cli_fixtures"]

URL = "openai+http://gpu:8000/v1"
PROMPTS = "".join(json.dumps({"prompt": f"say {i}"}) + "\n" for i in range(8))
ASKED = ("run", URL, "--dataset", "prompts.jsonl")
TOKENS = ("-s", "Server", "--set", "use_token_latencies=true")
RUN_FILE = """\
sut: openai+http://gpu:8000/v1?model=tiny
dataset: prompts.jsonl
endpoint:
  max_tokens: 64
  ignore_eos: yes
  headers: {X-One: file, X-Two: file}
  extra_body:
    temperature: 0.5
    stop: [a, b]
  tokenizer: words
  request_timeout_s: 1e1
"""


@pytest.fixture
def prompts(folder):
    (folder / "prompts.jsonl").write_text(PROMPTS)
    return folder


def options_of(*, file=None, **given):
    """Arguments of OpenAIEndpoint for the fields of the options."""
    target = Target(
        **{name: given.pop(name) for name in ("sut", "network", "header") if name in given}
    )
    target.file = file
    measurement = measurement_of(target, Endpoint(**given), Settings(), Logs())
    return measurement.endpoint.options(measurement.target)


def test_only_what_is_given_reaches_the_endpoint(prompts):
    assert options_of(sut=URL) == {}
    assert options_of(
        sut=URL,
        max_tokens=16,
        ignore_eos=True,
        extra_body='{"temperature": 0}',
        api="chat",
        warm_connections=3,
        network=["stream=false", "max_outstanding=7", "request_timeout_s=2.5"],
        header=["X-Key: value"],
    ) == {
        "max_tokens": 16,
        "ignore_eos": True,
        "extra_body": {"temperature": 0},
        "api": "chat",
        "warm_connections": 3,
        "stream": False,
        "max_outstanding": 7,
        "request_timeout_s": 2.5,
        "headers": {"X-Key": "value"},
    }


def test_options_override_the_run_file_and_tables_are_merged(prompts):
    (prompts / "sub").mkdir()
    (prompts / "sub/run.yaml").write_text(RUN_FILE)
    of_file = options_of(file=prompts / "sub/run.yaml")
    assert of_file == {
        "max_tokens": 64,
        "ignore_eos": True,
        "headers": {"X-One": "file", "X-Two": "file"},
        "extra_body": {"temperature": 0.5, "stop": ["a", "b"]},
        "tokenizer": str(prompts / "sub/words"),
        "request_timeout_s": 10.0,
    }
    found = options_of(
        file=prompts / "sub/run.yaml",
        max_tokens=5,
        extra_body='{"temperature": 0}',
        header=["X-One: option"],
    )
    assert found["max_tokens"] == 5
    assert found["headers"] == {"X-One": "option", "X-Two": "file"}
    assert found["extra_body"] == {"temperature": 0, "stop": ["a", "b"]}


def test_the_data_set_of_a_run_file_is_found_from_its_folder(prompts):
    (prompts / "sub").mkdir()
    (prompts / "prompts.jsonl").rename(prompts / "sub/prompts.jsonl")
    text = RUN_FILE.replace("  tokenizer: words\n", "")
    (prompts / "sub/run.yaml").write_text(text)
    found = document("run", "-f", "sub/run.yaml", "--dry-run")
    assert found["endpoint"]["dataset"] == "sub/prompts.jsonl"
    assert found["traffic"]["library"] == "8 samples, 8 loaded at once"
    (prompts / "sub/run.yaml").write_text(text.replace("prompts.jsonl", "'random:in=4,out=2,n=3'"))
    found = document("run", "-f", "sub/run.yaml", "--dry-run")
    assert found["traffic"]["library"] == "3 samples, 3 loaded at once"


def test_another_system_on_the_command_line_leaves_the_endpoint_of_the_file_unused(prompts):
    (prompts / "run.yaml").write_text(RUN_FILE.replace("  tokenizer: words\n", ""))
    assert document("run", *SYSTEM_AND_LIBRARY, "-f", "run.yaml", *QUICK)["valid"]
    # Another endpoint is asked for the same.
    found = document("run", "openai+http://other:1/v1", "-f", "run.yaml", "--dry-run")
    assert found["endpoint"]["address"] == "openai+http://other:1/v1"
    assert found["endpoint"]["max_tokens"] == 64


def test_prompts_may_be_the_library_of_a_system_of_ones_own(prompts):
    (prompts / "own.py").write_text(
        "import mlperf_loadgen as lg\n"
        "class Own(lg.SystemUnderTest):\n"
        "    def __init__(self, library): self.library = library\n"
        "    def issue_query(self, samples):\n"
        "        data = [self.library[i].content for i in samples.indices.tolist()]\n"
        "        lg.complete(samples.ids, data)\n"
    )
    words = ("-m", "accuracy", "-o", "logs", "--max-tokens", "3")
    done("run", "own.py:Own", "--dataset", "prompts.jsonl", *words)
    log = lg.read_accuracy(prompts / "logs/mlperf_log_accuracy.json")
    assert {bytes(one) for one in log.payloads} == {b"say %d" % i for i in range(8)}


# ---- Secrets -------------------------------------------------------------------------------------


def test_no_secret_is_shown(prompts, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "SECRET1")
    url = f"{URL}?model=tiny&api-version=SECRET2"
    words = ("run", url, "--dataset", "prompts.jsonl", "--header", "X-Key: SECRET3", "--dry-run")
    for found in (done(*words).stdout, json.dumps(document(*words))):
        assert "SECRET" not in found
        assert "that of OPENAI_API_KEY" in found
    monkeypatch.delenv("OPENAI_API_KEY")
    assert document(*words)["endpoint"]["key"] == "none"


def test_a_proposed_command_repeats_what_was_asked(prompts):
    endpoint = Endpoint("prompts.jsonl", 7, True, '{"a": 1}', prompts, "chat", 2)
    target = Target(f"{URL}?model=org/tiny", header=["X-Key: SECRET"])
    words = measurement_of(target, endpoint, Settings(), Logs()).words()
    assert "SECRET" not in words
    assert words.startswith(f"'{URL}?model=org/tiny'")
    for part in (
        "--dataset prompts.jsonl",
        "--max-tokens 7",
        "--ignore-eos",
        "--extra-body '{\"a\": 1}'",
        f"--tokenizer {prompts}",
        "--api chat",
        "--warm-connections 2",
    ):
        assert part in words


# ---- The clock of a verdict ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "clock", "origin"),
    [
        (("--model", "llama2-70b", "-s", "Server"), "Read", "--model llama2-70b"),
        (
            ("--model", "llama2-70b", "-s", "Server", "--set", "token_clock=arrival"),
            "Arrival",
            "command line",
        ),
        (TOKENS, "Arrival", "default"),
        # The clock is that of whole answers, too.
        (
            ("--model", "qwen3-vl-235b-a22b", "-s", "Server"),
            "Read",
            "--model qwen3-vl-235b-a22b",
        ),
    ],
)
def test_a_model_of_mlperf_is_judged_by_the_times_of_reading(prompts, words, clock, origin):
    found = document(*ASKED, *words, "--dry-run")["settings"]["token_clock"]
    assert (found["value"], found["origin"]) == (clock, origin)


def test_a_model_leaves_the_clock_of_other_systems_alone(folder):
    words = ("run", *SYSTEM_AND_LIBRARY, "--model", "llama2-70b", "-s", "Server", "--dry-run")
    assert document(*words)["settings"]["token_clock"]["origin"] == "default"


# ---- Mistakes ------------------------------------------------------------------------------------

MISTAKES = {
    "no prompts": (
        ("run", URL),
        f"{URL} needs prompts: give a file, as in --dataset prompts.jsonl",
    ),
    "two libraries": (
        (*ASKED, "-f", "both.yaml"),
        "both.yaml:2: dataset: takes the place of the QSL",
    ),
    "library and prompts": (
        ("run", *SYSTEM_AND_LIBRARY, "--dataset", "prompts.jsonl"),
        "--dataset: takes the place of the QSL system.py:Numbers: give one of the two",
    ),
    "no file": (("run", URL, "--dataset", "promts.jsonl"), "--dataset promts.jsonl"),
    "format": (("run", URL, "--dataset", "prompts.jsonl:json"), "jsonl"),
    "line": (("run", URL, "--dataset", "bad.jsonl"), "--dataset bad.jsonl, line 2: it is no JSON"),
    "line of a run file": (("run", "-f", "bad.yaml"), "bad.yaml:2: dataset bad.jsonl, line 2"),
    "no path": (("run", "openai+http://gpu:8000", "--dataset", "prompts.jsonl"), "it has no path"),
    "route": (
        ("run", f"{URL}/chat/completions", "--dataset", "prompts.jsonl"),
        "/chat/completions is added by the load generator",
    ),
    "other system": (
        ("run", f"{URL},tcp://node:1", "--dataset", "prompts.jsonl"),
        "tcp://node:1 is no endpoint",
    ),
    "no scheme": (
        ("run", "gpu:8000/v1", "--dataset", "prompts.jsonl"),
        "openai+http:// for an endp",
    ),
    "body": ((*ASKED, "--extra-body", "{a"), "--extra-body {a: is no JSON"),
    "body's kind": ((*ASKED, "--extra-body", "[1]"), "--extra-body [1]: is no object of JSON"),
    "api": ((*ASKED, "--api", "chats"), "chats", "completions"),
    "tokens": ((*ASKED, "--max-tokens", "0"), "--max-tokens must be at least 1, not 0"),
    "keys": ((*ASKED, "--keys", "secret"), "--keys secret: ", "set OPENAI_API_KEY"),
    "network": (
        (*ASKED, "--network", "concurrency=8"),
        "--network concurrency: there is no such option",
        "max_outstanding",
    ),
    "network's query": (
        (*ASKED, "--network", "query.key=SECRET"),
        "--network query.key: there is no",
    ),
    "network's value": ((*ASKED, "--network", "stream=perhaps"), "stream=perhaps: give true or"),
    "no endpoint": (
        ("run", *SYSTEM_AND_LIBRARY, "--ignore-eos"),
        "--ignore-eos is for an endpoint, and system.py:Good is none",
    ),
    "no endpoint in the file": (("run", "-f", "none.yaml"), "`endpoint` in the run file is for an"),
    "file's key": (("run", "-f", "key.yaml"), "key.yaml:3: endpoint.api_key: ", "OPENAI_API_KEY"),
    "file's option": (
        ("run", "-f", "option.yaml"),
        "option.yaml:3: endpoint.max_token: there is no such option: did you mean max_tokens?",
    ),
    "file's value": (("run", "-f", "value.yaml"), "value.yaml:3: endpoint.max_tokens: many: "),
    "file's table": (("run", "-f", "table.yaml"), "table.yaml:3: endpoint.headers takes name: val"),
    "file's endpoint": (("run", "-f", "flat.yaml"), "flat.yaml:2: endpoint takes name: value"),
    "served model": (
        (*ASKED, "--model", "Qwen3-8B"),
        f"--model Qwen3-8B: MLPerf has no such model; the one that an endpoint serves is named "
        f"behind its address, as in {URL}?model=NAME",
    ),
    "variants": (("pareto", URL, "-v", "a,b"), f"MAKE {URL}: is an address: name a function that"),
    "init's URL": (("init", "new", "--llm", "gpu:8000/v1"), "--llm ", "http://gpu:8000/v1"),
    "init twice": (("init", ".", "--llm", "http://gpu/v1"), "prompts.jsonl: there already"),
}
FILES = {
    "bad.jsonl": '{"prompt": "a"}\nno JSON\n',
    "bad.yaml": f"sut: {URL}\ndataset: bad.jsonl\n",
    "both.yaml": "qsl: system.py:Numbers\ndataset: prompts.jsonl\n",
    "none.yaml": "sut: system.py:Good\nqsl: system.py:Numbers\nendpoint: {stream: true}\n",
    "key.yaml": f"sut: {URL}\nendpoint:\n  api_key: SECRET\n",
    "option.yaml": f"sut: {URL}\nendpoint:\n  max_token: 5\n",
    "value.yaml": f"sut: {URL}\nendpoint:\n  max_tokens: many\n",
    "table.yaml": f"sut: {URL}\nendpoint:\n  headers: [a]\n",
    "flat.yaml": f"sut: {URL}\nendpoint: fast\n",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_message_before_anything_is_asked(prompts, name):
    for path, text in FILES.items():
        (prompts / path).write_text(text)
    words, *fragments = MISTAKES[name]
    result = done(*words, status=2)
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "Traceback" not in result.stderr
    assert "SECRET" not in result.stderr
    for fragment in fragments:
        assert fragment in errors[0]


# ---- Data sets of MLPerf -------------------------------------------------------------------------


def test_a_data_set_of_mlperf_is_converted_to_data_alone(folder):
    pytest.importorskip("pandas")
    import pandas

    pandas.DataFrame({"tok_input": [[1, 2, 3], [4, 5]]}).to_pickle("ids.pkl")
    words = ("convert-dataset", "ids.pkl", "-o", "ids.npz")
    assert "allow" in done(*words, status=2).stderr
    assert done(*words, "--allow-pickle").stdout == "wrote 2 prompts to ids.npz\n"
    prompts = lg.Prompts("ids.npz:mlperf")
    assert [prompts[i].content.tolist() for i in range(2)] == [[1, 2, 3], [4, 5]]
    assert "convert-dataset" in done("--help").stdout
