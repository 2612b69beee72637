"""The call path as a standalone, accessible SVG."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from trunkline.jager.validation.words import Names, findings_in_words, namer

_STEP = 84
_BOX_WIDTH = 260
_BOX_HEIGHT = 48
_LEFT = 24
_TOP = 56
_WIDTH = 640
_NAME_LIMIT = 30

_STYLE = """
  svg { --ink: #1b1f24; --paper: #ffffff; --line: #57606a; --bad: #b42318; --soft: #eef1f4;
        font: 14px system-ui, sans-serif }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #e6edf3; --paper: #0d1117; --line: #9da7b1; --bad: #ff8f84; --soft: #1c232b } }
  .paper { fill: var(--paper) } text { fill: var(--ink) } .small { font-size: 12px; fill: var(--line) }
  .box { fill: var(--soft); stroke: var(--line); stroke-width: 1.5 }
  .named { fill: none; stroke-dasharray: 5 4 } .bad { stroke: var(--bad); stroke-width: 2.5 }
  .edge { stroke: var(--line); stroke-width: 2 } .weak { stroke-dasharray: 3 4 } .badtext { fill: var(--bad) }
"""


def draw_svg(report: Mapping[str, Any], names: Names, *, title: str = "Call path") -> str:
    """Draw a report's call, from its origin at the top down to where it ended.

    Title and description carry the same findings as the drawing for those who do not see it; what is
    contested, missing or unknown differs in shape and words, not in colour alone.

    Args:
        report: The report in its JSON form.
        names: Names of carriers by identifier; they are escaped.
        title: The drawing's title.

    Returns:
        The SVG, without anything loaded from elsewhere.
    """
    call = report["call"]
    steps = [] if call is None else call["path"]
    height = _TOP + max(len(steps), 1) * _STEP
    description = ". ".join(findings_in_words(report, names))
    body = "\n".join(_parts(call, steps, names))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img" aria-labelledby="title description">\n'
        f'<title id="title">{_text(title)}</title>\n<desc id="description">{_text(description)}</desc>\n'
        f"<style>{_STYLE}</style>\n"
        f'<rect class="paper" width="{_WIDTH}" height="{height}"/>\n'
        f'<text x="{_LEFT}" y="30" font-weight="600">{_text(title)}</text>\n{body}\n</svg>\n'
    )


def _parts(call: Mapping[str, Any] | None, steps: list[dict[str, Any]], names: Names) -> Iterator[str]:
    if call is None:
        yield f'<text x="{_LEFT}" y="{_TOP + 24}">No records</text>'
        return
    name = namer(names)
    for index, step in enumerate(steps):
        top = _TOP + index * _STEP
        if index:
            yield _edge(steps[index - 1], step, top)
        kind = "box" + ("" if step["has_record"] else " named") + (" bad" if step["contested"] else "")
        yield (
            f'<rect class="{kind}" x="{_LEFT}" y="{top}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="6"/>'
        )
        shown = name(step["provider"])
        shown = shown if len(shown) <= _NAME_LIMIT else shown[: _NAME_LIMIT - 1] + "…"
        yield f'<text x="{_LEFT + 12}" y="{top + 29}">{_text(shown)}</text>'
        css = "small badtext" if step["contested"] else "small"
        yield (
            f'<text class="{css}" x="{_LEFT + _BOX_WIDTH + 16}" y="{top + 29}">'
            f"{_text(_remark(step, index, call, names))}</text>"
        )


def _edge(before: Mapping[str, Any], after: Mapping[str, Any], top: int) -> str:
    x, start = _LEFT + _BOX_WIDTH // 2, top - _STEP + _BOX_HEIGHT
    if after["gap_before"]:
        return (
            f'<text x="{x - 4}" y="{start + 24}" font-weight="700">? <tspan class="small">gap</tspan></text>'
        )
    weak = "" if before["has_record"] and after["has_record"] else " weak"
    return (
        f'<line class="edge{weak}" x1="{x}" y1="{start}" x2="{x}" y2="{top - 7}"/>'
        f'<path class="edge" d="M{x - 5} {top - 8} L{x} {top - 1} L{x + 5} {top - 8}" fill="none"/>'
    )


def _remark(step: Mapping[str, Any], index: int, call: Mapping[str, Any], names: Names) -> str:
    name = namer(names)
    words = []
    if index == 0 and call["origin"]["status"] in {"claimed", "attested"}:
        words.append(f"origin, {call['origin']['status']}")
    if not step["has_record"]:
        words.append("named, no record")
    if step["contested"]:
        words.append("contradicted")
    words += [word for word in ("late", "released") if step[word]]
    if step["own"]:
        words.append("the tracer")
    tried = [name(b["tried"]) for b in call["branches"] if b["carrier"] == step["provider"]]
    if tried:
        words.append("tried " + ", ".join(tried))
    return "; ".join(words)


def _text(value: str) -> str:
    # XML 1.0 has no way to write most control characters, so they are left out.
    return escape("".join(c for c in value if c.isprintable() or c == " "))
