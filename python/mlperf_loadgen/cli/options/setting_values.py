"""Settings as text: `server_target_qps=100` to the value that `TestSettings` takes."""

from __future__ import annotations

import contextlib
from enum import Enum
from typing import Any, NamedTuple

from ... import _core
from ..show.outcome import Mistake
from .spelling import did_you_mean, near_or_all

_TRUTH = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


SETTINGS_OF_A_SEARCH = {
    "scenario": "Server",
    "mode": "FindPeakPerformance",
    "server_find_peak_strategy": "Estimate",
}
"""What `find-peak` sets itself."""


class Origin(Enum):
    """The source of a value that no file gave."""

    DEFAULT = "default"
    BUILT_IN = "built-in mlperf.conf"
    COMMAND_LINE = "command line"


class Assignment(NamedTuple):
    """A setting that was asked for."""

    name: str
    text: str
    origin: str
    """The source of the value to show: an `Origin`, or file:line."""
    shown: str
    """The assignment as it was written, for messages."""


def split_assignment(option: str, text: str) -> Assignment:
    """`name=value` of a command-line option."""
    name, equals, value = text.partition("=")
    shown = f"{option} {text}"
    if not equals or not name.strip():
        raise Mistake(f"{shown}: write it as {option} name=value")
    return Assignment(name.strip(), value.strip(), Origin.COMMAND_LINE.value, shown)


def assign_setting(settings: _core.TestSettings, asked: Assignment) -> None:
    """Sets the setting. Raises Mistake for an unknown name or an invalid value."""
    known = settings.to_dict()
    if asked.name not in known:
        raise no_setting(asked.shown, asked.name)
    _set(settings, asked, known[asked.name])


def no_setting(shown: str, name: str) -> Mistake:
    """The message for a name that is not a setting, with similar names."""
    return Mistake(f"{shown}: there is no setting {name!r}{_meant(name)}")


def assign_log_setting(settings: _core.LogSettings, asked: Assignment) -> None:
    """Sets a setting of the logs, as `assign_setting` does."""
    own_names, output_names = _core.log_setting_names()
    names = [*own_names, *output_names]
    names.remove("outdir")  # It has an option of its own.
    if asked.name not in names:
        hint = near_or_all(asked.name, names)
        raise Mistake(f"{asked.shown}: there is no log setting {asked.name!r}{hint}")
    owner = settings if asked.name in own_names else settings.log_output
    _set(owner, asked, getattr(owner, asked.name))


def _set(owner: object, asked: Assignment, like: Any) -> None:
    """Raises Mistake for a value that is none of the kind of `like`."""
    value = _parsed(asked, like)
    try:
        setattr(owner, asked.name, value)
    except (TypeError, ValueError) as error:
        raise Mistake(f"{asked.shown}: {error}") from error


def scenario_named(asked: Assignment) -> _core.TestScenario:
    """The scenario that an assignment means."""
    found: _core.TestScenario = _parsed(asked, _core.TestScenario.SingleStream)
    return found


def _meant(name: str) -> str:
    """Settings are also looked for by their keys in config files."""
    table = _core.settings_table()
    by_key = [row["name"] for row in table if row["config_key"].endswith(f".{name}")]
    if by_key:
        return f": did you mean {' or '.join(by_key)}?"
    return did_you_mean(name, [row["name"] for row in table]) or "; --dry-run lists them"


# ---- Text to values ------------------------------------------------------------------------------


def _parsed(asked: Assignment, like: Any) -> Any:
    """The text as a value of the type of `like`."""
    if isinstance(like, str):
        return asked.text
    value: bool | float | None
    if isinstance(like, bool):
        wanted, value = "true or false", _TRUTH.get(asked.text.lower())
    elif isinstance(like, int):
        wanted, value = f"a whole number{_unit(asked.name)}", _whole(asked.text)
    elif isinstance(like, float):
        wanted, value = f"a number{_unit(asked.name)}", _number(asked.text)
    else:
        return _member(asked, type(like))
    if value is None:
        raise Mistake(f"{asked.shown}: {asked.name} takes {wanted}, not {asked.text!r}")
    return value


def _unit(name: str) -> str:
    for row in _core.settings_table():
        if row["name"] == name and row["unit"]:
            return f" ({row['unit']})"
    return ""


def _whole(text: str) -> int | None:
    for base in (10, 0):  # The second for 0x; the first, because 010 is no octal number here.
        with contextlib.suppress(ValueError):
            return int(text, base)
    number = _number(text)
    return int(number) if number is not None and number.is_integer() else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _member(asked: Assignment, enumeration: Any) -> Any:
    """A member by its name, by the start of it that no other has, or by its number."""
    members: dict[str, Any] = enumeration.__members__
    word = asked.text.lower().replace("-", "").replace("_", "")
    found = [value for name, value in members.items() if name.lower() == word] or [
        value
        for name, value in members.items()
        if (word and name.lower().startswith(word)) or str(int(value)) == word
    ]
    if len(found) != 1:
        raise Mistake(
            f"{asked.shown}: {asked.name} takes {', '.join(members)}, not {asked.text!r}"
            f"{did_you_mean(asked.text, members) if len(found) == 0 else ': it could be several'}"
        )
    return found[0]
