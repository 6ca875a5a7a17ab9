"""Settings from their sources, each of which overrides those before it: defaults, config files,
--file, options.

The source of every value is kept, and `--dry-run` shows it.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ... import _core
from ...run import ConfigWarning
from ..show.outcome import Mistake
from .setting_values import Assignment, Origin, assign_setting, scenario_named
from .spelling import near_or_all

ANY_MODEL = "*"
"""Stands for all models in config files."""
_BUILT_IN = 0  # FromConfig's conf_type.
_MALFORMED = -22


class Model(NamedTuple):
    """A model that was asked for."""

    name: str
    shown: str
    """The model as it was written, for messages."""


@dataclass
class SourcedSettings:
    """Settings, and the source of each."""

    settings: _core.TestSettings = field(default_factory=_core.TestSettings)
    origins: dict[str, str] = field(default_factory=dict)
    """Source by name; settings that are not in it have their defaults."""

    def origin(self, name: str) -> str:
        """Where a value came from."""
        return self.origins.get(name, Origin.DEFAULT.value)


def gather_settings(
    conf: Sequence[Path],
    model: Model | None,
    of_file: Sequence[Assignment],
    of_options: Sequence[Assignment],
    of_command: Sequence[Assignment] = (),
) -> SourcedSettings:
    """Applies config files, in their order, and then assignments, of which later ones override
    earlier ones. `of_command`: settings that the command sets itself.

    Raises Mistake for an unknown model, for a setting that the scenario does not use, and for an
    option that the command overrides. The scenario is that of the run, or for the settings of the
    file, that of the file.
    """
    _check_not_overridden(of_options, of_command)
    asked = [*of_file, *of_options, *of_command]
    sourced = SourcedSettings()
    # Config files say different things for different scenarios, so it must be known before.
    scenario = _scenario(asked)
    if model is not None or conf:
        _apply_built_in(sourced.settings, model, scenario.name)
    caught = [
        warning
        for path in conf
        for warning in _apply_config(sourced.settings, path, model, scenario.name)
    ]
    if model is not None:
        _check_model(model, conf, sourced.settings)
    for warning in caught:
        warnings.warn(warning, stacklevel=2)
    sourced.origins = _core.config_origins(sourced.settings)
    for assignment in asked:
        assign_setting(sourced.settings, assignment)
        sourced.origins[assignment.name] = assignment.origin
    _check_used(of_options, sourced.settings)
    # A file that is made for another scenario than the one that is run now has no mistake.
    for_file = _core.TestSettings.from_dict(sourced.settings.to_dict())
    for_file.scenario = _scenario(of_file, default=scenario)
    _check_used(of_file, for_file)
    return sourced


def _scenario(
    asked: Sequence[Assignment],
    default: _core.TestScenario = _core.TestScenario.SingleStream,
) -> _core.TestScenario:
    """The one that is asked for last."""
    named = [scenario_named(one) for one in asked if one.name == "scenario"]
    return named[-1] if named else default


def _check_used(asked: Sequence[Assignment], settings: _core.TestSettings) -> None:
    """Raises Mistake for a setting that would have no effect. One that is for the other half of a
    test, accuracy or performance, is only warned of when the test starts: the same options are
    given for both.
    """
    whole = copy.copy(settings)
    if settings.mode in (_core.TestMode.AccuracyOnly, _core.TestMode.PerformanceOnly):
        whole.mode = _core.TestMode.SubmissionRun
    for assignment in asked:
        why = _core.why_unused(settings, assignment.name)
        if why and _core.why_unused(whole, assignment.name):
            raise Mistake(f"{assignment.shown}: {assignment.name} has no effect: {why}")


def _check_not_overridden(asked: Sequence[Assignment], by_command: Sequence[Assignment]) -> None:
    """Raises Mistake where an option asks for something else than the command sets itself."""
    trial = _core.TestSettings()
    for own in by_command:
        assign_setting(trial, own)
        value = getattr(trial, own.name)
        for assignment in asked:
            if assignment.name == own.name:
                assign_setting(trial, assignment)
                if getattr(trial, own.name) != value:
                    raise Mistake(f"{assignment.shown}: {own.shown}")


# ---- Models --------------------------------------------------------------------------------------


def _check_model(model: Model, conf: Sequence[Path], settings: _core.TestSettings) -> None:
    """Raises Mistake for one that no config file had an entry for: it would get the defaults."""
    if model.name == ANY_MODEL or model.name in _core.models_met(settings):
        return
    known = set(_core.built_in_models())
    for path in conf:
        if path.is_file():  # A pipe was read already.
            known.update(_core.models_in_config(path.read_bytes()))
    near = near_or_all(model.name, sorted(known))
    raise Mistake(f"{model.shown}: there is no model {model.name!r}{near}")


# ---- Config files --------------------------------------------------------------------------------


def _apply_built_in(settings: _core.TestSettings, model: Model | None, scenario: str) -> None:
    known = model is not None and model.name in _core.built_in_models()
    settings.FromConfig("", model.name if model and known else ANY_MODEL, scenario, _BUILT_IN)


def _apply_config(
    settings: _core.TestSettings, path: Path, model: Model | None, scenario: str
) -> list[Warning]:
    """Returns what is odd about the file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConfigWarning)
        status = settings.FromConfig(str(path), model.name if model else ANY_MODEL, scenario)
    if status == _MALFORMED:
        raise Mistake("; ".join(str(warning.message) for warning in caught))
    if status != 0:
        raise Mistake(f"--conf {path}: cannot be read; give the path of a config file")
    return [warning.message for warning in caught if isinstance(warning.message, Warning)]
