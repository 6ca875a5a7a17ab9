"""The documentation is that of this version: docs/settings.md is what the settings table makes, and
links to files of the repository lead somewhere.

Method: the page is made again and compared; links are looked up on the disk.
"""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def make_settings():
    path = ROOT / "docs" / "make_settings.py"
    spec = importlib.util.spec_from_file_location("make_settings", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_settings_page_is_up_to_date():
    page = (ROOT / "docs" / "settings.md").read_text()
    assert page == make_settings().settings_page(), (
        "make it again: python docs/make_settings.py > docs/settings.md"
    )


def local_links(page):
    """Links of a page that are no addresses, without their anchors."""
    links = LINK.findall(page.read_text())
    return [link.partition("#")[0] for link in links if "://" not in link and link[0] != "#"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_resolve(page):
    targets = [(page.parent / link).resolve() for link in local_links(page)]
    assert [target for target in targets if not target.exists()] == []
    assert all(target.is_relative_to(ROOT) for target in targets)


def test_links_are_found():
    assert {"docs/settings.md", "docs/differences.md"} <= set(local_links(ROOT / "README.md"))
