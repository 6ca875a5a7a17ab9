"""Goal: what is given away is whole, and says one version everywhere.

Method: the packages that setuptools finds and the source distribution that it makes are compared
with the files of the tree; the version is read wherever it is stated. Building a wheel from the
source distribution takes a minute and is done by hand (CONTRIBUTING.md).
"""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from runs import run_in

import mlperf_loadgen as lg

ROOT = Path(__file__).resolve().parents[3]
VERSION = (ROOT / "VERSION").read_text().strip()
PACKAGE = "python/mlperf_loadgen"
SOURCES = (
    "loadgen",
    "compress",
    "shards",
    "transfer",
    "network",
    "llm",
    "bindings",
    "python",
    "cmake",
    "CMakeLists.txt",
    "mlperf.conf",
    "pyproject.toml",
)
SOURCES += ("setup.py", "VERSION", "LICENSE", "README.md", "CHANGELOG.md")
CMAKE = shutil.which("cmake")


def needs(module):
    missing = importlib.util.find_spec(module) is None
    return pytest.mark.skipif(missing, reason=f"needs {module}")


def files_of(directory):
    """The files that a clone would have, by their paths in `directory`."""
    made = {".so", ".pyc"}
    files = {p.relative_to(directory) for p in directory.rglob("*") if p.is_file()}
    return {str(p) for p in files if p.suffix not in made and ".egg-info" not in str(p)}


def run(*command, cwd):
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_python_and_logs_have_the_version(tmp_path):
    assert lg.__version__ == VERSION
    assert run_in(tmp_path).value("loadgen_version").startswith(f"{VERSION} @ ")


@pytest.mark.skipif(CMAKE is None, reason="needs cmake on the PATH")
def test_cmake_has_the_version(tmp_path):
    run(CMAKE, "-S", ROOT, "-B", tmp_path, cwd=tmp_path)
    package = (tmp_path / "loadgen" / "mlperf_loadgen-config-version.cmake").read_text()
    assert re.search(r'set\(PACKAGE_VERSION "(.*)"\)', package)[1] == VERSION


def test_the_changelog_has_the_version():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] in (VERSION, "Unreleased")
    assert VERSION in headings


def test_each_extra_that_is_named_exists():
    """Error messages and pages say what to install."""
    extras = set(re.findall(r"^(\w+) = \[", extras_table(), re.MULTILINE))
    named = re.compile(r"(?:mlperf_loadgen|['\"]\.)\[(\w+)\]")
    files = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *(ROOT / PACKAGE).rglob("*.py")]
    unknown = {(f.name, x) for f in files for x in named.findall(f.read_text()) if x not in extras}
    assert unknown == set()


def extras_table():
    text = (ROOT / "pyproject.toml").read_text()
    return text.partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]


LIST_PACKAGE = """
import json, setuptools
distribution = setuptools.Distribution({"script_name": "setup.py"})
distribution.parse_config_files()
build = distribution.get_command_obj("build_py")
build.ensure_finalized()
files = [path for _, _, path in build.find_all_modules()]
for _, directory, _, names in build.data_files:
    files += [f"{directory}/{name}" for name in names]
print(json.dumps([distribution.get_version(), files]))
"""


@pytest.fixture
def tree(tmp_path):
    """A copy of what a build needs, in use: with a compiled module."""
    made = tmp_path / "tree"
    made.mkdir()
    for name in SOURCES:
        source = ROOT / name
        shutil.copytree(source, made / name) if source.is_dir() else shutil.copy(source, made)
    (made / PACKAGE / "_core.some-platform.so").touch()
    return made


@needs("setuptools")
@needs("scikit_build_core")
def test_the_wheel_has_the_whole_package(tree):
    version, files = json.loads(run(sys.executable, "-W", "ignore", "-c", LIST_PACKAGE, cwd=tree))
    assert version == VERSION
    assert {str(Path(f).relative_to(PACKAGE)) for f in files} == files_of(tree / PACKAGE)


def test_each_directory_of_the_package_is_one():
    directories = {file.parent for file in (ROOT / PACKAGE).rglob("*.py")}
    assert [d for d in directories if not (d / "__init__.py").is_file()] == []


@needs("scikit_build_core")
@needs("setuptools")
def test_the_source_distribution_has_what_a_build_needs(tree):
    make = "from scikit_build_core.setuptools import build_meta; build_meta.build_sdist('..')"
    run(sys.executable, "-c", make, cwd=tree)
    (archive,) = tree.parent.glob("*.tar.gz")
    assert archive.name == f"mlperf_loadgen-{VERSION}.tar.gz"
    with tarfile.open(archive) as files:
        packed = {m.name.partition("/")[2] for m in files.getmembers() if m.isfile()}
    assert {f for f in files_of(tree) if not f.endswith("SOURCES.txt")} <= packed
    assert not [name for name in packed if name.endswith((".so", ".pyc"))]
