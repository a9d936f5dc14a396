import pytest

from retrieval.errors import DocumentError
from retrieval.loaders.html.epub import load
from tests.documents import samples


@pytest.mark.parametrize("with_nav", [True, False])
def test_chapters(*, with_nav: bool) -> None:
    """Chapters are in spine order, with their titles from either kind of table of contents."""
    document = load(samples.make_epub(with_nav=with_nav), "a.epub")
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


def test_page_outside_the_table_of_contents() -> None:
    """A page that the table of contents does not list belongs to the chapter before it."""
    document = load(samples.make_epub(), "a.epub")
    assert ["Основание", "Основание", "Ночные правила"] == [page.label for page in document.pages]


def test_protected() -> None:
    """A book with encrypted text is rejected; one with encrypted fonts only is read."""
    encryption = '<encryption><CipherData><CipherReference URI="OEBPS/{}"/></CipherData></encryption>'
    fonts = samples.replace_entries(
        samples.make_epub(), {"META-INF/encryption.xml": encryption.format("font.otf")}
    )
    assert load(samples.make_epub(), "a.epub") == load(fonts, "a.epub")
    encrypted = samples.replace_entries(
        samples.make_epub(), {"META-INF/encryption.xml": encryption.format("text/two%20b.xhtml")}
    )
    with pytest.raises(
        DocumentError, match=r"^a\.epub: is copy-protected; replace it with an unprotected copy"
    ):
        load(encrypted, "a.epub")


def test_missing_parts() -> None:
    """A missing chapter is skipped; without the package document the book is rejected."""
    book = samples.make_epub()
    without = samples.replace_entries(
        book, {"OEBPS/book.opf": samples.OPF.replace("three.xhtml", "gone.xhtml")}
    )
    assert 3 == len(load(without, "a.epub").blocks)
    with pytest.raises(DocumentError, match=r"^a\.epub: lacks its part 'gone.opf'; save it again"):
        load(
            samples.replace_entries(
                book, {"META-INF/container.xml": '<c><rootfile full-path="gone.opf"/></c>'}
            ),
            "a.epub",
        )


def test_wrong_format() -> None:
    """A Word document with the suffix .epub is rejected."""
    with pytest.raises(DocumentError, match=r"^a\.epub: lacks its part 'META-INF/container.xml'"):
        load(samples.make_docx(), "a.epub")
