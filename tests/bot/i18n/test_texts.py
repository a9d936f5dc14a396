"""The sentences in every language, with their arguments; test_catalogues.py tests the catalogue files."""

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_type_hints

import pytest

from bot.i18n.texts import LANGUAGES, Texts, texts_for
from bot.views.message import utf16_length
from sandbox import validation
from sandbox.message_text import utf16_slice
from sandbox.telegram_objects import TextWithEntities

TEXTS = texts_for("en")
# `list_separator` and `is_right_to_left` are not sentences.
SENTENCES = sorted(
    name
    for name in vars(Texts)
    if not name.startswith("_") and name not in {"list_separator", "is_right_to_left"}
)
COUNTS = (0, 1, 2, 3, 5, 11, 21, 100, 101)
ON_BUTTONS = """
back_to_quote back_to_closest show_context_of copy_citation show_page read_from_start read_on
remove_document removal_cancelled removal_confirmed all_headings all_documents document show_context
"""
IN_POPUPS = """
documents_changed internal_error file_not_available quote_position question_gone too_many_questions
button_expired thanks_for_vote documents_unreachable documents_in_cluster
"""
# Narrow screens cut longer texts off if there are two buttons in a row.
MAX_BUTTON_UNITS = 24
MAX_WIDE_BUTTON_UNITS = 48

DOCUMENTS = {
    "en": "0 documents, 1 document, 2 documents, 3 documents, 5 documents, 11 documents, 21 documents, "
    "100 documents, 101 documents",
    "ru": "0 документов, 1 документ, 2 документа, 3 документа, 5 документов, 11 документов, 21 документ, "
    "100 документов, 101 документ",
    "ar": "0 مستند, مستند واحد, مستندان, 3 مستندات, 5 مستندات, 11 مستندًا, 21 مستندًا, 100 مستند, 101 مستند",
    "de": "0 Dokumente, 1 Dokument, 2 Dokumente, 3 Dokumente, 5 Dokumente, 11 Dokumente, 21 Dokumente, "
    "100 Dokumente, 101 Dokumente",
    "es": "0 documentos, 1 documento, 2 documentos, 3 documentos, 5 documentos, 11 documentos, "
    "21 documentos, 100 documentos, 101 documentos",
    "tr": "0 belgem, 1 belgem, 2 belgem, 3 belgem, 5 belgem, 11 belgem, 21 belgem, 100 belgem, 101 belgem",
    "zh": "0 份文档, 1 份文档, 2 份文档, 3 份文档, 5 份文档, 11 份文档, 21 份文档, 100 份文档, 101 份文档",
    "uk": "0 документів, 1 документ, 2 документи, 3 документи, 5 документів, 11 документів, 21 документ, "
    "100 документів, 101 документ",
    "fr": "0 document, 1 document, 2 documents, 3 documents, 5 documents, 11 documents, 21 documents, "
    "100 documents, 101 documents",
}
PLACES = {
    "en": "0 places, 1 place, 2 places, 3 places, 5 places, 11 places, 21 places, 100 places, 101 places",
    "ru": "0 мест, 1 место, 2 места, 3 места, 5 мест, 11 мест, 21 место, 100 мест, 101 место",
    "ar": "0 موضع, موضع واحد, موضعان, 3 مواضع, 5 مواضع, 11 موضعًا, 21 موضعًا, 100 موضع, 101 موضع",
    "de": "0 Stellen, 1 Stelle, 2 Stellen, 3 Stellen, 5 Stellen, 11 Stellen, 21 Stellen, 100 Stellen, "
    "101 Stellen",
    "es": "0 pasajes, 1 pasaje, 2 pasajes, 3 pasajes, 5 pasajes, 11 pasajes, 21 pasajes, 100 pasajes, "
    "101 pasajes",
    "tr": "0 yer, 1 yer, 2 yer, 3 yer, 5 yer, 11 yer, 21 yer, 100 yer, 101 yer",
    "zh": "0 处, 1 处, 2 处, 3 处, 5 处, 11 处, 21 处, 100 处, 101 处",
    "uk": "0 місць, 1 місце, 2 місця, 3 місця, 5 місць, 11 місць, 21 місце, 100 місць, 101 місце",
    "fr": "0 passage, 1 passage, 2 passages, 3 passages, 5 passages, 11 passages, 21 passages, 100 passages, "
    "101 passages",
}
# After a preposition, in the languages where that changes the noun.
IN_PASSAGES = {
    "ru": "в 0 фрагментах, в 1 фрагменте, в 2 фрагментах, в 3 фрагментах, в 5 фрагментах, в 11 фрагментах, "
    "в 21 фрагменте, в 100 фрагментах, в 101 фрагменте",
    "ar": "في 0 مقطع, في مقطع واحد, في مقطعين, في 3 مقاطع, في 5 مقاطع, في 11 مقطعًا, في 21 مقطعًا, "
    "في 100 مقطع, في 101 مقطع",
    "de": "in 0 Abschnitten, in 1 Abschnitt, in 2 Abschnitten, in 3 Abschnitten, in 5 Abschnitten, "
    "in 11 Abschnitten, in 21 Abschnitten, in 100 Abschnitten, in 101 Abschnitten",
    "uk": "у 0 фрагментах, у 1 фрагменті, у 2 фрагментах, у 3 фрагментах, у 5 фрагментах, у 11 фрагментах, "
    "у 21 фрагменті, у 100 фрагментах, у 101 фрагменті",
}


class _Figures(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return key


def _samples(kind: Any) -> list[Any]:
    """Return sample values for an argument of a type."""
    known: dict[Any, list[Any]] = {int: [*COUNTS, 5000], str: ["readme"], Sequence[str]: [["One", "Two"]]}
    return known.get(kind, [_Figures()])


def _samples_of(texts: Texts, name: str) -> Iterator[str]:
    """Return a sentence with each of its sample arguments."""
    sentence = inspect.getattr_static(Texts, name)
    if isinstance(sentence, property):
        text = getattr(texts, name)
        yield from text.values() if isinstance(text, dict) else [text]
        return
    hints = get_type_hints(sentence)
    arguments = [_samples(hints[key]) for key in inspect.signature(sentence).parameters if key != "self"]
    for shift in range(max(map(len, arguments))):
        # Shift the samples, so that two numbers in a sentence differ.
        yield getattr(texts, name)(
            *(values[(shift + at) % len(values)] for at, values in enumerate(arguments))
        )


def _too_long(texts: Texts, names: str, max_units: int) -> list[str]:
    return [
        text for name in names.split() for text in _samples_of(texts, name) if utf16_length(text) > max_units
    ]


def _tappable(text: str) -> list[tuple[str, str]]:
    stored = validation.text(TextWithEntities(text))
    return sorted(
        (entity.type, utf16_slice(stored.text, entity.offset, entity.end)) for entity in stored.entities
    )


def _miscounted(table: str, render: Callable[[int], str]) -> list[str]:
    """Return the parts of a table that are not whole words of the sentence for their number."""
    sentences = zip(table.split(", "), map(render, COUNTS), strict=True)
    return [part for part, text in sentences if not re.search(rf"(?<!\w){part}(?=[\s:：,，،]|$)", text)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_can_be_sent(language: str) -> None:
    """Telegram accepts each sentence with any arguments and shows it unchanged."""
    for name in SENTENCES:
        for text in _samples_of(texts_for(language), name):
            assert 1 <= utf16_length(text) <= validation.MAX_TEXT_UNITS
            assert text == validation.text(TextWithEntities(text)).text


@pytest.mark.parametrize("language", LANGUAGES)
def test_commands_and_links_can_be_tapped(language: str) -> None:
    """Telegram detects the same commands and links in a sentence in every language."""
    for name in SENTENCES:
        for original, text in zip(
            _samples_of(TEXTS, name), _samples_of(texts_for(language), name), strict=True
        ):
            assert _tappable(original) == _tappable(text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_profile_limits(language: str) -> None:
    """Commands and descriptions are within Telegram's limits, in every language."""
    texts = texts_for(language)
    commands = texts.commands | texts.admin_commands
    assert list(TEXTS.commands | TEXTS.admin_commands) == list(commands)
    assert [] == [name for name in commands if not re.fullmatch("[a-z]{1,32}", name)]
    assert [] == [text for text in commands.values() if not 1 <= utf16_length(text) <= 256]
    assert utf16_length(texts.description) <= 512
    assert utf16_length(texts.short_description) <= 120


@pytest.mark.parametrize("language", LANGUAGES)
def test_button_and_popup_limits(language: str) -> None:
    """Texts of buttons are short enough to read; answers to presses have at most 200 characters."""
    texts = texts_for(language)
    assert [] == _too_long(texts, ON_BUTTONS, MAX_BUTTON_UNITS)
    wide = "inline_hint inline_no_quote inline_unreachable show_closest"
    assert [] == _too_long(texts, wide, MAX_WIDE_BUTTON_UNITS)
    assert [] == _too_long(texts, IN_POPUPS, validation.MAX_CALLBACK_ANSWER_CHARS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_help_names_a_button(language: str) -> None:
    """The button that the help mentions has that text."""
    assert texts_for(language).show_context in texts_for(language).help


@pytest.mark.parametrize("language", LANGUAGES)
def test_plurals(language: str) -> None:
    """After each number, a noun has the right plural form of its language."""
    texts = texts_for(language)
    assert [] == _miscounted(DOCUMENTS[language], texts.document_count)
    assert [] == _miscounted(PLACES[language], texts.place_count)


@pytest.mark.parametrize("language", IN_PASSAGES)
def test_plurals_after_a_preposition(language: str) -> None:
    """After a preposition, a noun has the right case."""
    assert [] == _miscounted(
        IN_PASSAGES[language], lambda count: texts_for(language).word_weight("x", "1.5", count)
    )


def test_line_numbers() -> None:
    """One line has one number; several have the first and the last."""
    assert ("line 5", "lines 5–7") == (TEXTS.lines(5, 5), TEXTS.lines(5, 7))


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        *((language, language) for language in LANGUAGES),
        ("ru-RU", "ru"),
        ("zh-hans", "zh"),
        ("zh_TW", "zh"),
        ("AR-eg", "ar"),
        ("de-AT-1996", "de"),
        ("en-GB", "en"),
        ("pt", "en"),
        ("pt-br", "en"),
        ("rus", "en"),
        ("", "en"),
        (None, "en"),
        ("-", "en"),
        ("../../ru", "en"),
        ("ру\0", "en"),
    ],
)
def test_language_tags(tag: str | None, expected: str) -> None:
    """A tag selects its language if there is a catalogue; all others select English."""
    assert expected == texts_for(tag).language
    assert texts_for(expected).greeting == texts_for(tag).greeting


def test_languages_differ() -> None:
    """No language has the sentences of another."""
    assert len(LANGUAGES) == len({texts_for(language).no_answer for language in LANGUAGES})
