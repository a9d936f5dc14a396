"""The catalogues: nothing lacking, nothing left over, and compiled as they are written."""

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

from bot.i18n import messages
from bot.i18n.messages import LANGUAGES, Texts

LOCALE = Path(messages.__file__).parent / "locale"
TRANSLATED = [language for language in LANGUAGES if language != "en"]
KEYWORDS: Mapping[str, Any] = {"_": None, "_n": (1, 2)}
MARKS = {"de": ("„", "“"), "tr": ("“", "”"), "zh": ("“", "”")}
# In Arabic, the noun alone says that there is one of it, or two: its forms 1 and 2 need no number.
NUMBERS = {"count", "passages"}
WITHOUT_NUMBER = {("ar", 1), ("ar", 2)}
# What stands for a name may run the other way than the sentence around it.
NAMES = {"backend", "heading", "label", "name", "quote", "reason", "title", "version", "word", "words"}


def _catalogue(language: str) -> Catalog:
    with (LOCALE / language / "LC_MESSAGES" / "verbatim.po").open("rb") as file:
        return read_po(file, abort_invalid=True)


CATALOGUES = {language: _catalogue(language) for language in TRANSLATED}


def _messages(language: str) -> list[Message]:
    return [message for message in CATALOGUES[language] if message.id]


def _forms(said: Any) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)


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
    """Take the sentences and the rule of plurals, without the version of the tool that wrote them."""
    sentences = dict(translations._catalog)  # type: ignore[attr-defined]  # the only way to all of them
    sentences.pop("")
    return sentences, translations.info()["plural-forms"]


def test_every_language_has_a_catalogue() -> None:
    """The bot has the languages that it lists, and no others lie there unused."""
    assert sorted(TRANSLATED) == sorted(folder.name for folder in LOCALE.iterdir() if folder.is_dir())
    assert TRANSLATED == [str(CATALOGUES[language].locale_identifier) for language in TRANSLATED]


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_catalogue_lags_behind(language: str) -> None:
    """After a sentence was added, changed or taken out, `make messages` was run."""
    found = extract_from_file("python", messages.__file__, keywords=KEYWORDS)
    wanted = dict.fromkeys(message for _, message, _, _ in found)
    assert list(wanted) == [message.id for message in _messages(language)]
    assert {} == CATALOGUES[language].obsolete


@pytest.mark.parametrize("language", TRANSLATED)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    """After a translation was changed, `make messages` was run."""
    with (LOCALE / language / "LC_MESSAGES" / "verbatim.mo").open("rb") as file:
        assert _content(_compiled(CATALOGUES[language])) == _content(GNUTranslations(file))


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_sentence_is_translated(language: str) -> None:
    """No translation is empty or doubtful, and each has the lines and the paragraphs of the original."""
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
def test_every_number_has_its_form(language: str) -> None:
    """A sentence that counts has as many forms as its language does."""
    counting = [message for message in _messages(language) if message.pluralizable]
    assert [CATALOGUES[language].num_plurals] * len(counting) == [len(_forms(one.string)) for one in counting]


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_form_takes_what_the_original_does(language: str) -> None:
    """What is filled in is the same in every language."""
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
def test_what_is_typed_or_opened_stays(language: str) -> None:
    """Commands, links and the signs on buttons are the same in every language, each as often."""
    kept = re.compile(r"(?<!/)/[a-z]+\b|https://[\w./]+|[‹›]|Telegram")
    wrong = [
        (original, form)
        for original, form in _translations(language)
        if sorted(kept.findall(original)) != sorted(kept.findall(form))
    ]
    assert [] == wrong


@pytest.mark.parametrize("language", TRANSLATED)
def test_quotation_marks_are_those_of_the_language(language: str) -> None:
    """What is quoted stands between the marks that its readers write."""
    left, right = MARKS.get(language, ("«", "»"))
    others = set("\"“”„«»'") - {left, right}
    wrong = [
        (original, form)
        for original, form in _translations(language)
        if not original.count("“") == form.count(left) == form.count(right) or others & set(form)
    ]
    assert [] == wrong


@pytest.mark.parametrize("language", TRANSLATED)
def test_signs_that_nobody_sees_are_meant(language: str) -> None:
    """Only Arabic has direction signs: in pairs around each name, and before each command."""
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
def test_a_catalogue_names_nobody(language: str) -> None:
    """The head of a catalogue says nothing of people or of the day."""
    head = dict(CATALOGUES[language].mime_headers)
    assert "verbatim" == head["Project-Id-Version"].strip()
    named = ("Report-Msgid-Bugs-To", "Last-Translator", "Language-Team")
    assert ["", "", ""] == [head[name] for name in named]
    assert {"2025-01-01 00:00+0000"} == {head["POT-Creation-Date"], head["PO-Revision-Date"]}


def test_what_is_not_translated_is_said_in_english() -> None:
    """A sentence that a catalogue lacks is still said, with its number."""
    catalogue = Catalog(locale="ru")
    catalogue.add("Read on", "Читать дальше")
    lacking, english = Texts(_compiled(catalogue), "ru"), Texts(NullTranslations())
    assert "Читать дальше" == lacking.read_on
    assert english.help == lacking.help
    assert [english.sources(1), english.sources(21)] == [lacking.sources(1), lacking.sources(21)]
