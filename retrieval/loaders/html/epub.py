"""Electronic books: the chapters in reading order, named as the table of contents names them."""

from collections.abc import Iterable, Iterator
from posixpath import dirname, join, normpath
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from retrieval.errors import DocumentError
from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.html.blocks import extract_blocks
from retrieval.loaders.html.html import parse
from retrieval.loaders.zip_archive import ZipArchive
from retrieval.model import Document

MOST_CHAPTERS = 10_000
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document"})


def load(data: bytes, name: str) -> Document:
    """Read a .epub file; a chapter has its name in the contents, or that of the chapter that it goes on."""
    archive = ZipArchive(data, name)
    root = archive.tree(_CONTAINER).find(".//rootfile")
    path = normpath(root.get("full-path", "")) if root is not None else ""
    book = archive.tree(path)
    items = {item.get("id", ""): item for item in book.iter("item")}
    names = dict(_contents(archive, path, items.values()))
    locked = set(_locked(archive))
    draft, label = DocumentBuilder(name), ""
    for chapter in _chapters(book, items, path, name):
        if chapter in locked:
            raise DocumentError(name, "is protected against copying; get one that is not, or remove it")
        if chapter not in archive:
            continue
        page = parse(decode(archive.read(chapter), name), name)
        label = names.get(chapter, label)
        if label:
            draft.page(label)
        if chapter in names and (page.body is None or not page.body.css_first("h1, h2, h3, h4, h5, h6")):
            draft.heading(label, 1)
        extract_blocks(page, draft)
    return draft.document(book.findtext(".//title"), unit="chapter")


def _chapters(book: Element, items: dict[str, Element], path: str, name: str) -> Iterator[str]:
    """Yield the paths of the pages in reading order, without the table of contents."""
    listed = dict.fromkeys(reference.get("idref", "") for reference in book.iter("itemref"))
    spine = [items.get(identity) for identity in listed]
    if len(spine) > MOST_CHAPTERS:
        raise DocumentError(name, f"has more than {MOST_CHAPTERS} parts; split it")
    for item in spine:
        if item is not None and item.get("media-type") in _PAGES and not _is_contents(item):
            yield _beside(path, item.get("href", ""))


def _contents(archive: ZipArchive, path: str, items: Iterable[Element]) -> Iterator[tuple[str, str]]:
    """Yield the pages in the table of contents, each with its first title there."""
    found: dict[str, str] = {}
    for item in sorted(items, key=_is_contents, reverse=True):
        listed = _beside(path, item.get("href", ""))
        if listed not in archive:
            continue
        if _is_contents(item):
            entries = _of_navigation(archive, listed)
        elif item.get("media-type") == "application/x-dtbncx+xml":
            entries = _of_ncx(archive, listed)
        else:
            continue
        for target, label in entries:
            if label:
                found.setdefault(_beside(listed, target), label)
    return iter(found.items())


def _of_navigation(archive: ZipArchive, path: str) -> Iterator[tuple[str, str]]:
    page = parse(decode(archive.read(path), archive.name), archive.name)
    for link in page.css("nav li a[href]"):
        yield link.attributes.get("href") or "", " ".join(link.text().split())


def _of_ncx(archive: ZipArchive, path: str) -> Iterator[tuple[str, str]]:
    for point in archive.tree(path).iter("navPoint"):
        content = point.find("content")
        if content is not None:
            yield content.get("src", ""), " ".join((point.findtext("navLabel/text") or "").split())


def _is_contents(item: Element) -> bool:
    return "nav" in item.get("properties", "").split()


def _locked(archive: ZipArchive) -> Iterator[str]:
    """Yield the paths of encrypted files; some books encrypt only fonts."""
    if _ENCRYPTION in archive:
        for reference in archive.tree(_ENCRYPTION).iter("CipherReference"):
            yield normpath(unquote(reference.get("URI", "")))


def _beside(path: str, link: str) -> str:
    """Return the path of a link, relative to the file it is in."""
    return normpath(join(dirname(path), unquote(link.partition("#")[0])))
