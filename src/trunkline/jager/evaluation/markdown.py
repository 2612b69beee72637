"""Tables in Markdown."""

_BEGINS_NUMBER = frozenset("0123456789<*")


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a table, its columns of numbers aligned to the right; an empty cell may stand among numbers."""
    columns = zip(*rows, strict=True)
    marks = [
        "---:" if all(not cell or cell[0] in _BEGINS_NUMBER for cell in column) else "---"
        for column in columns
    ]
    lines = [header, marks, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
