"""The rows of a table as text: each cell on a line under its column's name, or all cells on one line."""

from collections.abc import Sequence

import regex

_LONGEST_NAME = 100
# A word, or a year; not a date, a number or a sum.
_NAME = regex.compile(r"(?=\D.*\p{L}|\p{L}).*|(?:19|20)\d\d")


def names(first: Sequence[str], *, marked: bool = False) -> tuple[str, ...]:
    """Take a table's first row for the names of its columns, or give none.

    Unless the document has marked it as such, every cell but the first must be filled, short, no number, and
    unlike the others; and one column alone needs no name.
    """
    found = tuple(" ".join(cell.split()) for cell in first)
    while found and not found[-1]:
        found = found[:-1]
    if marked:
        return tuple(name if len(name) <= _LONGEST_NAME else "" for name in found)
    are_names = all(map(_is_name, found[1:])) and (not found or not found[0] or _is_name(found[0]))
    return found if len(set(found)) == len(found) > 1 and are_names else ()


def line(cells: Sequence[str], columns: Sequence[str] = ()) -> str:
    """Set a row as `name: cell` lines, or as `cell | cell` without names; empty cells are left out."""
    held = [(number, cell.strip()) for number, cell in enumerate(cells) if cell and not cell.isspace()]
    if not any(columns):
        return " | ".join(cell for _, cell in held)
    return "\n".join(
        f"{columns[number]}: {cell}" if number < len(columns) and columns[number] else cell
        for number, cell in held
    )


def _is_name(text: str) -> bool:
    return len(text) <= _LONGEST_NAME and _NAME.fullmatch(text) is not None
