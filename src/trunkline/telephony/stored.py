"""Reading back what was stored as JSON between two runs: each value must have the type of its field."""

from collections.abc import Hashable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar, cast, get_type_hints

from trunkline.errors import StorageError

_HIGHEST = (1 << 63) - 1
Kind = TypeVar("Kind")


def restore(kind: type[Kind], values: Mapping[str, Any]) -> Kind:
    """Make a dataclass of stored values.

    Args:
        kind: The dataclass. Its fields are strings, integers, truth values, lists of strings, or something
            that was restored already.
        values: The values by the fields' names.

    Raises:
        StorageError: A value is missing, unknown, of another type, or an integer of more than 63 bits.
    """
    types = _types(cast(Hashable, kind))
    try:
        if all(_fits(value, types[name]) for name, value in values.items()):
            return kind(**values)
    except (KeyError, TypeError, AttributeError):
        pass
    raise StorageError(
        f"the stored state of a CDR source holds a {kind.__name__} that cannot be read: contribute it anew"
    )


@cache
def _types(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _fits(value: Any, expected: Any) -> bool:
    if expected == list[str]:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, expected) and (not isinstance(value, int) or abs(value) <= _HIGHEST)
