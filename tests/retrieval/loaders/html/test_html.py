import pytest

from retrieval.errors import DocumentError
from retrieval.loaders.html import html
from retrieval.loaders.html.html import load
from retrieval.model import Document
from tests.documents import make


def read(text: str, name: str = "a.html") -> Document:
    return load(text.encode(), name)


def parts(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def test_all_that_a_page_holds() -> None:
    """Headings, paragraphs, items, rows and typed text are read; menus and scripts are not."""
    document = read(make.PAGE)
    assert [
        "Die Wassermühle in Ahrental gehört seit 1911 der Familie Brandstetter.\nSie mahlt Roggen & Dinkel.",
        "Das Brot wird im Steinofen gebacken.",
        "Am Samstag wird es auf dem Marktplatz verkauft.",
        "Preise",
        "Brot: Roggenbrot\nGewicht: 1 kg\nPreis: 4,20 Euro",
        "Brot: Dinkelbrot\nGewicht: 1 kg\nPreis: 5,10 Euro",
        "Mehl   Wasser\nSalz",
        "Der Mühlteich friert im Januar zu.",
    ] == parts(document)
    assert ("Die Mühle von Ahrental", "paragraph") == (document.title, document.unit)
    assert [("Die Mühle von Ahrental", 1), ("Backtage", 2)] == [
        (heading.text, heading.level) for heading in document.headings
    ]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<p>a</p>b<div>c<hr>d</div>", ["a", "b", "c", "d"]),
        ("one<br>two<br><br>three", ["one\ntwo", "three"]),
        ("<span>light</span><b>house</b> <i>keeper</i>", ["lighthouse keeper"]),
        ("<ul><li>a<ul><li>b</ul>c<li>d</ul>", ["a", "b", "c", "d"]),
        ("<dl><dt>Open<dd>nine<dt>Closed<dd>Sunday</dl>", ["Open\nnine", "Closed\nSunday"]),
        ("<dl><dt>Open<dd><p>nine<p>ten</dl>", ["Open\nnine", "ten"]),
        ("<dl><dt>Open<dt>Shut<dd>nine</dl>", ["Open\nShut\nnine"]),
        ("<dl><dt>Open</dt></dl><p>nine", ["Open", "nine"]),
        ("<dl><dt>Open<dd><ul><li>nine</ul></dl>", ["Open", "nine"]),
        ("<details><summary>When?</summary><p>At nine.<p>Or ten.</details>", ["When?\nAt nine.", "Or ten."]),
        ("<ol start=3><li>a<li><p>b<ul><li>c</ul><li value=9>d</ol>", ["3. a", "4. b", "c", "9. d"]),
        ("<ol type=a><li>a</ol><ol reversed><li>b</ol><li>c", ["a", "b", "c"]),
        ("<pre>a<br>b\n  c</pre>", ["a\nb\n  c"]),
        ("<p>九点\n开门。\nOpen\nat 九", ["九点开门。 Open at 九"]),
        ("<p>a&nbsp;b &lt;c&gt; &#x1F642;", ["a\xa0b <c> 🙂"]),
        ("<p>seen<span hidden>not</span><template>nor</template>", ["seen"]),
        ("<ruby>東京<rp>(</rp><rt>とうきょう</rt></ruby>", ["東京"]),
        ("<table><tr><th>Monday<td>9 to 17<tr><th>Sunday<td></table>", ["Monday | 9 to 17", "Sunday"]),
        ("<table><tr><td><h2>A</h2>text<td>side</table>", ["text", "side"]),
        ("<table><tr><td>x<table><tr><td>a<td>b</table></table>", ["x", "a | b"]),
        ("<table><tr><th colspan=2>A<th>B<tr><td>1<td>2<td>3</table>", ["A: 1\n2\nB: 3"]),
    ],
)
def test_blocks(page: str, expected: list[str]) -> None:
    """A page is parted where a browser begins a new line."""
    assert expected == parts(read(page))


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<p>around</p><main>text</main>", ["text"]),
        ("<main></main><p>text</p>", ["text"]),
        ("<nav>menu</nav><footer>foot</footer>text", ["text"]),
        ("<nav>all there is</nav>", ["all there is"]),
        ("<header>top</header><article><header>own</header>text</article>", ["own", "text"]),
        ("<header>top</header>text", ["top", "text"]),
        ("<div role=dialog>accept</div><div class='cookie-banner'>cookies</div>text", ["text"]),
        ("<p class=cookie>Bake the cookies.</p>", ["Bake the cookies."]),
        ("<p style='color:red;display:none'>hidden</p>some text", ["some text"]),
        ("<div style='display: none'>all of the text</div>loading", ["all of the text", "loading"]),
        (
            "<p>of <span style='display:none'><math><mi>x</mi><annotation>tex</annotation></math></span>",
            ["of x"],
        ),
    ],
)
def test_main_part(page: str, expected: list[str]) -> None:
    """What stands around the text is left out, unless it is all there is."""
    assert expected == parts(read(page))


@pytest.mark.parametrize(
    "link", ["<a href=#a>¶</a>", "<a class=anchor href='#a'></a>", "<a href='/a#b'>#</a>"]
)
def test_links_to_headings(link: str) -> None:
    """A sign that links to a heading is not of it."""
    (heading,) = read(f"<h2>Opening hours{link}</h2>At nine").headings
    assert "Opening hours" == heading.text


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ('<meta charset="windows-1251">', "cp1251"),
        ("<meta http-equiv=Content-Type content='text/html; charset=koi8-r'>", "koi8-r"),
        ('<?xml version="1.0" encoding="windows-1251"?>', "cp1251"),
        ("", "utf-8"),
        ("<meta charset=windows-1251>", "utf-16"),
        ("<meta charset=rot13>", "utf-8"),
        ("<meta charset=unicode_escape>", "utf-8"),
    ],
)
def test_encodings(head: str, encoding: str) -> None:
    """The mark of the bytes comes before what the page says, and that before a guess."""
    text = "Библиотека открыта с девяти утра."
    assert [text] == parts(load(f"{head}<p>{text}</p>".encode(encoding), "a.html"))


def test_latin_1_is_what_people_take_it_for() -> None:
    """A page that names Latin 1 may hold curly quotation marks, as browsers have it."""
    assert ["“It’s 5 €”"] == parts(load("<meta charset=iso-8859-1>“It’s 5 €”".encode("cp1252"), "a.html"))


def test_xhtml() -> None:
    """Elements that XML closes in themselves do not swallow what follows."""
    page = (
        '<?xml version="1.0"?><html><head><title/><script src="a"/></head><body><a id="b"/><p>Text</p></body>'
    )
    assert ["Text"] == parts(read(f"{page}</html>", "a.xhtml"))


def test_tags_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that would take a parser hours, or all memory, is refused before it is parsed."""
    formats = "".join(f"<b id={number}>" for number in range(3000))
    for page in ("<div>" * 1_000_000 + "x", f"<p>{formats}</p>" + "<p>x</p>" * 5000):
        with pytest.raises(DocumentError, match=r"^a\.html: leaves too many of its tags open; save it"):
            read(page)
    with pytest.raises(DocumentError, match=r"^a\.html: has a tag with thousands of attributes"):
        read("<p " + " ".join(f"a{number}=1" for number in range(100_000)) + ">x")
    monkeypatch.setattr(html, "MOST_NESTED", 10)
    assert ["a", "b", "c"] == parts(read("<p>a<p>b<p>c<br><br><img>"))


def test_lists_and_tables() -> None:
    """Each outermost list and table is a span of the document, whatever is in its items."""
    document = read(
        "<p>x<ul><li>a<ol><li>b</ol><li><pre>c</pre></ul><p>y<ul><li>d</ul>"
        "<table><tr><th>e<th>f<tr><td>1<td>2<tr><td>3<td>4</table>"
    )
    assert ["a\n\n1. b\n\nc", "d", "e: 1\nf: 2\n\ne: 3\nf: 4"] == [
        span.of(document.text) for span in document.lists
    ]


def test_no_page() -> None:
    """A picture that was named .html is refused by name."""
    with pytest.raises(DocumentError, match=r"^a\.html: this is not a text file"):
        load(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "a.html")
