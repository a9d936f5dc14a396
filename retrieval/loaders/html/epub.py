"""Loads EPUB books: chapters in reading order, with their titles in the table of contents."""

from collections.abc import Iterable, Iterator
from posixpath import dirname, join, normpath
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.html.html import extract_blocks, parse_html
from retrieval.loaders.zip_archive import ZipArchive
from retrieval.model import Document

MAX_CHAPTERS = 10_000
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGE_MEDIA_TYPES = frozenset(
    {"application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document"}
)


def load(data: bytes, name: str) -> Document:
    """Load an .epub file. Pages that the table of contents does not list belong to the chapter before."""
    archive = ZipArchive(data, name)
    root = archive.parse_xml(_CONTAINER).find(".//rootfile")
    path = normpath(root.get("full-path", "")) if root is not None else ""
    book = archive.parse_xml(path)
    items = {item.get("id", ""): item for item in book.iter("item")}
    titles = dict(_chapter_titles(archive, path, items.values()))
    encrypted = set(_encrypted_paths(archive))
    builder, label = DocumentBuilder(name), ""
    for chapter in _spine_paths(book, items, path, name):
        if chapter in encrypted:
            raise DocumentError(
                name,
                "is copy-protected; replace it with an unprotected copy, or remove it",
                kind=ProblemKind.PROTECTED,
            )
        if chapter not in archive:
            continue
        page = parse_html(decode(archive.read(chapter), name), name)
        label = titles.get(chapter, label)
        if label:
            builder.begin_page(label)
        if chapter in titles and (page.body is None or not page.body.css_first("h1, h2, h3, h4, h5, h6")):
            builder.add_heading(label, 1)
        extract_blocks(page, builder)
    return builder.build(book.findtext(".//title"), unit="chapter")


def _spine_paths(book: Element, items: dict[str, Element], path: str, name: str) -> Iterator[str]:
    """Yield the paths of the pages in reading order, without the table of contents."""
    item_ids = dict.fromkeys(reference.get("idref", "") for reference in book.iter("itemref"))
    spine = [items.get(item_id) for item_id in item_ids]
    if len(spine) > MAX_CHAPTERS:
        raise DocumentError(name, f"has more than {MAX_CHAPTERS} parts; split it", kind=ProblemKind.TOO_LARGE)
    for item in spine:
        if item is not None and item.get("media-type") in _PAGE_MEDIA_TYPES and not _is_nav(item):
            yield _resolve_link(path, item.get("href", ""))


def _chapter_titles(archive: ZipArchive, path: str, items: Iterable[Element]) -> Iterator[tuple[str, str]]:
    """Yield the path of each page in the table of contents with its first title there."""
    titles: dict[str, str] = {}
    for item in sorted(items, key=_is_nav, reverse=True):
        toc_path = _resolve_link(path, item.get("href", ""))
        if toc_path not in archive:
            continue
        if _is_nav(item):
            entries = _nav_entries(archive, toc_path)
        elif item.get("media-type") == "application/x-dtbncx+xml":
            entries = _ncx_entries(archive, toc_path)
        else:
            continue
        for target, label in entries:
            if label:
                titles.setdefault(_resolve_link(toc_path, target), label)
    return iter(titles.items())


def _nav_entries(archive: ZipArchive, path: str) -> Iterator[tuple[str, str]]:
    page = parse_html(decode(archive.read(path), archive.name), archive.name)
    for link in page.css("nav li a[href]"):
        yield link.attributes.get("href") or "", " ".join(link.text().split())


def _ncx_entries(archive: ZipArchive, path: str) -> Iterator[tuple[str, str]]:
    for point in archive.parse_xml(path).iter("navPoint"):
        content = point.find("content")
        if content is not None:
            yield content.get("src", ""), " ".join((point.findtext("navLabel/text") or "").split())


def _is_nav(item: Element) -> bool:
    return "nav" in item.get("properties", "").split()


def _encrypted_paths(archive: ZipArchive) -> Iterator[str]:
    """Yield the paths of encrypted files; some books encrypt only fonts."""
    if _ENCRYPTION in archive:
        for reference in archive.parse_xml(_ENCRYPTION).iter("CipherReference"):
            yield normpath(unquote(reference.get("URI", "")))


def _resolve_link(path: str, link: str) -> str:
    """Return the archive path that a link in the file at `path` refers to."""
    return normpath(join(dirname(path), unquote(link.partition("#")[0])))
