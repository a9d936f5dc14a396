from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import validation
from sandbox.entity_parsing import utf16_length, utf16_slice
from sandbox.errors import ApiError
from sandbox.model import Entity, TextWithEntities


def refusal(formatted: TextWithEntities) -> str:
    with pytest.raises(ApiError) as caught:
        validation.text(formatted)
    return caught.value.description


def text(value: str, *entities: tuple[str, int, int]) -> TextWithEntities:
    return TextWithEntities(value, tuple(Entity(*one) for one in entities))


@pytest.mark.parametrize(
    ("formatted", "expected"),
    [
        (text(""), "Bad Request: message text is empty"),
        (text(" \n "), "Bad Request: text must be non-empty"),
        (text("a" * 4097), "Bad Request: message is too long"),
        (text("😀" * 2049), "Bad Request: message is too long"),
        (text("x" + " " * 32_768), "Bad Request: message is too long"),
        (text("abc", ("bold", 1, 3)), "ends after the end of the text"),
        (text("a😀b", ("bold", 2, 1)), "begins in a middle of a UTF-16 symbol"),
        (text("a😀b", ("bold", 0, 2)), "ends in a middle of a UTF-16 symbol"),
        (text("abc", ("bold", 0, 0)), "incorrect length"),
        (text("abc", ("bold", -1, 2)), "incorrect offset"),
        (text("abc", ("shout", 0, 1)), "unsupported entity type"),
        (text("abcd", ("blockquote", 0, 4), ("blockquote", 1, 1)), "can't be nested"),
        (text("abcd", ("blockquote", 0, 3), ("expandable_blockquote", 2, 2)), "can't be nested"),
        (text("abcd", ("code", 0, 4), ("bold", 1, 1)), "code entities can't contain"),
        (text("abcd", ("bold", 0, 3), ("blockquote", 2, 2)), "cross the border"),
        (text("abcd", ("text_link", 0, 1)), "is invalid"),
        (text("a" * 200, *[("bold", at, 1) for at in range(101)]), "ENTITIES_TOO_LONG"),
    ],
)
def test_refuses(formatted: TextWithEntities, expected: str) -> None:
    """What Telegram would refuse or mend is refused, and the error says what."""
    assert expected in refusal(formatted)


def test_much_entity_data_is_refused() -> None:
    """A hundred links with long addresses are more than a message carries."""
    links = tuple(Entity("text_link", at, 1, url="https://example.com/" + "a" * 100) for at in range(90))
    assert "ENTITIES_TOO_LONG" in refusal(TextWithEntities("a" * 90, links))


@pytest.mark.parametrize("size", [1, 4096])
def test_the_longest_and_shortest_text_pass(size: int) -> None:
    """1 to 4096 units are a message."""
    assert validation.text(text("a" * size)).text == "a" * size


def test_bold_inside_a_blockquote_passes() -> None:
    """Matches may be bold inside a quote."""
    formatted = text("quoted words", ("blockquote", 0, 12), ("bold", 7, 5))
    assert validation.text(formatted) == formatted


def test_trimming_moves_entities() -> None:
    """Blank ends are cut and entities stay on their words."""
    stored = validation.text(text("\n  one two \n", ("bold", 3, 3), ("italic", 7, 5)))
    assert stored == text("one two", ("bold", 0, 3), ("italic", 4, 3))


def test_control_characters_are_cleaned() -> None:
    """Control characters become spaces, direction marks vanish, entities move along."""
    stored = validation.text(text("a\x00b\r\u202ec", ("bold", 4 + 1, 1)))
    assert stored == text("a bc", ("bold", 3, 1))


def test_commands_mentions_and_links_are_found() -> None:
    """Telegram finds commands, mentions, addresses and tags by itself, in UTF-16 units."""
    stored = validation.text(text("😀 /ask@verbatim_bot see https://example.com/a, @adaa #tag"))
    found = [(one.type, utf16_slice(stored.text, one.offset, one.end)) for one in stored.entities]
    assert found == [
        ("bot_command", "/ask@verbatim_bot"),
        ("url", "https://example.com/a"),
        ("mention", "@adaa"),
        ("hashtag", "#tag"),
    ]


@pytest.mark.parametrize(
    ("value", "links"),
    [
        ("example.com, readme.md and a.txt", ["example.com", "readme.md"]),
        ("(https://a.org/x(y)) see www.un.org/r.pdf.", ["https://a.org/x(y)", "www.un.org/r.pdf"]),
        ("12.5 http://localhost:80/x me@example.com", []),
    ],
)
def test_links_are_found(value: str, links: list[str]) -> None:
    """What looks like a link is one in Telegram, file names of some kinds too."""
    stored = validation.text(text(value))
    found = [utf16_slice(stored.text, one.offset, one.end) for one in stored.entities if one.type == "url"]
    assert found == links


@given(st.text(max_size=200), st.integers(0, 200), st.integers(1, 200))
def test_every_stored_entity_lies_on_whole_letters(value: str, start: int, length: int) -> None:
    """Whatever is accepted has entities inside the text, on borders of letters, on the same words."""
    try:
        stored = validation.text(text(value, ("bold", start, length)))
    except ApiError:
        return
    size = utf16_length(stored.text)
    for one in stored.entities:
        assert 0 <= one.offset < one.end <= size
        assert "\ufffd" not in utf16_slice(stored.text, one.offset, one.end).replace(
            "\ufffd" if "\ufffd" in value else "", ""
        )


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=50))
def test_a_clean_text_is_kept_word_for_word(value: str) -> None:
    """A text without control characters and blank ends is stored as it is."""
    if not {"\u0333", "\u033f", "\u030a"} & set(value):
        assert validation.text(text(value)).text == value


@given(st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=60), st.data())
def test_any_part_can_be_quoted(value: str, data: st.DataObject) -> None:
    """A part of a message is found where it is."""
    start = data.draw(st.integers(0, len(value) - 1))
    part = value[start : data.draw(st.integers(start + 1, len(value)))]
    position = utf16_length(value[:start])
    assert validation.quote(text(part), text(value), position).position == position


def test_a_quote_must_carry_the_same_entities() -> None:
    """A bold word quoted as plain is not the same text."""
    source = text("one two", ("bold", 4, 3), ("bot_command", 0, 3))
    assert validation.quote(text("two", ("bold", 0, 3)), source, None).position == 4
    assert validation.quote(text("one"), source, None).position == 0
    for wrong in (text("two"), text("three"), text("")):
        with pytest.raises(ApiError, match="QUOTE_TEXT_INVALID"):
            validation.quote(wrong, source, None)
