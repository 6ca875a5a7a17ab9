"""A report in a browser: it renders from a file, says nothing to the console, and fits a phone.

Method: Debian's Chromium, headless, opens the pages of a run, of two runs, of a sweep and of
streams at 1280 and 390 pixels, light and dark; what the page then holds is asked of the browser and
compared with the sample log.
"""

import numpy as np
import pytest
from chromium import PROGRAM, Chromium
from runs import answer, run_in
from token_logs import streamed_run

import mlperf_loadgen as lg

pytest.importorskip("plotly")
if PROGRAM is None:
    pytest.skip("needs Debian's package chromium", allow_module_level=True)

SIZES = {"laptop": 1280, "phone": 390}
EVIL = "<script>document.title = 'alert'</script>"


@pytest.fixture(scope="module")
def browser():
    with Chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages, by name, and the run of the first."""
    root = tmp_path_factory.mktemp("pages")
    tokens = {"use_token_latencies": True, "issue": lambda samples: answer(samples, n_tokens=7)}
    asked = {"scenario": "Server", "server_target_qps": 2e4, "min_query_count": 3000}
    (root / EVIL.replace("/", "_")).mkdir()
    run = run_in(root / EVIL.replace("/", "_"), **asked)
    (root / "tokens").mkdir()
    other = run_in(root / "tokens", **asked, **tokens)
    written = {name: root / f"{name}.html" for name in ("run", "runs", "sweep", "streams")}
    lg.write_report(run.outdir, written["run"])
    lg.write_report([run.outdir, other.outdir], written["runs"])
    sut = lg.ConstructSUT(answer, lambda: None)
    qsl = lg.ConstructQSL(20, 20, lambda indices: None, lambda indices: None)
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server, min_duration_ms=0, min_query_count=100
    )
    lg.sweep(sut, qsl, settings, [1e3, 4e3, 2e4], outdir=root / "swept")
    lg.DestroySUT(sut)
    lg.DestroyQSL(qsl)
    lg.write_report(root / "swept", written["sweep"])
    (root / "streamed").mkdir()
    times, tokens = [20_000_000, 31_000_000, 40_000_000, 90_000_000], ([1, 2, 1, 3], 7)
    streamed, _, _ = streamed_run(root / "streamed", lambda i: times, lambda i: tokens, count=200)
    lg.write_report(streamed.outdir, written["streams"])
    return written, run


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["run", "runs", "sweep", "streams"])
def test_renders_without_a_word_and_without_scrolling_sideways(browser, pages, name, size, dark):
    browser.show(pages[0][name], width=SIZES[size], dark=dark)
    assert browser.messages == []
    assert browser.run("document.title") != "alert"
    charts = browser.run("document.querySelectorAll('[data-chart]').length")
    assert charts >= {"run": 6, "runs": 12, "sweep": 1, "streams": 17}[name]
    drawn = "[...document.querySelectorAll('[data-chart]')].filter(c => c.querySelector('path'))"
    assert browser.run(f"{drawn}.length") == charts
    assert browser.run("document.documentElement.scrollWidth") <= SIZES[size]
    wider = "[...document.querySelectorAll('main *')].filter(e => e.closest('.scroll') === null"
    wider += " && e.closest('svg') === null && e.getBoundingClientRect().right > innerWidth + 1)"
    assert browser.run(f"{wider}.map(e => e.outerHTML.slice(0, 80))") == []
    shade = browser.run(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    )
    assert (sum(shade) < 200) == dark


def test_the_numbers_on_the_page_are_those_of_the_log(browser, pages):
    written, run = pages
    browser.show(written["run"])
    rows = np.load(run.outdir / "loadgen_samples/mlperf_log_samples.npy")
    latencies = np.sort(rows["completed_ns"] - rows["scheduled_ns"])
    shown = browser.run(
        "Object.fromEntries([...document.querySelectorAll('table.percentiles tbody tr')].map("
        "row => [row.cells[0].innerText, Number(row.cells[1].dataset.value)]))"
    )
    for p in (0.5, 0.9, 0.99, 0.999):
        assert shown[f"p{100 * p:g}"] == latencies[int(len(rows) * p)]
    assert shown["max"] == latencies[-1]
    # What is drawn, as the chart itself has it: from the fastest sample to the slowest.
    ends = browser.run(
        "(({x, y}) => [x.at(-1), y.at(-1) / y[0]])("
        "document.querySelector('[data-chart=latency-tail]').data[0])"
    )
    assert ends == [len(rows), pytest.approx(latencies[-1] / latencies[0], rel=1e-4)]


def test_text_of_logs_is_shown_as_text(browser, pages):
    written, run = pages
    browser.show(written["runs"])
    name = run.outdir.name
    assert browser.run("document.querySelector('.run-name').innerText") == name
    hover = "document.querySelector('[data-chart=latency-tail]').data[0].name"
    assert browser.run(hover) == name.replace("<", "&lt;").replace(">", "&gt;").replace(
        "'", "&#x27;"
    )


def test_the_button_changes_the_theme(browser, pages):
    browser.show(pages[0]["run"], dark=False)
    color = "getComputedStyle(document.body).backgroundColor"
    line = "document.querySelector('[data-chart=latency-tail] path.js-line').style.stroke"
    before = browser.run(f"[{color}, {line}]")
    after = browser.run(f"document.getElementById('theme').click(), [{color}, {line}]")
    assert before[0] != after[0] and before[1] != after[1]
    again = browser.run(f"document.getElementById('theme').click(), [{color}, {line}]")
    assert again == before
    assert browser.messages == []


def test_text_stands_out_from_what_is_behind_it(browser, pages):
    """WCAG 2's contrast of at least 4.5 to 1, for the theme's colours of text."""
    for dark in (False, True):
        browser.show(pages[0]["run"], dark=dark)
        ratios = browser.run(
            """(() => {
            const style = getComputedStyle(document.documentElement);
            const light = name => {
              const hex = style.getPropertyValue("--" + name).trim().slice(1);
              const parts = [0, 2, 4].map(i => parseInt(hex.slice(i, i + 2), 16) / 255)
                .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
              return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
            };
            const ratio = (a, b) => {
              const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
              return (high + 0.05) / (low + 0.05);
            };
            const pairs = [["ink", "page"], ["soft", "page"], ["accent", "page"],
              ["soft", "surface"], ["ink", "surface"], ["good", "good-soft"], ["bad", "bad-soft"],
              ["none", "none-soft"], ...[0, 1, 2, 3, 4, 5].map(i => ["run" + i, "surface"])];
            return Object.fromEntries(pairs.map(p => [p.join(" on "), ratio(...p)]));
            })()"""
        )
        assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}
