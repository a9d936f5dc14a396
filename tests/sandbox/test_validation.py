from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import validation
from sandbox.message_text import utf16_length, utf16_slice
from sandbox.telegram_objects import ApiError, Entity, TextWithEntities


def refusal(formatted: TextWithEntities) -> str:
    with pytest.raises(ApiError) as caught:
        validation.text(formatted)
    return caught.value.description


def make_text(value: str, *entities: tuple[str, int, int]) -> TextWithEntities:
    return TextWithEntities(value, tuple(Entity(*entity) for entity in entities))


@pytest.mark.parametrize(
    ("formatted", "expected"),
    [
        (make_text(""), "Bad Request: message text is empty"),
        (make_text(" \n "), "Bad Request: text must be non-empty"),
        (make_text("a" * 4097), "Bad Request: message is too long"),
        (make_text("😀" * 2049), "Bad Request: message is too long"),
        (make_text("x" + " " * 32_768), "Bad Request: message is too long"),
        (make_text("abc", ("bold", 1, 3)), "ends after the end of the text"),
        (make_text("a😀b", ("bold", 2, 1)), "begins in a middle of a UTF-16 symbol"),
        (make_text("a😀b", ("bold", 0, 2)), "ends in a middle of a UTF-16 symbol"),
        (make_text("abc", ("bold", 0, 0)), "incorrect length"),
        (make_text("abc", ("bold", -1, 2)), "incorrect offset"),
        (make_text("abc", ("shout", 0, 1)), "unsupported entity type"),
        (make_text("abcd", ("blockquote", 0, 4), ("blockquote", 1, 1)), "can't be nested"),
        (make_text("abcd", ("blockquote", 0, 3), ("expandable_blockquote", 2, 2)), "can't be nested"),
        (make_text("abcd", ("code", 0, 4), ("bold", 1, 1)), "code entities can't contain"),
        (make_text("abcd", ("bold", 0, 3), ("blockquote", 2, 2)), "cross the border"),
        (make_text("abcd", ("text_link", 0, 1)), "is invalid"),
        (make_text("a" * 200, *[("bold", at, 1) for at in range(101)]), "ENTITIES_TOO_LONG"),
    ],
)
def test_refuses(formatted: TextWithEntities, expected: str) -> None:
    """Mistakes that Telegram would reject or repair are rejected with an error that names them."""
    assert expected in refusal(formatted)


def test_too_much_entity_data_is_refused() -> None:
    """90 links with long addresses exceed the entity data of a message."""
    links = tuple(Entity("text_link", at, 1, url="https://example.com/" + "a" * 100) for at in range(90))
    assert "ENTITIES_TOO_LONG" in refusal(TextWithEntities("a" * 90, links))


@pytest.mark.parametrize("size", [1, 4096])
def test_the_longest_and_shortest_text_pass(size: int) -> None:
    """A text of 1 to 4096 UTF-16 units is accepted."""
    assert validation.text(make_text("a" * size)).text == "a" * size


def test_bold_inside_a_blockquote_passes() -> None:
    """A block quote may have bold words."""
    formatted = make_text("quoted words", ("blockquote", 0, 12), ("bold", 7, 5))
    assert validation.text(formatted) == formatted


def test_trimming_moves_entities() -> None:
    """Blanks at both ends are removed, and entities stay on their words."""
    stored = validation.text(make_text("\n  one two \n", ("bold", 3, 3), ("italic", 7, 5)))
    assert stored == make_text("one two", ("bold", 0, 3), ("italic", 4, 3))


def test_control_characters_are_cleaned() -> None:
    """Control characters become spaces, bidi controls are removed, and entities stay on their words."""
    stored = validation.text(make_text("a\x00b\r\u202ec", ("bold", 4 + 1, 1)))
    assert stored == make_text("a bc", ("bold", 3, 1))


def test_commands_mentions_and_links_are_detected() -> None:
    """Commands, mentions, addresses and hashtags become entities, in UTF-16 units."""
    stored = validation.text(make_text("😀 /ask@verbatim_bot see https://example.com/a, @adaa #tag"))
    detected = [
        (entity.type, utf16_slice(stored.text, entity.offset, entity.end)) for entity in stored.entities
    ]
    assert detected == [
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
def test_links_are_detected(value: str, links: list[str]) -> None:
    """Addresses with a known top-level domain are links, and so are file names that look like one."""
    stored = validation.text(make_text(value))
    detected = [
        utf16_slice(stored.text, entity.offset, entity.end)
        for entity in stored.entities
        if entity.type == "url"
    ]
    assert detected == links


@given(st.text(max_size=200), st.integers(0, 200), st.integers(1, 200))
def test_stored_entities_cover_whole_characters(value: str, start: int, length: int) -> None:
    """The entities of an accepted text lie inside the text and split no character."""
    try:
        stored = validation.text(make_text(value, ("bold", start, length)))
    except ApiError:
        return
    size = utf16_length(stored.text)
    for entity in stored.entities:
        assert 0 <= entity.offset < entity.end <= size
        assert "\ufffd" not in utf16_slice(stored.text, entity.offset, entity.end).replace(
            "\ufffd" if "\ufffd" in value else "", ""
        )


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=50))
def test_a_clean_text_is_stored_unchanged(value: str) -> None:
    """A text without control characters and blanks is stored as it is."""
    if not {"\u0333", "\u033f", "\u030a"} & set(value):
        assert validation.text(make_text(value)).text == value


@given(st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=60), st.data())
def test_any_part_can_be_quoted(value: str, data: st.DataObject) -> None:
    """Any part of a message can be quoted, and the quote has its position."""
    start = data.draw(st.integers(0, len(value) - 1))
    part = value[start : data.draw(st.integers(start + 1, len(value)))]
    position = utf16_length(value[:start])
    assert validation.quote(make_text(part), make_text(value), position).position == position


def test_a_quote_must_carry_the_same_entities() -> None:
    """A quote of a bold word without its formatting is rejected."""
    source = make_text("one two", ("bold", 4, 3), ("bot_command", 0, 3))
    assert validation.quote(make_text("two", ("bold", 0, 3)), source, None).position == 4
    assert validation.quote(make_text("one"), source, None).position == 0
    for wrong in (make_text("two"), make_text("three"), make_text("")):
        with pytest.raises(ApiError, match="QUOTE_TEXT_INVALID"):
            validation.quote(wrong, source, None)


@pytest.mark.parametrize(
    ("button", "expected"),
    [
        ({"text": "a", "callback_data": ""}, "BUTTON_DATA_INVALID"),
        ({"text": "a", "callback_data": "я" * 33}, "BUTTON_DATA_INVALID"),
        ({"text": "a", "url": "not a link"}, "is invalid: Wrong HTTP URL"),
        ({"text": "a", "url": "javascript:alert(1)"}, "is invalid: Wrong HTTP URL"),
        ({"text": "a", "copy_text": {"text": "x" * 257}}, "BUTTON_COPY_TEXT_INVALID"),
        ({"text": "a"}, "text buttons are unallowed"),
        ({"text": " ", "callback_data": "a"}, 'can\'t find field "text"'),
        ({"text": "a", "callback_data": "a", "url": "https://a.b"}, "BUTTON_TYPE_INVALID"),
    ],
)
def test_wrong_buttons_are_refused(button: dict[str, object], expected: str) -> None:
    """A button that Telegram would reject is rejected."""
    with pytest.raises(ApiError, match=expected.replace("'", ".")):
        validation.keyboard({"inline_keyboard": [[button]]})


def test_valid_buttons_are_kept() -> None:
    """Callback data of 64 bytes, links and texts to copy are accepted."""
    row = [
        {"text": "a", "callback_data": "я" * 32},
        {"text": "b", "url": "https://t.me/verbatim_bot?start=a"},
        {"text": "c", "copy_text": {"text": "x" * 256}},
    ]
    assert validation.keyboard({"inline_keyboard": [row]}) == (tuple(row),)
