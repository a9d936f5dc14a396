"""Words that are parted at the ends of lines, put together again."""

from collections.abc import Iterable

import regex

_HYPHENS = ("-", "\u2010", "\u00ad")
_LONGEST_WORD = 80
_PARTED = regex.compile(r"[\p{L}\p{M}'’-]*[\p{L}\p{M}][-\u2010\u00ad]$")
_GOES_ON = regex.compile(r"\p{Ll}[\p{L}\p{M}'’]*(?:-\p{L}[\p{L}\p{M}'’]*)*|[\p{Lo}\p{Lm}][\p{L}\p{M}]*")
_HYPHENED = regex.compile(r"\p{L}[\p{L}\p{M}'’]*+(?:-\p{L}[\p{L}\p{M}'’]*+)++")
# Scripts without spaces between words have none between lines; Korean has.
_UNSPACED = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\u3000-\u303f\uff00-\uffef]"
)


class Words:
    """The words that a document writes with a hyphen in the middle of a line, in small letters."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Look through the lines that have a hyphen before their end."""
        self._hyphened = {
            word.lower() for line in lines if "-" in line[:-1] for word in _HYPHENED.findall(line)
        }

    def join(self, before: str, after: str) -> tuple[str, str]:
        """Give the end that the line before loses or keeps, and what stands between it and the next.

        The hyphen of a parted word goes, unless it is the word's own: where the document has it in the middle
        of a line, where the word has another before it, or where a capital or a number follows.
        """
        if not before.endswith(_HYPHENS):
            return before, self._between(before, after)
        if before.endswith("\u00ad"):
            return before[:-1], ""
        parted = _PARTED.search(before[-_LONGEST_WORD:])
        follows = _GOES_ON.match(after)
        if not parted:
            is_dash = len(before) == 1 or before[-2].isspace()
            return before, " " if is_dash else ""
        if follows is None:
            return before, ""
        first = parted[0][:-1]
        whole = f"{first}-{follows[0]}".lower()
        if whole in self._hyphened or "-" in first.strip("-"):
            return before[:-1] + "-", ""
        return before[:-1], ""

    @staticmethod
    def _between(before: str, after: str) -> str:
        return "" if _UNSPACED.match(before[-1:]) and _UNSPACED.match(after) else " "
