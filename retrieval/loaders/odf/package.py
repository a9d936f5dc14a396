"""OpenDocument packages: the body of the content, the styles and the title."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.zip_archive import ZipArchive

# The parser keeps the namespaces of attributes. All versions of OASIS OpenDocument have the same.
_URN = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
DRAW, OFFICE, PRESENTATION, STYLE, TABLE, TEXT = (
    _URN % space for space in ("drawing", "office", "presentation", "style", "table", "text")
)
_CONTENT, _STYLES, _META, _MANIFEST = "content.xml", "styles.xml", "meta.xml", "META-INF/manifest.xml"
_KINDS = ("text", "spreadsheet", "presentation", "drawing", "chart", "database")


@dataclass(frozen=True, slots=True)
class Style:
    """What a style says of what is read: `outline_level` counts from 1, `is_shown` is of sheets."""

    parent: str
    outline_level: str
    is_shown: bool


class OpenDocument:
    """A package whose content is of a kind: `text`, `spreadsheet` or `presentation`."""

    def __init__(self, data: bytes, name: str, kind: str) -> None:
        """Raise DocumentError when the file is no OpenDocument, is encrypted, or is of another kind."""
        self.archive = ZipArchive(data, name)
        if _MANIFEST in self.archive and _is_encrypted(self.archive):
            raise DocumentError(name, "is encrypted; save it without a password", kind=ProblemKind.PROTECTED)
        if _CONTENT not in self.archive:
            raise DocumentError(name, "is not an OpenDocument file; give it the suffix of its real format")
        self._content = self.archive.parse_xml(_CONTENT)
        body = self._content.find(f"body/{kind}")
        if body is None:
            other = next((tag for tag in _KINDS if self._content.find(f"body/{tag}") is not None), "no body")
            raise DocumentError(name, f"is another kind of OpenDocument ({other}); give it its real suffix")
        self.body = body

    @property
    def title(self) -> str | None:
        """The title in the document properties, if any; damage there costs no text."""
        with suppress(DocumentError):
            return self.archive.parse_xml(_META).findtext("meta/title")
        return None

    def styles(self, family: str) -> dict[str, Style]:
        """Return the styles of a family, such as `paragraph`, by name; damage there costs no text."""
        roots = [self._content]
        with suppress(DocumentError):
            roots.insert(0, self.archive.parse_xml(_STYLES))
        return {name: style for root in roots for name, style in _read_styles(root, family)}


def _read_styles(root: Element, family: str) -> Iterator[tuple[str, Style]]:
    for group in root:
        if group.tag not in {"styles", "automatic-styles"}:
            continue
        for style in group.findall("style"):
            if style.get(f"{STYLE}family") == family:
                properties = style.find("table-properties")
                yield (
                    style.get(f"{STYLE}name", ""),
                    Style(
                        style.get(f"{STYLE}parent-style-name", ""),
                        style.get(f"{STYLE}default-outline-level", ""),
                        properties is None or properties.get(f"{TABLE}display") != "false",
                    ),
                )


def _is_encrypted(archive: ZipArchive) -> bool:
    return next(archive.parse_xml(_MANIFEST).iter("encryption-data"), None) is not None


def repetitions(element: Element, attribute: str) -> int:
    """Return how often a row or column is repeated, or how many a cell spans: at least 1."""
    value = element.get(f"{TABLE}number-{attribute}", "")
    return max(1, int(value)) if value.isascii() and value.isdecimal() and len(value) <= 9 else 1  # noqa: PLR2004
