"""Parses XML that may be hostile: declared entities, very many tags and deep nesting are rejected."""

from collections.abc import Iterable
from xml.etree import ElementTree as ET
from xml.parsers import expat

from retrieval.errors import DocumentError, ProblemKind

# An element takes 100 to 200 bytes, so this bounds memory.
MAX_TAGS = 5_000_000
MAX_DEPTH = 256
SAVE_AGAIN = "save it again in the program that made it"


def parse_xml(chunks: Iterable[bytes], name: str, path: str) -> ET.Element:
    """Parse a part of a document; tags have no namespaces. Errors name the part by `path`.

    Raises DocumentError for malformed XML, over MAX_TAGS tags, nesting deeper than MAX_DEPTH, and entity
    declarations, which may expand without limit or refer to other files.
    """
    try:
        root = _parse(chunks, name, path)
    except (ET.ParseError, expat.ExpatError, ValueError, LookupError, RuntimeError):
        raise DocumentError(name, f"is damaged at {path[:80]!r}; {SAVE_AGAIN}") from None
    _strip_namespaces(root, name)
    return root


def _parse(chunks: Iterable[bytes], name: str, path: str) -> ET.Element:
    parser, prologue, tags = ET.XMLParser(), _Prologue(), 0  # noqa: S314 declarations are rejected first
    for chunk in chunks:
        tags += chunk.count(b"<")
        if tags > MAX_TAGS:
            raise DocumentError(
                name, "is too large to be read as a whole; split it", kind=ProblemKind.TOO_LARGE
            )
        if prologue.has_declarations(chunk):
            raise DocumentError(name, f"declares entities in {path[:80]!r}; remove it")
        parser.feed(chunk)
    return parser.close()


def _strip_namespaces(root: ET.Element, name: str) -> None:
    """Remove the namespaces from all tags, level by level."""
    names: dict[str, str] = {}
    level, depth = [root], 0
    while level:
        for element in level:
            tag = element.tag
            if tag not in names:
                names[tag] = tag.rpartition("}")[2]
            element.tag = names[tag]
        level, depth = [inner for element in level for inner in element], depth + 1
        if depth > MAX_DEPTH:
            raise DocumentError(name, f"is nested more than {MAX_DEPTH} deep; {SAVE_AGAIN}")


class _Prologue:
    """The prologue of an XML document: everything before its root element."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._on_doctype
        self._parser.StartElementHandler = self._on_root
        self._has_ended = self._has_declared = False

    def has_declarations(self, chunk: bytes) -> bool:
        """Parse a chunk, unless the root element was reached, and return whether entities are declared."""
        if not self._has_ended:
            self._parser.Parse(chunk)
        return self._has_declared

    def _on_doctype(self, _name: str, _system: str | None, _public: str | None, has_subset: int) -> None:
        self._has_declared = bool(has_subset)

    def _on_root(self, *_: object) -> None:
        self._has_ended = True
