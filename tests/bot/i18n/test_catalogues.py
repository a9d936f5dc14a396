"""The catalogues are complete, have no unused sentences, and are compiled from their sources."""

import re
import string
from collections.abc import Iterator, Mapping
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from bot.i18n import texts
from bot.i18n.texts import LANGUAGES, Texts

LOCALE = Path(texts.__file__).parent / "locale"
TRANSLATED = [language for language in LANGUAGES if language != "en"]
KEYWORDS: Mapping[str, Any] = {"_": None, "_n": (1, 2)}
MARKS = {"de": ("„", "“"), "tr": ("“", "”"), "zh": ("“", "”")}
# In Arabic, the noun itself is singular or dual: plural forms 1 and 2 need no number.
NUMBERS = {"count", "passages"}
WITHOUT_NUMBER = {("ar", 1), ("ar", 2)}
# These placeholders may be filled with text of the other direction of writing.
NAMES = {
    "backend",
    "heading",
    "label",
    "name",
    "quote",
    "reason",
    "suffix",
    "title",
    "version",
    "word",
    "words",
}


def _catalogue(language: str) -> Catalog:
    with (LOCALE / language / "LC_MESSAGES" / "verbatim.po").open("rb") as file:
        return read_po(file, abort_invalid=True)


CATALOGUES = {language: _catalogue(language) for language in TRANSLATED}


def _messages(language: str) -> list[Message]:
    return [message for message in CATALOGUES[language] if message.id]


def _forms(text: Any) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def _translations(language: str) -> Iterator[tuple[str, str]]:
    """Return each form of each translation with its original."""
    for message in _messages(language):
        for form in _forms(message.string):
            yield _forms(message.id)[0], form


def _placeholders(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def _compiled(catalogue: Catalog) -> GNUTranslations:
    buffer = BytesIO()
    write_mo(buffer, catalogue)
    buffer.seek(0)
    return GNUTranslations(buffer)


def _content(translations: GNUTranslations) -> tuple[dict[Any, str], str]:
    """Return the sentences and the plural rule, without the version of the tool that wrote them."""
    sentences = dict(translations._catalog)  # type: ignore[attr-defined]  # the only way to all of them
    sentences.pop("")
    return sentences, translations.info()["plural-forms"]


def test_every_language_has_a_catalogue() -> None:
    """There is a catalogue for each listed language, and no other."""
    assert sorted(TRANSLATED) == sorted(folder.name for folder in LOCALE.iterdir() if folder.is_dir())
    assert TRANSLATED == [str(CATALOGUES[language].locale_identifier) for language in TRANSLATED]


@pytest.mark.parametrize("language", TRANSLATED)
def test_catalogues_are_up_to_date(language: str) -> None:
    """The catalogues have the sentences of the code; otherwise run `make messages`."""
    found = extract_from_file("python", texts.__file__, keywords=KEYWORDS)
    wanted = dict.fromkeys(message for _, message, _, _ in found)
    assert list(wanted) == [message.id for message in _messages(language)]
    assert {} == CATALOGUES[language].obsolete


@pytest.mark.parametrize("language", TRANSLATED)
def test_compiled_catalogues_are_up_to_date(language: str) -> None:
    """The compiled catalogues have the translations; otherwise run `make messages`."""
    with (LOCALE / language / "LC_MESSAGES" / "verbatim.mo").open("rb") as file:
        assert _content(_compiled(CATALOGUES[language])) == _content(GNUTranslations(file))


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_sentence_is_translated(language: str) -> None:
    """No translation is empty or fuzzy, and each has the line breaks of the original."""
    assert [] == [message.id for message in _messages(language) if message.fuzzy]
    wrong = [
        (original, form)
        for original, form in _translations(language)
        if not form
        or (form != form.strip()) > (original != original.strip())
        or original.count("\n") != form.count("\n")
    ]
    assert [] == wrong


@pytest.mark.parametrize("language", TRANSLATED)
def test_plural_forms(language: str) -> None:
    """A sentence with a number has all plural forms of its language."""
    counting = [message for message in _messages(language) if message.pluralizable]
    assert [CATALOGUES[language].num_plurals] * len(counting) == [
        len(_forms(message.string)) for message in counting
    ]


@pytest.mark.parametrize("language", TRANSLATED)
def test_placeholders(language: str) -> None:
    """A translation has the placeholders of the original."""
    wrong = []
    for message in _messages(language):
        wanted = _placeholders(_forms(message.id)[0])
        for at, form in enumerate(_forms(message.string)):
            spare = NUMBERS if message.pluralizable and (language, at) in WITHOUT_NUMBER else set()
            if [name for name in wanted if name not in spare or name in _placeholders(form)] != _placeholders(
                form
            ):
                wrong.append((message.id, form))
    assert [] == wrong


@pytest.mark.parametrize("language", TRANSLATED)
def test_commands_and_links_are_not_translated(language: str) -> None:
    """Commands, links and arrows on buttons occur equally often in every language."""
    kept = re.compile(r"(?<!/)/[a-z]+\b|https://[\w./]+|[‹›]|Telegram")
    wrong = [
        (original, form)
        for original, form in _translations(language)
        if sorted(kept.findall(original)) != sorted(kept.findall(form))
    ]
    assert [] == wrong


@pytest.mark.parametrize("language", TRANSLATED)
def test_quotation_marks_are_those_of_the_language(language: str) -> None:
    """Quoted text is between the quotation marks of its language."""
    left, right = MARKS.get(language, ("«", "»"))
    others = set("\"“”„«»'") - {left, right}
    wrong = [
        (original, form)
        for original, form in _translations(language)
        if not original.count("“") == form.count(left) == form.count(right) or others & set(form)
    ]
    assert [] == wrong


@pytest.mark.parametrize("language", TRANSLATED)
def test_direction_marks(language: str) -> None:
    """Only Arabic has direction marks: a pair around each name, and one before each command."""
    wrong = []
    for original, form in _translations(language):
        names = [name for name in _placeholders(form) if name in NAMES] if language == "ar" else []
        commands = len(re.findall(r"(?<!\S)/[a-z]+", original)) if language == "ar" else 0
        if not (
            names == sorted(re.findall("\u2068{([a-z]+)}\u2069", form))
            and form.count("\u2066") + form.count("\u2068") == form.count("\u2069")
            and commands == form.count("\u200e/") == form.count("\u200e")
            and (language == "ar" or not set("\u2066\u2067\u2068\u200f") & set(form))
        ):
            wrong.append((original, form))
    assert [] == wrong


@pytest.mark.parametrize("language", TRANSLATED)
def test_headers_name_nobody(language: str) -> None:
    """The headers of a catalogue name no people and no real date."""
    head = dict(CATALOGUES[language].mime_headers)
    assert "verbatim" == head["Project-Id-Version"].strip()
    named = ("Report-Msgid-Bugs-To", "Last-Translator", "Language-Team")
    assert ["", "", ""] == [head[name] for name in named]
    assert {"2025-01-01 00:00+0000"} == {head["POT-Creation-Date"], head["PO-Revision-Date"]}


def test_missing_translations_are_in_english() -> None:
    """A sentence missing from a catalogue is in English, with the right plural."""
    catalogue = Catalog(locale="ru")
    catalogue.add("Read on", "Читать дальше")
    incomplete, english = Texts(_compiled(catalogue), "ru"), Texts(NullTranslations())
    assert "Читать дальше" == incomplete.read_on
    assert english.help == incomplete.help
    assert [english.document_count(1), english.document_count(21)] == [
        incomplete.document_count(1),
        incomplete.document_count(21),
    ]
