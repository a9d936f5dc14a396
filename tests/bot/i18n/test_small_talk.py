"""Greetings, thanks and goodbyes in the languages of the bot."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.i18n.texts import LANGUAGES, small_talk_reply, texts_for

GREETINGS = {
    "en": ("Hi", "hello there!", "Good morning 🙂", "Hey, how are you?"),
    "ru": ("Привет!", "Здравствуйте", "Добрый день", "ПРИВЕТ, как дела?"),
    "ar": ("مرحبا", "السلام عليكم", "صباح الخير", "أهلًا وسهلًا"),
    "de": ("Hallo", "Guten Tag!", "Moin", "Grüß Gott"),
    "es": ("¡Hola!", "Buenos dias", "Hola, ¿qué tal?", "Buenas tardes"),
    "tr": ("Merhaba", "İYİ GÜNLER", "Günaydın", "selam"),
    "zh": ("你好", "您好！", "早上好", "你好呀"),
    "uk": ("Привіт", "Добрий день", "Вітаю!", "Доброго ранку"),
    "fr": ("Bonjour", "Salut !", "Bonsoir à tous", "Bonjour, comment allez-vous ?"),
}
THANKS = {
    "en": ("Thanks", "thank you so much, that helped"),
    "ru": ("Спасибо", "Большое спасибо за помощь"),
    "ar": ("شكرا", "شكرًا جزيلًا لك"),
    "de": ("Danke", "Vielen Dank für die Hilfe"),
    "es": ("Gracias", "Muchas gracias por todo"),
    "tr": ("Teşekkürler", "çok teşekkür ederim"),
    "zh": ("谢谢", "非常感谢你的帮助"),
    "uk": ("Дякую", "Щиро дякую за відповідь"),
    "fr": ("Merci", "merci beaucoup pour votre aide"),
}
GOODBYES = {
    "en": "Good night",
    "ru": "До свидания",
    "ar": "مع السلامة",
    "de": "Auf Wiedersehen",
    "es": "Adiós",
    "tr": "Görüşürüz",
    "zh": "再见",
    "uk": "До побачення",
    "fr": "Au revoir",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_small_talk_is_answered_in_its_language(language: str) -> None:
    """Greetings, thanks and goodbyes get a fitting reply in their language, whatever the asker's is."""
    texts = texts_for(language)
    for asker in ("en", language):
        replies = {small_talk_reply(words, texts_for(asker)) for words in GREETINGS[language]}
        assert {texts.greeted} == replies - {texts_for("en").greeted if language != "en" else None}
        assert {texts.thanked} == {small_talk_reply(words, texts_for(asker)) for words in THANKS[language]}
        assert texts.said_goodbye == small_talk_reply(GOODBYES[language], texts_for(asker))


def test_a_greeting_of_several_languages() -> None:
    """A greeting that is used in several languages is answered in the asker's, if that is one of them."""
    assert texts_for("de").greeted == small_talk_reply("Hi", texts_for("de"))
    assert texts_for("en").greeted == small_talk_reply("Hi", texts_for("zh"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "🙂",
        "very much",
        "bot",
        "Hello, who built the lighthouse?",
        "How do you say thank you in German?",
        "why?",
        "hiking",
        "早餐",
        "谢谢你 lighthouse",
    ],
)
def test_questions_are_no_small_talk(text: str) -> None:
    """A message with any other word is not small talk."""
    assert small_talk_reply(text, texts_for("en")) is None


@given(st.text() | st.lists(st.sampled_from(["very", "so", "much", "thank", "你", "的"])).map(" ".join))
def test_any_text(text: str) -> None:
    """Any text is recognised quickly."""
    # Processor time: other work on the machine does not count.
    start = time.thread_time()
    small_talk_reply(text, texts_for("en"))
    assert time.thread_time() - start < 0.2
