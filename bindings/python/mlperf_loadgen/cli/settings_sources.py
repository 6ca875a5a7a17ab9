"""Settings from their sources, each over the one before: defaults, config files, --file, options.

Every value keeps where it came from, which `--dry-run` shows.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .. import _core
from .outcome import Mistake
from .setting_values import Assignment, Origin, assign_setting, scenario_named

_ANY_MODEL = "*"
_BUILT_IN = 0  # FromConfig's conf_type.
_MALFORMED = -22


@dataclass
class SourcedSettings:
    """Settings, and the source of each."""

    settings: _core.TestSettings = field(default_factory=_core.TestSettings)
    origins: dict[str, str] = field(default_factory=dict)
    """Source by name; the rest are defaults."""

    def origin(self, name: str) -> str:
        """Where a value came from."""
        return self.origins.get(name, Origin.DEFAULT.value)


def gather_settings(
    conf: Sequence[Path], model: str | None, assignments: Iterable[Assignment]
) -> SourcedSettings:
    """Applies config files, in their order, then assignments, the later over the earlier."""
    asked = list(assignments)
    sourced = SourcedSettings()
    # Config files say different things for different scenarios, so it must be known before.
    scenario = sourced.settings.scenario
    for assignment in asked:
        if assignment.name == "scenario":
            scenario = scenario_named(assignment)
    if model is not None or conf:
        _apply_built_in(sourced, model or _ANY_MODEL, scenario.name)
    for path in conf:
        _apply_config(sourced, path, model or _ANY_MODEL, scenario.name)
    for assignment in asked:
        assign_setting(sourced.settings, assignment)
        sourced.origins[assignment.name] = assignment.origin
    return sourced


def _apply_built_in(sourced: SourcedSettings, model: str, scenario: str) -> None:
    before = sourced.settings.to_dict()
    sourced.settings.FromConfig("", model, scenario, _BUILT_IN)
    for name, value in sourced.settings.to_dict().items():
        if value != before[name]:
            sourced.origins[name] = Origin.BUILT_IN.value


def _apply_config(sourced: SourcedSettings, path: Path, model: str, scenario: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        status = sourced.settings.FromConfig(str(path), model, scenario)
    said = [str(warning.message) for warning in caught]
    if status == _MALFORMED:
        raise Mistake(f"{'; '.join(said)}; nothing of it was applied: write lines 'key = value'")
    if status != 0:
        raise Mistake(f"--conf {path}: cannot be read; give the path of a config file")
    for warning in caught:
        warnings.warn(warning.message, stacklevel=2)
    unused = {int(line) for line in re.findall(r":(\d+): .*ignored", "\n".join(said))}
    for name, line in _lines_of_settings(path, model, scenario).items():
        if line not in unused:
            sourced.origins[name] = f"{path}:{line}"


def _lines_of_settings(path: Path, model: str, scenario: str) -> dict[str, int]:
    """The line of each setting that the file names for (model, scenario)."""
    lines: dict[str, int] = {}
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        words = line.split()
        if len(words) > 2 and words[1] == "=":
            lines[words[0]] = number
    found: dict[str, int] = {}
    for row in _core.settings_table():
        scope, key = row["config_key"].split(".")[1:] if row["config_key"] else ("", "")
        under = scenario if scope == "*" else scope
        # The most specific counts.
        for full in (f"{model}.{under}", f"*.{under}", f"{model}.*", "*.*"):
            if key and f"{full}.{key}" in lines:
                found[row["name"]] = lines[f"{full}.{key}"]
                break
    return found
