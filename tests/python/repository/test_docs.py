"""Goal: what the documentation says to type works, and its links lead somewhere.

Method: the examples of a page run as a reader would run them, in an empty directory, with the
package under test; links are looked up on the disk and among the headings; what real runs log must
be on the page about logs. CONTRIBUTING.md says how a page is written for this. Web addresses are
only looked at, never fetched.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import textwrap
import unicodedata
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from runs import SCENARIOS, answer

ROOT = Path(__file__).resolve().parents[3]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
INDEXED = [
    README,
    *DOCS,
    ROOT / "demos" / "README.md",
    ROOT / "loadgen" / "README.md",
    ROOT / "CONTRIBUTING.md",
]
# Pages of single demos show commands for a clone; test_demos.py runs those.
PAGES = [*INDEXED, *sorted((ROOT / "demos").glob("*/README.md"))]
LIMIT_S = 120


def each_page(*languages):
    """A test for each page, or for those with examples in these languages."""
    fence = re.compile(rf"^ *```({'|'.join(languages)})$", re.MULTILINE)
    pages = [p for p in INDEXED if fence.search(p.read_text())] if languages else PAGES
    return pytest.mark.parametrize("page", pages, ids=lambda page: str(page.relative_to(ROOT)))


# ----------------------------------------------------------------------------------------------
# A page taken apart.

FENCE = re.compile(r"(?P<indent> *)(?P<ticks>```+)(?P<language>[\w+-]*)\s*$")
COMMENT = re.compile(r"<!--\s*(?P<word>[a-z ]+?)(?::\s*(?P<text>.*?))?\s*-->", re.DOTALL)
MARKS = ("not run", "file", "setup", "numbers vary")


@dataclass
class Block:
    """A fenced block."""

    page: Path
    line: int  # Of its first line of text.
    language: str
    text: str
    mark: str = ""  # What the comment before it says, one of MARKS but for "setup".
    mark_text: str = ""
    output: "Block | None" = None  # What the page shows as printed by it.

    @property
    def place(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def fenced(page):
    """The fenced blocks of a page, and its lines without them."""
    blocks, prose, fence, start, between = [], [], None, 0, ""
    lines = page.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        found = FENCE.match(line)
        if fence is None and found:
            fence, start = found, number
        elif fence is None:
            prose.append(line)
            between += line + "\n"
        elif found and not found["language"] and len(found["ticks"]) >= len(fence["ticks"]):
            text = textwrap.dedent("\n".join(lines[start : number - 1])) + "\n"
            blocks.append((Block(page, start + 1, fence["language"], text), between))
            fence, between = None, ""
    assert fence is None, f"{page}:{start}: this block has no end"
    return blocks, "\n".join(prose)


def examples(page):
    """The blocks of a page in order, each with its mark and the output that is shown for it."""
    found = []
    for block, between in fenced(page)[0]:
        between = re.sub(r"`<!--.*?-->`", "", between)  # It explains comments.
        comments = list(COMMENT.finditer(between))
        for comment in comments:
            assert comment["word"] in MARKS, f"{page}: what is <!-- {comment['word']}: ?"
            if comment["word"] == "setup":
                code = textwrap.dedent(comment["text"]) + "\n"
                found.append(Block(page, block.line, "python", code))
        last = comments[-1] if comments else None
        if last and last["word"] != "setup" and not between[last.end() :].strip():
            block.mark, block.mark_text = last["word"], last["text"]
        alone = block.mark in ("", "numbers vary") and not COMMENT.sub("", between).strip()
        if found and found[-1].language == "python" and block.language in ("", "text") and alone:
            found[-1].output = block
        else:
            found.append(block)
    return found


def to_run(page, *languages):
    return [b for b in examples(page) if b.language in languages and not b.mark]


# ----------------------------------------------------------------------------------------------
# Examples.

SEPARATOR = "\x1e"  # Between the outputs of two Python blocks.
COMMAND = "mlperf-loadgen"
EXIT_STATUS = re.compile(r"# exit status (\d+)\s*$", re.MULTILINE)


def environment(directory):
    """The package under test is what `python` and the command stand for."""
    programs = directory / ".bin"
    programs.mkdir()
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (programs / COMMAND).write_text(
        '#!/bin/sh\npython -m mlperf_loadgen "$@"\nstatus=$?\n'
        'case "$status $ANY_VERDICT" in "1 yes" | "4 yes") ;; *) exit $status ;; esac\n'
    )
    for program in programs.iterdir():
        program.chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "MPLBACKEND": "Agg", "NO_COLOR": "1", "COLUMNS": "100"}


def skip_if_missing(done):
    """An example that fails because a package is not installed shows nothing."""
    printed = done.stdout + done.stderr
    for module in re.findall(r"No module named '(\w+)", printed):
        if module != "mlperf_loadgen" and importlib.util.find_spec(module) is None:
            pytest.skip(f"needs {module}")
    if missing := re.search(r"needs [\w-]+, not installed: .*", printed):
        pytest.skip(missing[0])


def run(command, directory, variables, **arguments):
    return subprocess.run(
        command,
        cwd=directory,
        env=variables,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        **arguments,
    )


def python_program(blocks):
    """All blocks in one namespace; tracebacks point into the page."""
    program = ["import sys", "space = {'__name__': '__main__'}"]
    for block in blocks:
        source = "\n" * (block.line - 1) + block.text
        program += [
            f"exec(compile({source!r}, {block.place!r}, 'exec'), space)",
            f"print({SEPARATOR!r}, end='', flush=True)",
        ]
    return "\n".join(program)


NUMBER = r"\d+(?:,\d{3}(?!\d))*(?:\.\d+)?(?:e[+-]?\d+)?(?: (?:ns|us|ms|s)\b)?|(?:IN)?VALID"
TOKEN = re.compile(rf"(\.\.\.|{NUMBER})")


def pattern_of(block):
    """Of the output that is shown: `...` is anything, several lines included."""

    def pattern(token):
        if token == "...":
            return "(?s:.*?)"
        # What varies with the machine, the verdict included.
        varies = block.mark == "numbers vary" and re.fullmatch(NUMBER, token)
        return f"(?:{NUMBER})" if varies else re.escape(token)

    lines = [line.rstrip() for line in block.text.strip().splitlines()]
    return "".join(pattern(token) for token in TOKEN.split("\n".join(lines)))


def matches(block, output):
    shown = "\n".join(line.rstrip() for line in output.strip().splitlines())
    return re.fullmatch(pattern_of(block), shown) is not None


def run_python(blocks, directory, variables):
    done = run([sys.executable, "-c", python_program(blocks)], directory, variables)
    if done.returncode:
        skip_if_missing(done)
    assert done.returncode == 0, done.stdout + done.stderr
    for block, output in zip(blocks, done.stdout.split(SEPARATOR), strict=False):
        if block.output:
            assert matches(block.output, output), f"{block.place} printed:\n{output}"


def console_commands(block):
    """The lines behind `$ `, with those that continue them (behind `> `, or after a backslash)."""
    commands, goes_on = [], False
    for line in block.text.splitlines():
        if line.startswith(("$ ", "> ")) or goes_on:
            commands.append(line[2:] if line.startswith(("$ ", "> ")) else line)
            goes_on = line.endswith("\\")
    assert commands, f"{block.place}: no line begins with '$ '"
    return "\n".join(commands)


def run_shell(block, directory, variables):
    console = block.language == "console"
    commands = console_commands(block) if console else block.text
    asked = EXIT_STATUS.search(block.text)
    # On a busy machine a run may be INVALID, which is status 1, and a comparison inconclusive, 4.
    variables = {**variables, "ANY_VERDICT": "no" if asked else "yes"}
    done = run(["bash", "-e", "-c", commands], directory, variables)
    if done.returncode:
        skip_if_missing(done)
    text = f"{block.place}: exit status {done.returncode}\n{commands}\n{done.stdout}{done.stderr}"
    assert done.returncode == int(asked[1] if asked else 0), text
    assert asked or "Traceback" not in done.stderr, text


@each_page("python", "console", "sh")
def test_examples_run(page, tmp_path):
    blocks = to_run(page, "python", "console", "sh")
    files = [b for b in examples(page) if b.mark == "file"]
    variables = environment(tmp_path)
    for block in files:
        (tmp_path / block.mark_text).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / block.mark_text).write_text(block.text)
    python = [b for b in blocks if b.language == "python"]
    if python:
        run_python(python, tmp_path, variables)
    for block in blocks:
        if block.language != "python":
            run_shell(block, tmp_path, variables)


@each_page("cpp")
def test_cpp_examples_compile(page, tmp_path):
    blocks = to_run(page, "cpp")
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None:
        pytest.skip("needs a C++ compiler (CXX)")
    for number, block in enumerate(blocks):
        source = tmp_path / f"example_{number}.cc"
        source.write_text(block.text)
        done = run(
            [compiler, "-std=c++20", "-fsyntax-only", f"-I{ROOT}/loadgen", f"-I{ROOT}", source],
            tmp_path,
            None,
        )
        assert done.returncode == 0, f"{block.place}\n{done.stderr}"


@each_page()
def test_examples_that_are_not_run_say_why(page):
    for block in examples(page):
        if block.mark == "not run":
            assert block.mark_text, f"{block.place}: why? <!-- not run: why -->"


# ----------------------------------------------------------------------------------------------
# Links.

LINK = re.compile(r"\[(?:[^][]|\[[^][]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^\[[^]]+\]:\s*(\S+)", re.MULTILINE)
AUTOLINK = re.compile(r"<(\w+://[^>]*)>")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
INLINE_CODE = re.compile(r"(`+)(?:(?!\1).)+?\1")


def anchors(page):
    """The ids that a Markdown viewer gives to the headings of a page."""
    found = []
    for heading in HEADING.findall(fenced(page)[1]):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        kept = "".join(c for c in text.lower() if c in " -_" or unicodedata.category(c)[0] in "LN")
        slug = kept.replace(" ", "-")
        again = sum(1 for other in found if re.fullmatch(re.escape(slug) + r"(-\d+)?", other))
        found.append(f"{slug}-{again}" if again else slug)
    return found


def links(page):
    # Of code in a link's text the brackets are left, so that it is still a link.
    prose = INLINE_CODE.sub("code", fenced(page)[1])
    return [*LINK.findall(prose), *REFERENCE.findall(prose), *AUTOLINK.findall(prose)]


def broken(page, link):
    """Why a link leads nowhere; empty if it does not."""
    parts = urlsplit(link)
    if parts.scheme or link.startswith("//"):
        ok = parts.scheme == "https" and re.fullmatch(r"[\w-]+(\.[\w-]+)+(:\d+)?", parts.netloc)
        return "" if ok else "no address that begins with https:// and a host"
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_relative_to(ROOT):
        return "leaves the repository"
    if not target.exists():
        return "no such file"
    if parts.fragment and parts.fragment not in anchors(target):
        return f"no such heading; there are {anchors(target)}"
    return ""


@each_page()
def test_links_resolve(page):
    faults = {link: broken(page, link) for link in links(page)}
    assert {link: why for link, why in faults.items() if why} == {}


def test_links_and_examples_are_found():
    assert {"docs/settings.md", "docs/differences.md"} <= set(links(README))
    assert to_run(README, "python")


def linked_pages(page):
    targets = [link for link in links(page) if not urlsplit(link).scheme]
    return {(page.parent / unquote(urlsplit(t).path)).resolve() for t in targets}


@pytest.mark.parametrize("index", [README, ROOT / "docs" / "README.md"], ids=["README", "docs"])
def test_every_page_can_be_found(index):
    pages = INDEXED if index == README else DOCS
    missing = {*pages} - {index} - linked_pages(index)
    missing = sorted(str(page.relative_to(ROOT)) for page in missing)
    assert missing == [], f"{index.relative_to(ROOT)} has no link to them"


# ----------------------------------------------------------------------------------------------
# docs/log_formats.md against the logs of runs.


def tokens(samples):
    answer(samples, n_tokens=4)


LOGGED_RUNS = {
    **{name: {"scenario": name, "accuracy_log_sampling_target": 1} for name in SCENARIOS},
    **{
        f"{name} tokens": {"scenario": name, "use_token_latencies": True, "issue": tokens}
        for name in SCENARIOS
    },
    "inferred": {"scenario": "Server", "infer_token_latencies": True},
    "accuracy": {"scenario": "Offline", "mode": "AccuracyOnly", "warmup_query_count": 1},
    "peak": {
        "scenario": "Server",
        "mode": "FindPeakPerformance",
        "server_find_peak_max_qps": 2e4,
        "min_duration_ms": 20,
    },
}


@pytest.mark.parametrize("settings", LOGGED_RUNS.values(), ids=LOGGED_RUNS)
def test_every_log_key_is_on_its_page(settings, run_test):
    run = run_test(**{"server_target_qps": 1e4, "log": {"enable_trace": True}} | settings)
    text = (ROOT / "docs" / "log_formats.md").read_text()
    text += (ROOT / "docs" / "settings.md").read_text()
    for record in run.detail:
        key = re.sub(r"\d\d\.\d\d", "P", record["key"])
        setting = re.sub(r"^(requested|effective)_(?!server_t.ot)", "", key)
        assert f"`{key}`" in text or f"`{setting}`" in text, key
    for event in run.trace["traceEvents"]:
        assert f"`{event['name']}`" in text
        assert all(f"`{name}`" in text for name in event.get("args", {}))
    for field in run.result.samples.dtype.names:
        assert f"| `{field}` | {run.result.samples.dtype[field]} |" in text
    for record in run.accuracy:
        assert all(f"| `{field}` |" in text for field in record)


# ----------------------------------------------------------------------------------------------
# What would be wrong is seen.


def make_page(text, directory, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", directory)
    page = directory / "page.md"
    page.write_text(text)
    return page


WRONG = {
    "raises": "```python\n1 / 0\n```\n",
    "prints something else": "```python\nprint(1)\n```\n\n```text\n2\n```\n",
    "prints more": "```python\nprint('a ... z')\nprint(1)\n```\n\n```\na ... z\n```\n",
    "prints other words": (
        "```python\nprint('1 cow')\n```\n<!-- numbers vary -->\n```\n2 cows\n```\n"
    ),
    "fails": "```console\n$ false\n$ true\n```\n",
    "does not fail": "```console\n$ true  # exit status 2\n```\n",
    "crashes behind others": "```console\n$ python -c 'x' || true\n```\n",
    "is no command": "```sh\nno-such-command\n```\n",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_an_example_that_does_not_work_is_seen(text, tmp_path, monkeypatch):
    page = make_page(text, tmp_path, monkeypatch)
    with pytest.raises(AssertionError):
        test_examples_run(page, tmp_path)


def test_examples_share_a_page(tmp_path, monkeypatch):
    page = make_page(
        """
<!-- setup: a = 1 -->
```python
print(a, 2.5)
```

```text
1 ...
```

```python
print("took 12 ms, 1.5e+06 a second: VALID")
```
<!-- numbers vary -->
```text
took 1.25 us, 3 a second: INVALID
```
<!-- file: given.txt -->
```text
content
```
<!-- not run: shows a mistake -->
```python
wrong
```
```python
a += 1
open("made.txt", "w").write(str(a))
```
```console
$ cat given.txt \\
>   made.txt | grep -x content
content
$ python -c 'import sys; sys.exit(open("made.txt").read() != "2")'
```
""",
        tmp_path,
        monkeypatch,
    )
    test_examples_run(page, tmp_path)
    assert (tmp_path / "made.txt").read_text() == "2"


def test_cpp_examples_must_compile(tmp_path, monkeypatch):
    good = '```cpp\n#include "loadgen.h"\nint main() { mlperf::AbortTest(); }\n```\n'
    sources = ROOT
    for text, compiles in ((good, True), (good.replace("AbortTest", "Abort"), False)):
        page = make_page(text, tmp_path, monkeypatch)
        (tmp_path / "loadgen").unlink(missing_ok=True)
        (tmp_path / "loadgen").symlink_to(sources / "loadgen")
        with nullcontext() if compiles else pytest.raises(AssertionError):
            test_cpp_examples_compile(page, tmp_path)


BROKEN_LINKS = ["gone.md", "#gone", "page.md#gone", "../page.md", "http://example.org", "https://x"]
GOOD_LINKS = ["page.md", "#a-heading", "page.md#a-heading-1", "https://example.org/a?b#c"]


@pytest.mark.parametrize("link", BROKEN_LINKS + GOOD_LINKS)
def test_a_broken_link_is_seen(link, tmp_path, monkeypatch):
    page = make_page(f"# `A` heading\n## A heading\n[x `y`]({link})\n", tmp_path, monkeypatch)
    assert links(page) == [link]
    assert bool(broken(page, link)) == (link in BROKEN_LINKS)
