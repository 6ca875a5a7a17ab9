"""From the name in a command, `package.module:Class` or `path/file.py:Class`, to an object."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from ...interfaces import QuerySampleLibrary, SystemUnderTest
from ...text.addresses import shown_address
from ..options.spelling import did_you_mean, near_or_all
from ..show.outcome import Mistake
from .endpoint_targets import make_endpoint, names_endpoint, shown_endpoints
from .shard_targets import names_shards, shard_library, shards_in_folder
from .signatures import check_methods, lacking
from .user_code import calling_user_code

_OTHER_SERVERS = (
    "; tcp:// is for a node of `mlperf-loadgen serve`, openai+http:// for an endpoint of language "
    "models, http://, kserve+http:// and kserve+grpc:// are for other servers"
)
_BEHIND = "name one behind the SUT, as in path/file.py:Class"
_LIBRARY = object()  # Stands for one.
_LIBRARY_PARAMETERS = ("qsl", "library")
_HIDDEN = "_target_"
"""Begins the name of a module of a file such as queue.py, which others import another of."""


def is_address(target: str) -> bool:
    """Whether a target is on the network: `scheme://...`. Raises Mistake for an address without its
    scheme, which would be taken for a file or a module."""
    from ...qdl.address import corrected_address, is_address

    if is_address(target):
        return True
    if target.endswith(".py") or _split(target)[1].isidentifier() or Path(target).exists():
        return False
    parts = [part.strip() for part in target.split(",")]
    corrected = [corrected_address(part, _schemes()) for part in parts]
    if None in corrected:
        return False
    meant = ",".join(_of_endpoint(str(address)) for address in corrected)
    raise Mistake(f"{target}: this is an address without its scheme: give {meant}{_OTHER_SERVERS}")


def _of_endpoint(address: str) -> str:
    """The address; one that would be a node's, and has a path, must be that of an endpoint."""
    scheme, _, rest = address.partition("://")
    return f"openai+http://{rest}" if scheme == "tcp" and "/" in rest else address


def _schemes() -> list[str]:
    from ...qdl.network import schemes

    return schemes()


def target_name(target: str) -> str:
    """A short name for a folder: the class, the file or the host."""
    place = target.split("://")[-1].partition("?")[0].rpartition("@")[2]
    last = place if is_address(target) else target.rpartition(":")[2]
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", Path(last).stem if last.endswith(".py") else last)


def shown_target(target: str) -> str:
    """The target for messages, without the secret parts of addresses."""
    if not is_address(target):
        return target
    if names_endpoint(target):
        return shown_endpoints(target)
    return ",".join(map(shown_address, target.split(",")))


def in_folder(target: str, folder: Path) -> str:
    """A target whose path is relative to a folder, as seen from the current one."""
    if names_shards(target):
        return shards_in_folder(target, folder)
    place, name = _split(target)
    if is_address(target) or not _is_path(place):
        return target
    return f"{folder / place}:{name}" if name else str(folder / place)


def make_library(sut: str, qsl: str | None) -> object:
    """Makes the sample library: the one that is named, or the only one beside the system."""
    if qsl is not None and names_shards(qsl):
        return shard_library(qsl)
    if qsl is not None and is_address(qsl):
        raise Mistake(f"{qsl} is no QSL: that is a class here, as in path/file.py:Class")
    if qsl is not None:
        return _construct(_named(qsl, QuerySampleLibrary, "QSL"), qsl, None, QuerySampleLibrary)
    if names_endpoint(sut):
        raise Mistake(
            f"{shown_endpoints(sut)} needs prompts: give a file, as in --dataset prompts.jsonl, or "
            "a sample library behind the SUT, as in path/file.py:Class"
        )
    if is_address(sut):
        raise Mistake(f"{sut} needs a sample library as well: {_BEHIND}")
    _named(sut, SystemUnderTest, "SUT")  # Of two mistakes, the first is reported first.
    found, name = _only_class(_module(sut, "SUT"), QuerySampleLibrary, sut)
    return _construct(found, name, None, QuerySampleLibrary)


def find_library(beside: str, qsl: str | None) -> Any:
    """What another process makes the sample library of: the class, function or object that is
    named, or the only class beside `beside`."""
    if qsl is not None and names_shards(qsl):
        return functools.partial(shard_library, qsl)
    if qsl is not None and is_address(qsl):
        raise Mistake(f"{qsl} is no QSL: that is a class here, as in path/file.py:Class")
    if qsl is None:
        found, qsl = _only_class(_module(beside, "QSL"), QuerySampleLibrary, beside)
    else:
        found = _named(qsl, QuerySampleLibrary, "QSL")
    if callable(found) and not isinstance(found, QuerySampleLibrary):
        _arguments(found, qsl, None, QuerySampleLibrary)
    return importable(found, qsl)


def importable(found: Any, target: str) -> Any:
    """An object that another process can import. Raises Mistake for one of a file whose name it
    would find another module under."""
    if str(getattr(found, "__module__", "")).startswith(_HIDDEN):
        raise Mistake(
            f"{target}: other processes find another module of the name {_split(target)[0]}: "
            "rename the file"
        )
    return found


def make_system(sut: str, library: object, network: dict[str, Any] | None = None) -> object:
    """Makes the system under test, with the library if its constructor takes one. `network`:
    options of NetworkQDL or OpenAIEndpoint, which only a SUT on the network takes."""
    if is_address(sut):
        return _network_system(sut, library, network or {})
    return _construct(_named(sut, SystemUnderTest, "SUT"), sut, library, SystemUnderTest)


def find_function(target: str, option: str) -> Any:
    """The function that a target names: `package.module:function` or `path/file.py:function`."""
    if is_address(target):
        raise Mistake(
            f"{option} {shown_target(target)}: is an address: name a function that makes a system, "
            "such as an OpenAIEndpoint, as in path/file.py:function"
        )
    module, name = _module(target, option), _split(target)[1]
    functions = [key for key, value in vars(module).items() if inspect.isfunction(value)]
    if not name:
        raise Mistake(f"{option} {target}: name the function, as in {target}:function")
    found = getattr(module, name, None)
    if not callable(found):
        hint = near_or_all(name, functions) if functions else ""
        raise Mistake(f"{option} {target}: {_shown(module)} has no function {name!r}{hint}")
    return found


def check_system(sut: str, library: object, network: dict[str, Any]) -> None:
    """Raises Mistake as `make_system` and `entered` do, as far as that is possible without calling
    the user's code. `library`: None if it is not known yet."""
    if is_address(sut):
        _network_system(sut, () if library is None else library, network)  # () has items, too.
        return
    found = _named(sut, SystemUnderTest, "SUT")
    if callable(found) and not isinstance(found, SystemUnderTest):
        _arguments(found, sut, _LIBRARY if library is None else library, SystemUnderTest)
    if inspect.isclass(found) and issubclass(found, SystemUnderTest):
        found = object.__new__(found)  # Its constructor may load a model.
    if isinstance(found, SystemUnderTest):
        check_methods(found, sut)


def entered(stack: contextlib.ExitStack, made: Any, target: str, kind: type) -> Any:
    """Enters a context manager, which is left with the stack. Any other object is returned as it
    is."""
    if hasattr(made, "__enter__") and hasattr(made, "__exit__"):
        with calling_user_code():
            inside = stack.enter_context(made)
        made = made if isinstance(made, kind) else inside
    if isinstance(made, kind):
        with calling_user_code():
            check_methods(made, target)
        return made
    if type(made) is int:  # A handle.
        return made
    if made is None:
        raise Mistake(f"{target} returns nothing: name a function that returns a {kind.__name__}")
    raise Mistake(
        f"{target} is {_article(type(made).__name__)}, and no {kind.__name__}: "
        f"derive its class from mlperf_loadgen.{kind.__name__}"
    )


def _network_system(addresses: str, library: Any, options: dict[str, Any]) -> object:
    if names_endpoint(addresses):
        return make_endpoint(addresses, library, options)
    from ...qdl import NetworkQDL

    try:
        return NetworkQDL([part.strip() for part in addresses.split(",")], library, **options)
    except ValueError as error:  # It names the one address that is none.
        raise Mistake(str(error)) from error
    except (ImportError, OSError, TypeError) as error:
        raise Mistake(f"{shown_target(addresses)}: {error}") from error


# ---- Modules -------------------------------------------------------------------------------------


def _split(target: str) -> tuple[str, str]:
    """Module or file, and the name in it, which may be missing."""
    place, colon, name = target.rpartition(":")
    return (place, name) if colon else (target, "")


def _is_path(place: str) -> bool:
    return place.endswith(".py") or "/" in place


def _module(target: str, what: str) -> ModuleType:
    place = _split(target)[0]
    with contextlib.suppress(FileNotFoundError):  # A directory that was deleted has no modules.
        if str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))  # As `python -m` does.
    if _is_path(place):
        return _module_of_file(target, Path(place))
    return _module_of_name(target, place, what)


def _module_of_file(target: str, path: Path) -> ModuleType:
    if not path.is_file():
        near = did_you_mean(path.name, [other.name for other in path.parent.glob("*.py")])
        raise Mistake(f"{target}: there is no file {path}{near}")
    path = path.resolve()
    if str(path.parent) not in sys.path:
        sys.path.insert(1, str(path.parent))  # For what stands beside it.
    name = path.stem
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    if loaded is not None or name in sys.stdlib_module_names:
        name = _HIDDEN + name
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Mistake(f"{target}: {path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with _executing(target):
        spec.loader.exec_module(module)
    return module


def _module_of_name(target: str, name: str, what: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise Mistake(
            f"{target!r} is no {what}: write package.module:Class or path/file.py:Class"
            + (", or an address such as tcp://host:port" if what == "SUT" else "")
        )
    try:
        with _executing(target):
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise
        raise Mistake(
            f"{target}: there is no module {error.name!r} here or installed; name a file with its "
            "path, as in path/file.py:Class"
        ) from error


@contextlib.contextmanager
def _executing(target: str) -> Iterator[None]:
    try:
        with calling_user_code(f"{target}: its module failed when it was imported"):
            try:
                yield
            except SystemExit as error:
                fix = 'put what it runs under if __name__ == "__main__":'
                raise Mistake(f"{target} exits when it is imported: {fix}") from error
    except SyntaxError as error:
        raise Mistake(f"{target}: {error.filename}:{error.lineno}: {error.msg}") from error


# ---- Names ---------------------------------------------------------------------------------------


def _named(target: str, kind: type, what: str) -> Any:
    """What the target names; of a module alone, its only class of the kind."""
    module = _module(target, what)
    name = _split(target)[1]
    if not name:
        return _only_class(module, kind, target)[0]
    found = getattr(module, name, None)
    if found is None:
        names = [key for key, value in vars(module).items() if _is_candidate(value, kind)]
        hint = near_or_all(name, names) if names else f", nor any {kind.__name__}"
        raise Mistake(f"{target}: {_shown(module)} has no {name!r}{hint}")
    return found


def _only_class(module: ModuleType, kind: type, target: str) -> tuple[Any, str]:
    """The class, and its name for messages."""
    found = {value.__name__: value for value in vars(module).values() if _is_candidate(value, kind)}
    if len(found) == 1:
        name, value = found.popitem()
        return value, f"{_split(target)[0]}:{name}"
    if found:
        which = f"has several: {', '.join(found)}; name one, as in"
        raise Mistake(f"{_shown(module)} {which} {_split(target)[0]}:{next(iter(found))}")
    for name, value in vars(module).items():
        if _is_own(value, kind) and value.__module__ == module.__name__:
            raise lacking(value, f"{_split(target)[0]}:{name}")
    fix = _BEHIND if kind is QuerySampleLibrary else "write one"
    raise Mistake(f"{target}: {_shown(module)} has no {kind.__name__}: {fix}")


def _is_candidate(value: object, kind: type) -> bool:
    """A class of the user's own that could be constructed."""
    return _is_own(value, kind) and not inspect.isabstract(value)


def _is_own(value: object, kind: type) -> bool:
    """A class of the user's own, which may lack methods."""
    return (
        inspect.isclass(value)
        and issubclass(value, kind)
        and value.__module__.partition(".")[0] != __name__.partition(".")[0]
    )


def _shown(module: ModuleType) -> str:
    return Path(module.__file__).name if module.__file__ else module.__name__


# ---- Objects -------------------------------------------------------------------------------------


def _construct(found: Any, target: str, library: object, kind: type) -> Any:
    """Calls a class or a factory, with the library if it takes that; instances are taken as is."""
    if isinstance(found, kind) or not callable(found):
        return found
    arguments = _arguments(found, target, library, kind)
    try:
        with calling_user_code(f"{target} failed when it was constructed"):
            return found(*arguments)
    except (TypeError, ValueError, ImportError) as error:  # Of what is no code of the user's.
        raise Mistake(f"{target} cannot be called to make a {kind.__name__}: {error}") from error


def _arguments(found: Any, target: str, library: object, kind: type) -> list[object]:
    """What it is called with: the library, if it takes that, or nothing."""
    if inspect.isclass(found) and not _may_be(found, kind):
        raise Mistake(
            f"{target} is no {kind.__name__}: derive it from mlperf_loadgen.{kind.__name__}, or "
            "name another; the SUT comes first, then the QSL"
        )
    if inspect.isabstract(found):
        raise lacking(found, target)
    return [library] if _takes_library(found, target, library is not None) else []


def _may_be(found: type, kind: type) -> bool:
    """Whether a class is of the kind, or a context manager that may give one."""
    other = issubclass(found, (SystemUnderTest, QuerySampleLibrary))
    return issubclass(found, kind) or (hasattr(found, "__enter__") and not other)


def _takes_library(found: Any, target: str, may: bool) -> bool:
    try:
        parameters = list(inspect.signature(found).parameters.values())
    except (TypeError, ValueError):  # Of native code.
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [
        p for p in parameters if p.default is inspect.Parameter.empty and p.kind not in variable
    ]
    first = parameters[0] if parameters else None
    if len(needed) > (1 if may else 0) or (needed and needed[0].kind not in positional):
        names = ", ".join(p.name for p in needed)
        at_most = "nothing, or the sample library alone" if may else "nothing"
        raise Mistake(
            f"{target} cannot be constructed: it needs {names}, and is given {at_most}; "
            "give them defaults, or name a function without parameters that makes it"
        )
    return may and bool(needed or (first is not None and first.name in _LIBRARY_PARAMETERS))


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
