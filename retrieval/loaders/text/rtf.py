"""Rich Text files: paragraphs and table rows, as striprtf reads them.

It skips notes and knows no headings: notes are moved behind their paragraphs, and headings are marked,
before it reads the file. Without marked ones, headings are recognised by their look.
docs/decisions/0011-rich-text-and-books.md has the measurements.
"""

import re

import regex
from striprtf.striprtf import font_table_group, rtf_to_text

from retrieval.errors import DocumentError
from retrieval.loaders import table_rows
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.table_rows import TableRow
from retrieval.model import Document

_START = re.compile(rb"[\s\xef\xbb\xbf]*\{\\rtf", re.IGNORECASE)
# Pictures and embedded files are long runs of digits.
_HEX_RUN = regex.compile(r"[0-9a-fA-F\r\n]{200,}+")
# What striprtf adds to links ("text(address)"), and takes much time to find, is not what a reader sees.
_FIELD_INSTRUCTION, _IGNORED_DESTINATION = "\\fldinst", "\\ud"
# striprtf searches the table of fonts from each font up to the end of its line.
_MAX_FONT_TABLE_CHARS = 1024 * 1024
_MAX_FONT_CHARS = 2048
# The level of a heading is a property of its paragraph; a private character takes it to the text.
_OUTLINE_LEVEL = regex.compile(r"\\outlinelevel(?P<level>[0-8])(?![0-9]) ?")
_FIRST_LEVEL, _LEVELS = 0xE000, 9
# So does whether text is in bold type.
_BOLD_ON, _BOLD_OFF = "\ue00a", "\ue00b"
_FORMATTING = regex.compile(r"\\(?P<word>[a-z]+)(?P<value>-?\d*) ?|\\[^a-z]|[{}]")
_NOTE = regex.compile(r"\{\\footnote(?![a-z])")
_BRACE = regex.compile(r"\\[^a-z]|[{}]")
_PARAGRAPH_END = regex.compile(r"\\(?:par|cell|row|sect)(?![a-z])")
_MARK = regex.compile(f"[{chr(_FIRST_LEVEL)}-{_BOLD_OFF}]")
_CONTROL = regex.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_CELL_END = "|"
_DAMAGED = "is damaged; save it again"


def load(data: bytes, name: str) -> Document:
    """Load an .rtf file; rows of a table have the names of its first row if it looks like names."""
    if not _START.match(data):
        raise DocumentError(name, "is not Rich Text; give it the suffix of its real format")
    text = _HEX_RUN.sub("", data.decode("latin-1")).replace(_FIELD_INSTRUCTION, _IGNORED_DESTINATION)
    text = _mark_bold(_move_notes(text))
    text = _OUTLINE_LEVEL.sub(lambda match: chr(_FIRST_LEVEL + int(match["level"])), text)
    fonts = font_table_group(text)
    broken = fonts.replace("}{", "}\n{")
    if len(fonts) > _MAX_FONT_TABLE_CHARS or max(map(len, broken.split("\n"))) > _MAX_FONT_CHARS:
        raise DocumentError(name, _DAMAGED)
    try:
        plain = rtf_to_text(text.replace(fonts, broken, 1) if fonts else text, errors="replace")
    except (ValueError, LookupError, TypeError, OverflowError):
        raise DocumentError(name, _DAMAGED) from None
    # Characters beyond the first 65536 are written as two halves.
    plain = plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    builder = DocumentBuilder(name)
    _add_lines(builder, _CONTROL.sub("", plain))
    builder.find_headings()
    return builder.build()


def _add_lines(builder: DocumentBuilder, text: str) -> None:
    """Add each line as a paragraph; the rows of a table are lines that end with the mark of a cell."""
    rows: list[TableRow] = []
    number = 0
    is_bold = False
    for line in [*text.split("\n"), ""]:
        if line.rstrip().endswith(_CELL_END) and line.count(_CELL_END) > 1:
            cells = line.rstrip()[:-1].split(_CELL_END)
            rows.append(TableRow(tuple(_MARK.sub("", cell).strip() for cell in cells)))
            continue
        if rows:
            number += 1
            table_rows.add_table(builder, rows, number)
            rows = []
        level = next((ord(mark) - _FIRST_LEVEL for mark in _MARK.findall(line) if mark < _BOLD_ON), -1)
        bold_chars, is_bold = _bold_chars(line, is_bold=is_bold)
        words = _MARK.sub("", line)
        if 0 <= level < _LEVELS:
            builder.add_heading(words, level + 1)
        else:
            builder.add_block(words, bold_chars=bold_chars)


def _mark_bold(text: str) -> str:
    """Return the file with marks where bold type begins and ends."""
    parts: list[str] = []
    above: list[bool] = []
    is_bold, start = False, 0
    for match in _FORMATTING.finditer(text):
        was_bold = is_bold
        if match[0] == "{":
            above.append(is_bold)
        elif match[0] == "}":
            is_bold = above.pop() if above else False
        elif match["word"] == "b":
            is_bold = match["value"] != "0"
        elif match["word"] == "plain":
            is_bold = False
        if is_bold != was_bold:
            parts += [text[start : match.end()], _BOLD_ON if is_bold else _BOLD_OFF]
            start = match.end()
    return "".join([*parts, text[start:]])


def _bold_chars(line: str, *, is_bold: bool) -> tuple[int, bool]:
    """Return how many characters of a line are in bold type at its start, and whether its end is.

    `is_bold` is whether its start is.
    """
    count, is_start = 0, True
    for part in regex.splititer(f"([{_BOLD_ON}{_BOLD_OFF}])", line):
        if part in {_BOLD_ON, _BOLD_OFF}:
            is_bold = part == _BOLD_ON
        else:
            is_start = is_start and (is_bold or not part.strip())
            count += len(_MARK.sub("", part)) if is_start else 0
    return count, is_bold


def _move_notes(text: str) -> str:
    """Return the file with each note as a paragraph after the one that refers to it."""
    parts: list[str] = []
    waiting: list[str] = []
    start = offset = 0
    while True:
        # Outside of notes: the next note, or the end of the paragraph of one that waits.
        note = _NOTE.search(text, offset)
        end = _PARAGRAPH_END.search(text, offset) if waiting else None
        if end and (note is None or end.start() < note.start()):
            parts += [text[start : end.start()], *waiting]
            start = offset = end.start()
            waiting = []
        elif note:
            depth, offset = 1, note.end()
            while depth and (brace := _BRACE.search(text, offset)):
                depth += {"{": 1, "}": -1}.get(brace[0], 0)
                offset = brace.end()
            if depth:
                return text
            parts.append(text[start : note.start()])
            waiting.append("{\\par " + text[note.end() : offset])
            start = offset
        else:
            return "".join([*parts, text[start:]])
