"""The call path as plain text, for a terminal."""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from trunkline.jager.validation.words import Names, findings_in_words, namer

_NAME_LIMIT = 40


def draw(report: Mapping[str, Any], names: Names, *, width: int = 100) -> str:
    """Draw a report's call from its origin down to where it ended, and say what was found.

    Args:
        report: The report in its JSON form.
        names: Names of carriers by identifier; control characters in them are not printed.
        width: The longest line of the drawing; sentences may be longer.

    Returns:
        Lines of plain text, without colours.
    """
    return "\n".join(line[:width] for line in path_lines(report, names)) + "".join(
        f"\n· {sentence}" for sentence in findings_in_words(report, _clean(names))
    )


def path_lines(report: Mapping[str, Any], names: Names) -> Iterator[str]:
    """The drawing alone: one line a carrier, and one for what lies between two."""
    call = report["call"]
    if call is None:
        yield "(no records)"
        return
    name = namer(_clean(names))
    branches: dict[str, list[str]] = {}
    for branch in call["branches"]:
        branches.setdefault(branch["carrier"], []).append(name(branch["tried"]))
    for index, step in enumerate(call["path"]):
        if index:
            yield _between(call["path"][index - 1], step)
        yield f"{_mark(step)} {name(step['provider'])}{_remarks(step, index, call)}"
        for tried in branches.pop(step["provider"], []):
            yield f"├╌ tried: {tried}"


def _mark(step: Mapping[str, Any]) -> str:
    if step["contested"]:
        return "✗"
    return "●" if step["has_record"] else "○"


def _between(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if after["gap_before"]:
        return "?  gap: not known who carried it here"
    # Both neighbours have a record of this edge, or only one of them has.
    return "│" if before["has_record"] and after["has_record"] else "┊"


def _remarks(step: Mapping[str, Any], index: int, call: Mapping[str, Any]) -> str:
    remarks = []
    if index == 0 and call["origin"]["status"] in {"claimed", "attested"}:
        remarks.append(f"origin, {call['origin']['status']}")
    if not step["has_record"]:
        remarks.append("named by others, no record")
    if step["contested"]:
        remarks.append("contradicted")
    remarks += [word for word in ("late", "attested", "released") if step[word]]
    if step["own"]:
        remarks.append("the tracer")
    return f"  ({'; '.join(dict.fromkeys(remarks))})" if remarks else ""


def _clean(names: Names) -> dict[str, str]:
    """Names come from a registry: nothing in them may move the cursor or turn the text around."""
    return {
        provider: "".join(c if unicodedata.category(c)[0] != "C" else " " for c in name)[:_NAME_LIMIT]
        for provider, name in names.items()
    }
