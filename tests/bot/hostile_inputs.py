"""Hypothesis strategies for difficult documents, and a check that a reply is within Telegram's limits."""

from hypothesis import strategies as st

from bot.views.message import Reply, decode_answer_press, decode_browse_press, decode_chat_document_press
from retrieval.model import Citation, Locator, Passage, Span

MAX_UNITS = 4096
MAX_BUTTONS = 100

ODD = st.sampled_from(
    [
        "😀",
        "👨‍👩‍👧‍👦",
        "شارع",
        "שלום",
        "e\u0301" * 3,
        "\u200b",
        "\u202e",
        "\t",
        "\x00",
        "\n\n",
        "a" * 300,
        " ",
        "漢字",
        "🇹🇷",
    ]
)
WILD = st.lists(ODD | st.text(max_size=30), min_size=1, max_size=30).map("".join).filter(str.strip)
LONG = st.sampled_from(["x" * 10_000, "é" * 5_000, "😀" * 4_000, "word " * 2_000, "שלום " * 900])
NAMES = WILD | LONG | st.just("\udce9latin.txt")


def slice_of(text: str, offset: int, length: int) -> str:
    """Return the text of an entity; raise UnicodeDecodeError if it splits a surrogate pair."""
    data = text.encode("utf-16-le")
    assert 0 <= offset
    assert length > 0
    assert offset + length <= len(data) // 2
    return data[offset * 2 : (offset + length) * 2].decode("utf-16-le")


def texts_of(reply: Reply, kind: str) -> list[str]:
    """Return the texts of all entities of a type."""
    return [
        slice_of(reply.text, entity.offset, entity.length) for entity in reply.entities if entity.type == kind
    ]


def check_limits(reply: Reply) -> None:
    """Assert that a message and its buttons are within Telegram's limits."""
    assert 1 <= len(reply.text.encode("utf-16-le")) // 2 <= MAX_UNITS
    assert reply.text.strip()
    assert len(reply.entities) <= 100
    assert sum(len(entity.to_json()) for entity in reply.entities) <= 9500
    for entity in reply.entities:
        assert slice_of(reply.text, entity.offset, entity.length)
    # Of two that overlap, one is inside the other.
    spans = sorted({(entity.offset, -entity.offset - entity.length) for entity in reply.entities})
    open_ends: list[int] = []
    for begin, negative_end in spans:
        while open_ends and open_ends[-1] <= begin:
            open_ends.pop()
        assert not open_ends or -negative_end <= open_ends[-1]
        open_ends.append(-negative_end)
    rows = reply.keyboard.inline_keyboard if reply.keyboard else ()
    assert sum(map(len, rows)) <= MAX_BUTTONS
    for row in rows:
        for button in row:
            assert button.text.strip()
            if button.copy_text:
                assert 1 <= len(button.copy_text.text.encode("utf-16-le")) // 2 <= 256
                continue
            assert 1 <= len(str(button.callback_data).encode()) <= 64
            assert any(
                parse(button.callback_data)
                for parse in (decode_answer_press, decode_browse_press, decode_chat_document_press)
            )


@st.composite
def citations(draw: st.DrawFn) -> Citation:
    text = draw(WILD | LONG)
    start = draw(st.integers(0, len(text) - 1))
    end = draw(st.integers(start + 1, min(start + 1000, len(text))))
    base = draw(st.integers(0, 10**9))
    many = st.sampled_from([tuple(range(start, end)), tuple(range(start, end, 2)), (0, len(text) + 50)])
    at = draw(many | st.lists(st.integers(0, len(text)), max_size=40).map(tuple))
    highlights = tuple(Span(base + a, base + a + 1) for a in at)
    name, title, heading = draw(NAMES), draw(NAMES), draw(st.none() | NAMES)
    key = draw(st.none() | st.tuples(st.integers(start, end - 1), st.integers(1, 99)))
    passage = Passage(
        "A-z_9" * 4, name, title, Span(base, base + len(text)), text, (heading or "",), 1, 3, "en", None
    )
    return Citation(
        rank=1,
        document_name=name,
        title=title,
        span=Span(base + start, base + end),
        quote=text[start:end],
        highlights=highlights,
        score=1.0,
        locator=Locator(heading, draw(st.none() | st.integers(1, 9999)), 1, draw(st.integers(1, 10**6)), 1),
        passage=passage,
        key=key and Span(base + key[0], base + min(sum(key), end)),
    )
