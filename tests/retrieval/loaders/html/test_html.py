import pytest

from retrieval.errors import DocumentError
from retrieval.loaders.html import html
from retrieval.loaders.html.html import load
from retrieval.model import Document
from tests.documents import samples


def read(text: str, name: str = "a.html") -> Document:
    return load(text.encode(), name)


def blocks(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def test_page() -> None:
    """Headings, paragraphs, list items, rows and preformatted text are read; menus and scripts are not."""
    document = read(samples.HTML)
    assert [
        "Die Wassermühle in Ahrental gehört seit 1911 der Familie Brandstetter.\nSie mahlt Roggen & Dinkel.",
        "Das Brot wird im Steinofen gebacken.",
        "Am Samstag wird es auf dem Marktplatz verkauft.",
        "Preise",
        "Brot: Roggenbrot\nGewicht: 1 kg\nPreis: 4,20 Euro",
        "Brot: Dinkelbrot\nGewicht: 1 kg\nPreis: 5,10 Euro",
        "Mehl   Wasser\nSalz",
        "Der Mühlteich friert im Januar zu.",
    ] == blocks(document)
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
        ("<table><tr><th colspan=2>A<th>B<tr><td>1<td>2<td>3</table>", ["A: 1\nA: 2\nB: 3"]),
    ],
)
def test_blocks(page: str, expected: list[str]) -> None:
    """A page is split where a browser begins a new block."""
    assert expected == blocks(read(page))


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
def test_main_content(page: str, expected: list[str]) -> None:
    """Elements around the main content are dropped unless there is nothing else."""
    assert expected == blocks(read(page))


@pytest.mark.parametrize(
    "link", ["<a href=#a>¶</a>", "<a class=anchor href='#a'></a>", "<a href='/a#b'>#</a>"]
)
def test_heading_links(link: str) -> None:
    """A link symbol in a heading is not part of its text."""
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
    """A byte order mark overrides the declared encoding, and that overrides detection."""
    text = "Библиотека открыта с девяти утра."
    assert [text] == blocks(load(f"{head}<p>{text}</p>".encode(encoding), "a.html"))


def test_latin_1_is_windows_1252() -> None:
    """A page declared as Latin 1 is decoded as windows-1252, as in browsers."""
    assert ["“It’s 5 €”"] == blocks(load("<meta charset=iso-8859-1>“It’s 5 €”".encode("cp1252"), "a.html"))


def test_xhtml() -> None:
    """Self-closing elements of XHTML do not swallow the text after them."""
    page = (
        '<?xml version="1.0"?><html><head><title/><script src="a"/></head><body><a id="b"/><p>Text</p></body>'
    )
    assert ["Text"] == blocks(read(f"{page}</html>", "a.xhtml"))


@pytest.mark.slow
def test_hostile_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that would take hours or all memory to parse is rejected before it is parsed."""
    open_tags = "".join(f"<b id={number}>" for number in range(3000))
    for page in ("<div>" * 1_000_000 + "x", f"<p>{open_tags}</p>" + "<p>x</p>" * 5000):
        with pytest.raises(DocumentError, match=r"^a\.html: leaves too many tags open; save it"):
            read(page)
    with pytest.raises(DocumentError, match=r"^a\.html: has a tag with thousands of attributes"):
        read("<p " + " ".join(f"a{number}=1" for number in range(100_000)) + ">x")
    monkeypatch.setattr(html, "MAX_NESTING_WORK", 10)
    assert ["a", "b", "c"] == blocks(read("<p>a<p>b<p>c<br><br><img>"))


def test_lists_and_tables() -> None:
    """`lists` has a span for each outermost list and table, with everything inside it."""
    document = read(
        "<p>x<ul><li>a<ol><li>b</ol><li><pre>c</pre></ul><p>y<ul><li>d</ul>"
        "<table><tr><th>e<th>f<tr><td>1<td>2<tr><td>3<td>4</table>"
    )
    assert ["a\n\n1. b\n\nc", "d", "e: 1\nf: 2\n\ne: 3\nf: 4"] == [
        span.of(document.text) for span in document.lists
    ]


def test_wrong_format() -> None:
    """A picture with the suffix .html is rejected."""
    with pytest.raises(DocumentError, match=r"^a\.html: this is not a text file"):
        load(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "a.html")


def test_bold_type() -> None:
    """On a page without headings, short paragraphs in bold type are, and bold words before others."""
    page = (
        "<p><b>Rent</b></p><p>It is <b>900</b> pounds.</p>"
        "<p><span style='font-weight: 700'>Pets</span></p><p>One cat may be kept.</p>"
        "<p><strong>Keys.</strong> There are five of them.</p>"
        "<p><strong>Bins.</strong> They are emptied on Monday.</p>"
    )
    assert ["Rent", "Pets", "Keys", "Bins"] == [heading.text for heading in read(page).headings]
    assert () == read(page.replace("b>", "i>").replace("strong>", "i>").replace("700", "400")).headings
    assert ["House"] == [heading.text for heading in read("<p>A</p><h2>House</h2>" + page).headings]
