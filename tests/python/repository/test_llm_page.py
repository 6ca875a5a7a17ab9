"""docs/llm.md names all that endpoints have: arguments, options, formats, figures, MLPerf's bounds.

Method: the page's tables are read and compared with the code and with the built-in mlperf.conf;
what a run logs is looked up on the page about logs.
"""

import inspect
import json
import re
from pathlib import Path

import pytest
from chat_server import chat_server

import mlperf_loadgen as lg
from mlperf_loadgen import _core
from mlperf_loadgen.llm.prompts import FORMATS

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "llm.md").read_text()
NOT_OPTIONS = {"url", "library", "api_key"}


def section(heading):
    """The text below a heading, up to the next one."""
    return re.split(r"^#+ ", PAGE.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def first_cells(heading):
    """The code in the first cell of each row of the tables in a section."""
    rows = re.findall(r"^\| ([^|]*) \|", section(heading), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_each_argument_of_an_endpoint_is_in_its_tables():
    parameters = set(inspect.signature(lg.OpenAIEndpoint).parameters) - NOT_OPTIONS
    named = set(
        re.findall(r"`(?:endpoint: )?(\w+)(?:=\"NAME\")?`", section("How an endpoint is named"))
    )
    assert parameters - named == set()


def test_each_option_of_the_command_line_is_in_its_tables():
    pytest.importorskip("typer", reason="needs the extra cli")
    from mlperf_loadgen.cli.options.endpoint_options import _FILE_READERS, Endpoint

    options = {f"--{name.replace('_', '-')}" for name in Endpoint.__dataclass_fields__}
    text = section("How an endpoint is named")
    assert [name for name in options if f"`{name}" not in text] == []
    assert [name for name in _FILE_READERS if f"`{name}" not in text] == []


def test_each_format_is_in_the_table_of_prompts():
    assert set(FORMATS) == first_cells("Prompts")


def test_each_figure_of_the_table_is_a_figure_of_results():
    table = section("What is measured").partition("|---|")[2]
    names = {
        name
        for row in re.findall(r"^\|[^|]*\|.*\|([^|]*)\|$", table, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", row)
    }
    tokens, performance = set(dir(_core.TokenMetrics)), set(dir(_core.PerformanceResult))
    assert len(names) > 12
    for name in names:
        own = name.removeprefix("performance.")
        assert own in (tokens if own == name else performance), name


def test_the_bounds_of_mlperf_are_those_of_its_config_file():
    rows = re.findall(r"^\| `([\w.-]+)` \| (\d+) \| (\d+) \|$", section("MLPerf"), re.MULTILINE)
    judged = {}
    for model in _core.built_in_models():
        settings = lg.TestSettings()
        settings.FromConfig("", model, "Server", 0)
        origins = _core.config_origins(settings)
        if settings.use_token_latencies and "ttft_latency" in origins:
            judged[model] = (settings.ttft_latency / 1e6, settings.tpot_latency / 1e6)
    assert len(judged) > 8
    assert {model: (float(ttft), float(tpot)) for model, ttft, tpot in rows} == judged


def test_each_record_of_an_endpoint_is_on_the_page_of_logs(tmp_path):
    prompts = lg.Prompts(["one", "two"], max_tokens=4)
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server,
        use_token_latencies=True,
        server_target_qps=1000,
        min_query_count=10,
        min_duration_ms=0,
        e2e_latency=60_000_000_000,
    )
    logs = lg.LogSettings()
    logs.log_output.outdir = str(tmp_path)
    with chat_server() as server:
        result = lg.StartTestWithLogSettings(
            lg.OpenAIEndpoint(server.url, prompts), prompts, settings, logs
        )
    text = (DOCS / "log_formats.md").read_text() + (DOCS / "settings.md").read_text()
    lines = Path(result.logs.detail).read_text().splitlines()
    keys = {json.loads(line.partition(" ")[2])["key"] for line in lines}
    assert "result_inter_token_99.00_percentile_ns" in keys
    for key in keys:
        shown = re.sub(r"\d\d\.\d\d", "P", re.sub(r"^(requested|effective)_", "", key))
        of_times = re.fullmatch(r"result_(\w+?)_(min|max|mean|P_percentile)_ns", shown)
        if of_times and f"`{key}`" not in text and f"`{shown}`" not in text:
            assert f"`{of_times[1]}`" in text, key
            shown = f"result_S_{of_times[2]}_ns"
        assert any(f"`{name}`" in text for name in (shown, key, re.sub(r"\d\d\.\d\d", "P", key))), (
            key
        )
