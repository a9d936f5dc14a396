import pytest

from retrieval.errors import DocumentError
from retrieval.loaders.html.epub import load
from tests.documents import make


@pytest.mark.parametrize("with_nav", [True, False])
def test_chapters(*, with_nav: bool) -> None:
    """Chapters come in the order of the spine, with their names in the contents, of either kind."""
    document = load(make.book(with_nav=with_nav), "a.epub")
    assert ("Обсерватория на Синей горе", "chapter") == (document.title, document.unit)
    assert [
        "Обсерваторию на Синей горе основал астроном Павел Лебедев в 1932 году.",
        "Её телескоп весит двенадцать тонн.",
        "Летом школьники приезжают смотреть на Персеиды.",
        "Ночью сторож выключает все фонари, чтобы свет не мешал наблюдениям.",
    ] == [block.of(document.text) for block in document.blocks]
    assert [("Основание", 1), ("Телескоп", 2), ("Ночные правила", 1)] == [
        (heading.text, heading.level) for heading in document.headings
    ]


def test_a_file_without_a_name_goes_on_the_chapter() -> None:
    """A file that the contents do not name belongs to the chapter before it."""
    document = load(make.book(), "a.epub")
    assert ["Основание", "Основание", "Ночные правила"] == [page.label for page in document.pages]


def test_protected() -> None:
    """A book that is locked to one reader says so; one whose fonts are locked is read."""
    lock = '<encryption><CipherData><CipherReference URI="OEBPS/{}"/></CipherData></encryption>'
    fonts = make.changed(make.book(), {"META-INF/encryption.xml": lock.format("font.otf")})
    assert load(make.book(), "a.epub") == load(fonts, "a.epub")
    locked = make.changed(make.book(), {"META-INF/encryption.xml": lock.format("text/two%20b.xhtml")})
    with pytest.raises(DocumentError, match=r"^a\.epub: is protected against copying; get one that is not"):
        load(locked, "a.epub")


def test_lacking_parts() -> None:
    """A missing chapter costs that chapter, a missing table of all of them the book."""
    book = make.book()
    without = make.changed(book, {"OEBPS/book.opf": make.OPF.replace("three.xhtml", "gone.xhtml")})
    assert 3 == len(load(without, "a.epub").blocks)
    with pytest.raises(DocumentError, match=r"^a\.epub: lacks its part 'gone.opf'; save it anew"):
        load(
            make.changed(book, {"META-INF/container.xml": '<c><rootfile full-path="gone.opf"/></c>'}),
            "a.epub",
        )


def test_no_book() -> None:
    """A Word document that was named .epub is refused."""
    with pytest.raises(DocumentError, match=r"^a\.epub: lacks its part 'META-INF/container.xml'"):
        load(make.word(), "a.epub")
