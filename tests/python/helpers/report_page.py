"""Reads a report's page back."""

import json
from html.parser import HTMLParser

import pytest


class Page(HTMLParser):
    """A report's page: its elements and text, tables and charts."""

    VOID = ("meta", "link", "line", "br")

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text()
        self.tags = []
        self.tables = {}  # By name: rows of (text, exact value) cells.
        self.texts = []
        self.tiles = []
        self._open = []
        self._row = None
        self.feed(self.source)
        assert not self._open, f"never closed: {self._open}"
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append(tag)
        if tag not in self.VOID:
            self._open.append((tag, values))
        if tag == "table":
            self._rows = self.tables.setdefault(values["data-table"], [])
        elif tag == "tr":
            self._row = []
            self._rows.append(self._row)
        elif tag in ("td", "th"):
            self._row.append(["", values.get("data-value")])
        elif tag == "div" and "data-value" in values:
            self.tiles.append(float(values["data-value"]))

    def handle_endtag(self, tag):
        assert tag in self.VOID or self._open.pop()[0] == tag

    def handle_data(self, data):
        tag, values = self._open[-1] if self._open else ("", {})
        if tag == "script":
            if values.get("id") == "report-data":
                assert "<" not in data, "could end the element"
                self.charts = json.loads(data, parse_constant=pytest.fail)["charts"]
        elif tag != "style":
            self.texts.append(data)
            if tag in ("td", "th"):
                self._row[-1][0] += data

    def values(self, table):
        """Exact values by row heading, of a table's first column of numbers."""
        return {row[0][0]: float(row[1][1]) for row in self.tables[table] if row[1][1] is not None}
