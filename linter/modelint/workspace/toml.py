"""TOML values to Python values, strictly, with every mistake.

A reader is a function from a TOML value to what it means, raising ``WrongValueError``. ``read`` applies the readers
that an attrs class names for its fields (see ``key``) and collects what they raise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import attrs
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from modelint.finding import Severity
from modelint.spelling import did_you_mean
from modelint.workspace.patterns import objection

Value = TypeVar("Value")
READER = "reader"


class WrongValueError(ValueError):
    """A value cannot be read. ``keys`` lead to it, from where the reader began."""

    def __init__(self, message: str, keys: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.keys = keys


def key(reader: Callable[[object], Any]) -> Any:
    """An optional field of an attrs class, read by ``reader`` from the key of the same name in kebab-case."""
    return attrs.field(default=None, metadata={READER: reader})


def read(owner: type[Value], table: Mapping[str, object]) -> Value:
    """An instance of an attrs class from a table.

    Raises:
        ExceptionGroup: of ``WrongValueError``, for all that is wrong.
    """
    import cattrs
    from cattrs.gen import make_dict_structure_fn, override

    fields = attrs.fields(owner)  # type: ignore[arg-type]  # any attrs class
    names = {field.name: field.name.replace("_", "-") for field in fields}
    overrides = {
        field.name: override(rename=names[field.name], struct_hook=_hook(field.metadata[READER])) for field in fields
    }
    structure = make_dict_structure_fn(
        owner,
        cattrs.Converter(),
        _cattrs_forbid_extra_keys=True,
        _cattrs_detailed_validation=True,
        **overrides,  # type: ignore[arg-type]  # mypy takes them for the two before
    )
    try:
        return structure(dict(table), owner)
    except cattrs.BaseValidationError as error:
        raise ExceptionGroup("", tuple(_wrongs(error, (), tuple(names.values())))) from None


def _hook(reader: Callable[[object], Value]) -> Callable[[object, object], Value]:
    """A reader as cattrs calls it."""
    return lambda value, _: reader(value)


def _wrongs(error: BaseException, keys: tuple[str, ...], known: tuple[str, ...]) -> Iterator[WrongValueError]:
    """What cattrs raised, as ``WrongValueError`` with the keys that lead to it."""
    import cattrs

    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        for name in sorted(error.extra_fields):
            yield WrongValueError(f"there is no such key{did_you_mean(name, known)}", (*keys, name))
    elif isinstance(error, cattrs.ClassValidationError):
        noted, other = error.group_exceptions()
        for inner, note in noted:
            yield from _wrongs(inner, (*keys, note.name.replace("_", "-")), known)
        for rest in other:
            yield from _wrongs(rest, keys, known)
    elif isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _wrongs(part, keys, known)
    else:
        yield WrongValueError(str(error), (*keys, *getattr(error, "keys", ())))


def text(value: object) -> str:
    """A string."""
    if not isinstance(value, str):
        raise WrongValueError(f"must be a string, not {_shown(value)}")
    return value


def flag(value: object) -> bool:
    """A truth value."""
    if not isinstance(value, bool):
        raise WrongValueError(f"must be true or false, not {_shown(value)}")
    return value


def positive(value: object) -> int:
    """A whole number above 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise WrongValueError(f"must be a whole number above 0, not {_shown(value)}")
    return value


def texts(value: object) -> tuple[str, ...]:
    """A list of strings."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise WrongValueError(f"must be a list of strings, not {_shown(value)}")
    return tuple(value)


def globs(value: object) -> tuple[str, ...]:
    """A list of patterns of paths."""
    found = texts(value)
    for line in found:
        problem = objection(line)
        if problem:
            raise WrongValueError(f"{line!r} is not a pattern: {problem}")
    return found


def one_of(*allowed: str) -> Callable[[object], str]:
    """A reader of one of several strings."""

    def chosen(value: object) -> str:
        if isinstance(value, str) and value in allowed:
            return value
        meant = did_you_mean(value, allowed) if isinstance(value, str) else ""
        raise WrongValueError(f"must be {', '.join(allowed[:-1])} or {allowed[-1]}, not {_shown(value)}{meant}")

    return chosen


def severity(value: object) -> Severity:
    """A severity by its name."""
    return Severity(one_of(*(severity.value for severity in Severity))(value))


def specifiers(value: object) -> SpecifierSet:
    """Version specifiers as PEP 440 has them."""
    try:
        return SpecifierSet(text(value))
    except InvalidSpecifier:
        raise WrongValueError(f'must be version specifiers such as ">=3.6,<3.16", not {_shown(value)}') from None


def table(value: object) -> Mapping[str, object]:
    """A table, unread."""
    if not isinstance(value, dict):
        raise WrongValueError(f"must be a table, not {_shown(value)}")
    return value


def table_of(reader: Callable[[object], Value]) -> Callable[[object], Mapping[str, Value]]:
    """A reader of a table whose every value ``reader`` reads."""

    def entries(value: object) -> Mapping[str, Value]:
        found: dict[str, Value] = {}
        wrong: list[WrongValueError] = []
        for name, item in table(value).items():
            try:
                found[name] = reader(item)
            except WrongValueError as error:
                wrong.append(WrongValueError(str(error), (name, *error.keys)))
        if wrong:
            raise ExceptionGroup("", wrong)
        return found

    return entries


def tables(value: object) -> tuple[Mapping[str, object], ...]:
    """A list of tables, unread."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise WrongValueError(f"must be a list of tables, not {_shown(value)}")
    return tuple(value)


def dotted(keys: Iterable[str]) -> str:
    """Keys as TOML writes them, quoted where they must be."""
    return ".".join(k if k.replace("-", "").replace("_", "").isalnum() and k.isascii() else f'"{k}"' for k in keys)


def _shown(value: object) -> str:
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
