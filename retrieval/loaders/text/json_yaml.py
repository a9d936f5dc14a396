"""Loads records from JSON, JSON lines and YAML: a record is a passage, and its keys are labels.

Records are the items of a list, the lines of a .jsonl file and the documents of a .yaml file. Of an object,
as in settings, the lists and objects in it contain records, and the other values are one record. Numbers
keep their spelling.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import MAX_DOCUMENT_CHARS, DocumentBuilder, title_from_name
from retrieval.model import Document, LineMark

MAX_RECORDS = 100_000
# Aliases in YAML may repeat as many, counting objects and lists as well.
MAX_VALUES = 2_000_000
MAX_DEPTH = 64
# Longer lists of nothing but numbers are coordinates or measurements, not text.
_MAX_NUMBERS = 32
_TITLE_KEYS = ("title", "name")
_MAX_TITLE_CHARS = 120
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BINARY_TAG = "tag:yaml.org,2002:binary"
_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class _Entry:
    """A value with its key, if it has one, and the line it begins in, if that is known."""

    key: str
    value: Any
    line: int | None = None


class _Object(list[_Entry]):
    """The entries of an object; a list[_Entry] of another class is a list."""


def load(data: bytes, name: str) -> Document:
    """Load a .json, .jsonl, .yaml or .yml file."""
    text = decode(data, name)
    suffix = name.rpartition(".")[2].lower()
    try:
        if suffix in {"yaml", "yml"}:
            root = _read_yaml(text, name)
        elif suffix in {"jsonl", "ndjson"}:
            root = _read_json_lines(text, name)
        else:
            root = _read_json(text, name)
        writer = _Writer(name)
        writer.add_root(root)
    except RecursionError:
        raise _nesting_error(name) from None
    return writer.builder.build(_title(root) or title_from_name(name), unit="record")


def _title(root: Any) -> str | None:
    """Return the title that an object names."""
    if not isinstance(root, _Object):
        return None
    titles = {entry.key.lower(): entry.value for entry in root if isinstance(entry.value, str)}
    return next(
        (titles[key] for key in _TITLE_KEYS if 0 < len(titles.get(key, "")) <= _MAX_TITLE_CHARS), None
    )


# JSON


def _make_object(pairs: list[tuple[str, Any]]) -> _Object:
    return _Object(_Entry(without_surrogates(key), value) for key, value in pairs)


def _keep_number(number: str) -> str:
    return number


# `1.10` is a version or a price: as a number it would become 1.1.
_DECODER, _ENTRY_DECODER = (
    json.JSONDecoder(
        parse_float=_keep_number,
        parse_int=_keep_number,
        parse_constant=_keep_number,
        object_pairs_hook=hook,
        strict=False,
    )
    for hook in (None, _make_object)
)


def parse_json(text: str, name: str) -> Any:
    """Parse a JSON text; numbers stay strings, as they are written. Raises DocumentError."""
    try:
        value, end = _DECODER.raw_decode(text, _skip_space(text, 0))
    except json.JSONDecodeError as error:
        raise DocumentError(
            name, f"line {error.lineno} is not valid JSON ({error.msg}); correct it"
        ) from None
    except RecursionError:
        raise _nesting_error(name) from None
    rest = _skip_space(text, end)
    if rest < len(text):
        line = text.count("\n", 0, rest) + 1
        raise DocumentError(name, f"line {line} is not valid JSON (text after the end); correct it")
    return value


def _nesting_error(name: str) -> DocumentError:
    return DocumentError(name, "is nested too deep; save it with fewer levels")


def _skip_space(text: str, offset: int) -> int:
    """Return the position of the first character from `offset` on that is not white space."""
    while offset < len(text) and text[offset] in " \t\n\r":
        offset += 1
    return offset


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, which JSON can escape but no file can contain."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _read_json(text: str, name: str) -> Any:
    """Return the value of a JSON text, with the lines of its entries and of theirs."""
    parser = _JsonParser(text, name)
    root, end = parser.parse(_skip_space(text, 0), levels=2)
    rest = _skip_space(text, end)
    if rest < len(text):
        raise parser.error(rest, "text after the end")
    return root


def _read_json_lines(text: str, name: str) -> list[_Entry]:
    """Return the lines of a text as records. A line that is not valid JSON is text, if most others are."""
    records, broken, first = [], 0, ""
    for number, line in enumerate(text.split("\n"), 1):
        words = line.strip()
        if not words:
            continue
        try:
            value, end = _JsonParser(words, name).parse(0, levels=0)
            is_whole = _skip_space(words, end) == len(words)
        except DocumentError:
            value, is_whole = words, False
        if not is_whole:
            broken, first = broken + 1, first or f"line {number} is not valid JSON; correct it"
        records.append(_Entry("", value if is_whole else words, number))
    if broken * 2 > len(records):
        raise DocumentError(name, first)
    return records


class _JsonParser:
    """Parses a JSON text; the outer levels entry by entry, to know their lines."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._counted, self._line = 0, 1

    def parse(self, offset: int, levels: int) -> tuple[Any, int]:
        """Return the value at a position and where it ends. Raises DocumentError."""
        opening = self._text[offset : offset + 1]
        if levels and opening in {"[", "{"}:
            return self._parse_entries(offset + 1, levels - 1, is_object=opening == "{")
        try:
            return _ENTRY_DECODER.raw_decode(self._text, offset)
        except json.JSONDecodeError as error:
            raise self.error(error.pos, error.msg) from None

    def error(self, offset: int, reason: str) -> DocumentError:
        line = self._text.count("\n", 0, offset) + 1
        return DocumentError(self._name, f"line {line} is not valid JSON ({reason}); correct it")

    def _parse_entries(self, offset: int, levels: int, *, is_object: bool) -> tuple[list[_Entry], int]:
        entries: list[_Entry] = _Object() if is_object else []
        closing = "}" if is_object else "]"
        offset = _skip_space(self._text, offset)
        if self._text.startswith(closing, offset):
            return entries, offset + 1
        while True:
            key, line = "", self._line_at(offset)
            if is_object:
                key, offset = self.parse(offset, 0)
                offset = _skip_space(self._text, offset)
                if not isinstance(key, str) or not self._text.startswith(":", offset):
                    raise self.error(offset, "expecting a key and ':'")
                offset = _skip_space(self._text, offset + 1)
            value, offset = self.parse(offset, levels)
            entries.append(_Entry(without_surrogates(key), value, line))
            offset = _skip_space(self._text, offset)
            if self._text.startswith(closing, offset):
                return entries, offset + 1
            if not self._text.startswith(",", offset):
                raise self.error(offset, f"expecting ',' or '{closing}'")
            offset = _skip_space(self._text, offset + 1)

    def _line_at(self, offset: int) -> int:
        self._line += self._text.count("\n", self._counted, offset)
        self._counted = offset
        return self._line


# YAML


def _read_yaml(text: str, name: str) -> Any:
    """Return the value of a YAML text: that of its document, or a list of its documents."""
    try:
        documents = list(_YamlBuilder(name).documents(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1} is" if mark else "is"
        problem = " ".join(str(getattr(error, "problem", "") or "characters that it does not allow").split())
        raise DocumentError(name, f"{place} not valid YAML ({problem[:80]}); correct it") from None
    return documents[0].value if len(documents) == 1 else documents


@dataclass(slots=True)
class _OpenValue:
    """An object or list whose end has not come, with the keys that wait for their values.

    `size` counts it and the values in it so far, those that aliases repeat included.
    """

    entries: list[_Entry]
    anchor: str | None
    keys: list[str] = field(default_factory=list)
    size: int = 1


class _YamlBuilder:
    """Builds values from the events of a YAML text. An alias is the same object as its anchor.

    Raises DocumentError when aliases repeat more than MAX_VALUES values. These are counted before any is
    repeated, as a few lines can repeat more than a computer can count.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        # The values by their anchors, and the sizes of those that have ended.
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._repeated = 0
        self._roots: list[_Entry] = []
        self._open: list[_OpenValue] = []

    def documents(self, text: str) -> list[_Entry]:
        for event in yaml.parse(text, Loader=_YAML_LOADER):
            line = event.start_mark.line + 1 if event.start_mark else 1
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors.clear()
            elif isinstance(event, yaml.AliasEvent):
                value, size = self._anchors.get(event.anchor or "", (None, 1))
                self._repeated += size
                if self._repeated > MAX_VALUES:
                    raise _repetition_error(self._name)
                self._add(value, line, size)
            elif isinstance(event, yaml.ScalarEvent):
                value = _scalar(event)
                self._set_anchor(event.anchor, value, 1)
                self._add(value, line, 1)
            elif isinstance(event, yaml.CollectionStartEvent):
                opened = _OpenValue(
                    _Object() if isinstance(event, yaml.MappingStartEvent) else [], event.anchor
                )
                self._set_anchor(event.anchor, opened.entries, 1)
                self._add(opened.entries, line, 0)
                self._open.append(opened)
                if len(self._open) > MAX_DEPTH:
                    raise _nesting_error(self._name)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close(self._open.pop())
        return self._roots

    def _close(self, ended: _OpenValue) -> None:
        """Add the size of a value that has ended to the one around it and to its anchor."""
        if self._open:
            self._open[-1].size += ended.size
        if ended.anchor and self._anchors[ended.anchor][0] is ended.entries:
            self._set_anchor(ended.anchor, ended.entries, ended.size)

    def _set_anchor(self, anchor: str | None, value: Any, size: int) -> None:
        if anchor:
            self._anchors[anchor] = value, size

    def _add(self, value: Any, line: int, size: int) -> None:
        if not self._open:
            self._roots.append(_Entry("", value, line))
            return
        around = self._open[-1]
        around.size += size
        entries, keys = around.entries, around.keys
        if not isinstance(entries, _Object):
            entries.append(_Entry("", value, line))
        elif keys:
            key = keys.pop()
            if key == "<<" and isinstance(value, _Object):
                own = {entry.key for entry in entries}
                entries.extend(_Entry(new.key, new.value, line) for new in value if new.key not in own)
            else:
                entries.append(_Entry(key, value, line))
        else:
            keys.append(value if isinstance(value, str) else "")


def _scalar(event: yaml.ScalarEvent) -> str | None:
    is_null = event.implicit[0] and event.tag is None and event.value in _NULL
    return None if is_null or event.tag == _BINARY_TAG else without_surrogates(event.value)


# Records


class _Writer:
    """Adds the records of a value to a builder. Raises DocumentError for too many or too deep ones."""

    def __init__(self, name: str) -> None:
        self.builder = DocumentBuilder(name)
        self._name = name
        self._records = self._values = self._chars = 0

    def add_root(self, root: Any) -> None:
        if isinstance(root, _Object):
            self._add_object(root)
        elif isinstance(root, list):
            self._add_records(root)
        else:
            self._add_record(1, "", root, None)

    def _add_object(self, root: _Object) -> None:
        """Add the plain values of an object as one record, then the records in its lists and objects."""
        own = _Object(entry for entry in root if not _holds_records(entry.value))
        if own:
            self._add_record(1, "", own, own[0].line)
        for entry in root:
            if not _holds_records(entry.value):
                continue
            self.builder.add_heading(entry.key, 1, (LineMark(0, entry.line),) if entry.line else ())
            if isinstance(entry.value, _Object) and not all(map(_is_object, entry.value)):
                self._add_record(1, "", entry.value, entry.line)
            else:
                self._add_records(entry.value)

    def _add_records(self, entries: Sequence[Any]) -> None:
        for number, item in enumerate(entries, 1):
            entry = item if isinstance(item, _Entry) else _Entry("", item)
            self._add_record(number, entry.key, entry.value, entry.line)

    def _add_record(self, number: int, key: str, value: Any, line: int | None) -> None:
        lines: list[str] = [key] if key else []
        marks: list[LineMark] = [LineMark(0, line)] if line else []
        start = len(key) + 1 if key else 0
        for path, text, leaf_line in self._leaves("", value, line, 0):
            shown = f"{path}: {text}" if path else text
            if leaf_line:
                marks.append(LineMark(start, leaf_line))
            lines.append(shown)
            start += len(shown) + 1
        if len(lines) > bool(key):
            self._records += 1
            if self._records > MAX_RECORDS:
                raise DocumentError(
                    self._name, f"has more than {MAX_RECORDS} records; split it", kind=ProblemKind.TOO_LARGE
                )
            self.builder.begin_page(str(number))
            self.builder.add_block("\n".join(lines), marks)

    def _leaves(
        self, path: str, value: Any, line: int | None, depth: int
    ) -> Iterator[tuple[str, str, int | None]]:
        """Yield the path of keys, the text and the line of each value that is not an object."""
        if depth > MAX_DEPTH:
            raise _nesting_error(self._name)
        if isinstance(value, list) and not isinstance(value, _Object):
            yield from self._items(path, value, line, depth)
        elif isinstance(value, _Object):
            for entry in value:
                inner = f"{path}.{entry.key}" if path else entry.key
                yield from self._leaves(inner, entry.value, entry.line or line, depth + 1)
        elif (text := _plain(value).strip()) or path == "":
            self._count(len(path) + len(text))
            if text:
                yield path, text, line

    def _items(
        self, path: str, items: Sequence[Any], line: int | None, depth: int
    ) -> Iterator[tuple[str, str, int | None]]:
        entries = [item if isinstance(item, _Entry) else _Entry("", item) for item in items]
        if _count_numbers(entries) > _MAX_NUMBERS:
            return
        if any(isinstance(entry.value, list) for entry in entries):
            for number, entry in enumerate(entries, 1):
                inner = f"{path}.{number}" if path else str(number)
                yield from self._leaves(inner, entry.value, entry.line or line, depth + 1)
            return
        texts = [text for entry in entries if (text := _plain(entry.value).strip())]
        self._count(sum(map(len, texts)) + len(path))
        if texts:
            yield path, ", ".join(texts), line

    def _count(self, chars: int) -> None:
        self._values += 1
        self._chars += chars
        if self._values > MAX_VALUES or self._chars > MAX_DOCUMENT_CHARS:
            raise _repetition_error(self._name)


def _repetition_error(name: str) -> DocumentError:
    return DocumentError(
        name, "has too many values, or repeats them too often; split it", kind=ProblemKind.TOO_LARGE
    )


def _holds_records(value: Any) -> bool:
    """Return whether a value in an object is a record itself, or a list of records."""
    if isinstance(value, _Object):
        return len(value) > 1 or any(map(_is_object, value))
    return isinstance(value, list) and any(_is_object(item) for item in value)


def _is_object(item: Any) -> bool:
    return isinstance(item.value if isinstance(item, _Entry) else item, _Object)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return (
        without_surrogates(value).replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else ""
    )


def _count_numbers(items: Sequence[Any]) -> int:
    """Return how many numbers a list, or a list of lists, has; 0 if it has anything else."""
    count = 0
    for item in items:
        value = item.value if isinstance(item, _Entry) else item
        if isinstance(value, list) and not isinstance(value, _Object):
            inner = _count_numbers(value)
            if not inner:
                return 0
            count += inner
        elif isinstance(value, str) and _is_number(value):
            count += 1
        else:
            return 0
    return count


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
