"""Phrases in questions: their folded forms, phrases about the asking, and questions about the documents."""

import json
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise, product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.i18n.texts import LANGUAGES, texts_for
from retrieval.model import Source
from retrieval.query import query
from retrieval.query.document_names import documents_meant
from retrieval.query.intent import (
    DocumentQuestion,
    DocumentQuestionKind,
    fold_phrase,
    fold_with_offsets,
    is_any_document,
    parse_document_question,
)
from retrieval.query.query import find_asking_phrases, remove_asking_phrases


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Grüß  Gott!", "gruss gott"),
        ("İYİ GÜNLER", "iyi gunler"),
        ("أهلًا وسهلًا", "اهلا وسهلا"),
        ("你好 ， 茶馆", "你好茶馆"),
        ("hr/Travel-Policy_2019.md", "hr travel policy 2019 md"),
        ("e\u0301te\u0301\u200b", "ete"),
        ("?!", ""),
        ("", ""),
    ],
)
def test_folding(text: str, folded: str) -> None:
    """Case, accents, punctuation and blanks between characters of an unspaced script do not count."""
    assert folded == fold_phrase(text)


@given(st.text() | st.text("aA ıİى\u0640ß茶馆\t\u0301.'", max_size=20))
def test_offsets(text: str) -> None:
    """Both ways of folding agree, and each character has the offset of its origin, in order."""
    folded, offsets = fold_with_offsets(text)
    assert fold_phrase(text) == folded
    assert sorted(offsets) == offsets
    assert all(
        letter == " " or letter in fold_phrase(text[at]) for letter, at in zip(folded, offsets, strict=True)
    )


TEXT = st.text(max_size=80) | st.lists(
    st.sampled_from(
        [
            "what does the article say about",
            "tell me",
            "goats",
            "İ",
            "steht im handbuch",
            "关于",
            "山羊",
            ",",
            "?",
        ]
    ),
    max_size=8,
).map(" ".join)


@pytest.mark.parametrize(
    ("question", "subject"),
    [
        ("What does the article say about goats?", "goats?"),
        ("Can you tell me where goats live?", "where goats live?"),
        ("According to the handbook, who feeds goats?", "who feeds goats?"),
        ("Who feeds the goats in this document?", "Who feeds the goats ?"),
        ("Where can I find information about goats", "goats"),
        ("Was steht im Handbuch über Ziegen?", "Ziegen?"),
        ("Ich möchte wissen, ob Ziegen Salz fressen", "ob Ziegen Salz fressen"),
        ("Laut dem Handbuch, wer füttert die Ziegen?", "wer füttert die Ziegen?"),
        ("¿Qué dice el artículo sobre las cabras?", "las cabras?"),
        ("Quiero saber si hay cabras", "hay cabras"),
        ("Que dit l'article sur les chèvres ?", "les chèvres ?"),
        ("Que dit l’article sur les chèvres ?", "les chèvres ?"),
        ("Je voudrais savoir si les chèvres mangent", "les chèvres mangent"),
        ("Что говорится в статье о козах?", "козах?"),
        ("Расскажи мне о козах", "козах"),
        ("Що йдеться у статті про кіз?", "кіз?"),
        ("Розкажи мені про кіз", "кіз"),
        ("Keçiler hakkında bilgi verir misin?", "Keçiler ?"),
        ("Keçiler ne yer, merak ediyorum", "Keçiler ne yer"),
        ("ماذا يقول المقال عن الماعز؟", "الماعز؟"),
        ("أخبرني عن الماعز", "الماعز"),
        ("请告诉我山羊吃什么", "山羊吃什么"),
        ("我想知道山羊吃什么", "山羊吃什么"),
        ("根据这份文档,山羊吃什么", "山羊吃什么"),
    ],
)
def test_subject(question: str, subject: str) -> None:
    """Asking phrases are removed in every language."""
    assert subject == remove_asking_phrases(question)


@pytest.mark.parametrize(
    "question",
    [
        "how many documents do I need",
        "what is in the text message",
        "Who wrote the article?",
        "Wie viele Unterlagen brauche ich?",
        "Qué documentos necesito?",
        "Quels documents faut-il ?",
        "Какие документы нужны?",
        "需要什么文件",
        "",
    ],
)
def test_documents_as_subject(question: str) -> None:
    """Words for documents stay if they are the subject."""
    assert ([], question) == (find_asking_phrases(question), remove_asking_phrases(question))


@pytest.mark.parametrize("question", ["tell me", "Can you tell me?", "根据文档", "Расскажи мне", "  "])
def test_only_asking_phrases(question: str) -> None:
    """A question of asking phrases only is unchanged."""
    assert question == remove_asking_phrases(question)


def test_adjacent_phrases() -> None:
    """Adjacent phrases are one span."""
    question = "Can you tell me, what does this page say about goats?"
    assert [(0, question.index(" goats"))] == find_asking_phrases(question)


@given(text=TEXT)
def test_spans(text: str) -> None:
    """Spans of any text are in order, do not overlap, and are inside it."""
    spans = find_asking_phrases(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


@given(text=TEXT)
def test_never_empty(text: str) -> None:
    """Something is left of any text, and nothing is added."""
    subject = remove_asking_phrases(text)
    assert bool(subject) == bool(text)
    assert subject == text or set(subject.split()) <= {
        part for word in text.split() for part in _substrings(word)
    }


def _substrings(word: str) -> set[str]:
    return {word[start:end] for start, end in product(range(len(word) + 1), repeat=2)}


@pytest.mark.parametrize("takes_optional", [True, False])
def test_every_phrase_matches_itself(takes_optional: bool) -> None:
    """A phrase of the first options is found whole, with or without its optional parts."""
    for phrase in query._load_asking_phrases():
        parts = [part.options[0] for part in phrase.parts if takes_optional or not part.is_optional]
        text = "".join(parts)
        assert [(0, len(text))] == find_asking_phrases(text), text


EVALUATION = Path(__file__).parents[2] / "eval"
TABLES = tomllib.loads(
    files("retrieval.query").joinpath("document_questions.toml").read_text(encoding="utf-8")
)

OVERVIEW = """
What is this about? | whats this about | what is the article about? | what's it all about | tl;dr
TLDR please
summarise the article | can you summarize this please? | give me a summary | short summary pls
main points?
what is the gist of it | could you give me a brief overview of this document | what does it say
in a nutshell
tell me what this is about | What is the main idea of the text? | key takeaways | sum it up

Worum geht es? | worum gehts hier | um was geht es in dem Artikel? | fasse den Artikel zusammen
Zusammenfassung
kannst du das bitte zusammenfassen? | gib mir einen Überblick | Wovon handelt das Dokument?
was steht da drin

¿De qué trata esto? | de que va el articulo | resume el artículo | hazme un resumen | ¿Puedes resumirlo?
dame un resumen del documento | ¿Cuál es la idea principal? | que dice el documento
un resumen breve por favor

De quoi parle l'article ? | de quoi parle ce document | ça parle de quoi | résumé | fais-moi un résumé
peux-tu résumer ce texte ? | quel est le sujet de l’article ? | de quoi s'agit-il
donne-moi un aperçu du document

О чём эта статья? | о чем это | про что тут | перескажи статью | краткое содержание | в двух словах
в чем суть
сделай краткий пересказ | О чём идёт речь в тексте? | какая главная мысль | расскажи кратко о чем статья
тлдр

Про що ця стаття? | Про що йдеться у статті? | перекажи статтю | стислий зміст | зроби короткий переказ
яка головна думка | в чому суть | можеш підсумувати?

Bu ne hakkında? | bu makale neyle ilgili | makaleyi özetle | kısa bir özet ver | özetler misin?
konusu ne
ana fikri ne | bu metin ne anlatıyor | kısaca özetle lütfen

عن ماذا يتحدث المقال؟ | عم يتحدث هذا | ما موضوع المقال | لخص المقال | أعطني ملخصا
هل يمكنك تلخيص المقال
ما الفكرة الرئيسية | عن ايه المقال ده | لخص لي هذا النص من فضلك | باختصار

这篇文章讲了什么？ | 这是关于什么的 | 总结一下 | 请总结这篇文章 | 文章的主要内容是什么 | 给我一个总结
太长不看
帮我总结一下这个文档 | 这份文件说了什么 | 能不能简单概括一下
"""
SOURCES = """
what documents do you have | Which documents do you have? | list the documents
what can I ask you about
show me all documents | what are your sources | how many documents do you have
welche Dokumente hast du | Was kann ich dich fragen? | Welche Dokumente gibt es?
qué documentos tienes | ¿Qué documentos hay? | cuáles son tus fuentes
quels documents as-tu | que puis-je te demander | liste des documents
Какие у тебя документы? | Какие документы у тебя есть? | что ты знаешь | о чем тебя можно спросить
Які в тебе документи? | покажи документи | про що тебе можна запитати
elinde hangi belgeler var | neler biliyorsun | sana ne sorabilirim
ما الوثائق التي لديك؟ | ماذا تعرف؟ | ما مصادرك
你有哪些文档 | 你知道什么 | 列出所有文档 | 我可以问你什么
"""
HELP = """
Who are you? | who r u | what can you do? | how do I ask | how do I ask you a question | help
are you a bot
wer bist du | Was kannst du alles? | wie frage ich dich | Hilfe
quién eres | ¿Qué puedes hacer? | cómo pregunto | ayuda
qui es-tu | Que peux-tu faire ? | tu fais quoi | comment poser une question | aide
кто ты | Кто ты такой? | что ты умеешь | как задать вопрос | помощь
хто ти | Що ти вмієш? | як запитати | допомога
sen kimsin | neler yapabilirsin | nasıl soru sorarım | yardım
من أنت؟ | ماذا تستطيع أن تفعل | كيف أسأل | مساعدة
你是谁 | 你能做什么？ | 怎么提问 | 你会什么
"""
# The words that are looked for are between asterisks.
PLACES = """
where are *drones* mentioned? | which documents talk about *drones*
in which documents is *Homs* mentioned
Where is *the port of Rum* mentioned? | find all mentions of *Idlib*
wo werden *Drohnen* erwähnt | Welche Dokumente erwähnen *Idlib*? | wo steht etwas über *Drohnen*
dónde se mencionan *los drones* | ¿Qué documentos hablan de *drones*?
où est mentionnée *la Turquie* ? | quels documents parlent de *drones* ?
где упоминаются *дроны* | В каких документах упоминается *Турция*? | какие документы говорят о *дронах*
де згадуються *дрони* | у яких документах йдеться про *дрони*
*dronlar* nerede geçiyor | *Türkiye* hangi belgelerde geçiyor | hangi belgeler *dronlardan* bahsediyor
أين ذكرت *تركيا* | ما الوثائق التي تتحدث عن *تركيا*
哪里提到了*无人机* | 哪些文档提到了*土耳其* | *无人机*在哪里被提到
"""
# The name of the document is between asterisks.
CONTENTS = """
what is in *note.txt* | What does *note.txt* say?
what's in *the file note.txt* | read me *note.txt*
can you read *note.txt* to me | whats in *the travel policy*
show me *note.txt* please | what is in *the box*
was steht in *notiz.txt* | was steht in der *Datei notiz.txt*?
was sagt die *Reiserichtlinie* | zeig mir *notiz.txt*
¿Qué hay en *nota.txt*? | que dice la *política de viajes*
léeme *nota.txt* | que pone en el *archivo nota.txt*
qu'y a-t-il dans *note.txt* ? | que dit la *politique de voyage*
il y a quoi dans *note.txt* | ouvre *note.txt*
что в *note.txt* | Что написано в *файле note.txt*?
прочитай мне *note.txt* | что говорит *политика командировок*
що в *note.txt* | Що написано у *файлі note.txt*?
прочитай *note.txt* | що каже *політика відряджень*
*not.txt'de* ne var | *seyahat politikasında* ne yazıyor?
bana *not.txt* oku | *not.txt dosyasını* göster
ماذا يوجد في *note.txt* | ماذا تقول *سياسة السفر*؟
اقرأ لي *note.txt* | ما محتوى *note.txt*
*note.txt*里有什么 | *差旅政策*里写了什么？
读一下*note.txt* | *note.txt* 里面有什么内容
"""
OTHER = """
What is this about the drones? | How many checkpoints does Turkey have?
what can you do with a passport
who are you allowed to bring | documents required for a visa | what documents do I need for a visa
which documents do I have to show | what do you know about drones | how do I ask for a refund
what can I do if my bag is lost | where is the harbor | help me find the library
who is this | what is the point | how do you work from home | hello | thanks
what is a summary offence?
welche Dokumente brauche ich für das Visum | que documentos necesito | какие документы нужны для визы
что ты знаешь о дронах | Где находится Идлиб | De quoi est accusée la Russie ? | 办签证需要哪些文件
有哪些文件可以证明身份 | hangi belgeler gerekli | ما الوثائق المطلوبة للتأشيرة
які документи потрібні для візи
"""


def _questions(text: str) -> list[str]:
    return [question.strip() for question in text.replace("\n", "|").split("|") if question.strip()]


@pytest.mark.parametrize(
    ("kind", "question"),
    [
        *((DocumentQuestionKind.OVERVIEW, question) for question in _questions(OVERVIEW)),
        *((DocumentQuestionKind.SOURCES, question) for question in _questions(SOURCES)),
        *((DocumentQuestionKind.HELP, question) for question in _questions(HELP)),
    ],
)
def test_questions_about_the_documents(kind: DocumentQuestionKind, question: str) -> None:
    """Questions about the documents are recognised in every language, also in casual spelling."""
    for spelling in (question, f"  {question.upper()} !"):
        parsed = parse_document_question(spelling)
        assert parsed is not None
        assert kind is parsed.kind
        assert not parsed.subject or is_any_document(parsed.subject)


@pytest.mark.parametrize("question", _questions(PLACES))
def test_the_words_that_are_looked_for(question: str) -> None:
    """In a question where something is mentioned, the words are taken as they were written."""
    before, words, after = question.split("*")
    assert DocumentQuestion(DocumentQuestionKind.PLACES, words) == parse_document_question(
        before + words + after
    )


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("summarise the handbook", "the handbook"),
        ("give me an overview of the Travel Policy", "the Travel Policy"),
        ("what is the travel policy about?", "the travel policy"),
        ("Überblick über die Reiserichtlinie", "Reiserichtlinie"),
        ("resumen de la política de viajes", "la política de viajes"),
        ("обзор политики командировок", "политики командировок"),
        ("Seyahat politikasını özetle", "Seyahat politikasını"),
        ("总结一下差旅政策", "差旅政策"),
    ],
)
def test_the_name_of_a_document(question: str, name: str) -> None:
    """A question for an overview may name a document."""
    assert DocumentQuestion(DocumentQuestionKind.OVERVIEW, name) == parse_document_question(question)


@pytest.mark.parametrize("question", _questions(CONTENTS))
def test_the_contents_of_a_document(question: str) -> None:
    """A question what is in a document has its name as it was written, perhaps with words for documents."""
    before, name, after = question.split("*")
    assert DocumentQuestion(DocumentQuestionKind.CONTENTS, name) == parse_document_question(
        before + name + after
    )


def test_the_contents_of_any_document() -> None:
    """The handbook may be any document, or the name of one."""
    assert DocumentQuestion(DocumentQuestionKind.OVERVIEW, "the handbook") == parse_document_question(
        "what does the handbook say"
    )


@pytest.mark.parametrize("question", _questions(OTHER))
def test_other_questions(question: str) -> None:
    """A phrase within a longer question does not count."""
    assert parse_document_question(question) is None


def _evaluation_questions() -> Iterator[str]:
    for file in (EVALUATION / "questions.jsonl", *sorted((EVALUATION / "everyday").glob("*.jsonl"))):
        for line in file.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)["question"]


@pytest.mark.slow
def test_evaluation_questions_are_to_the_documents() -> None:
    """None of the questions of the evaluation is taken for one about the documents, or names one."""
    questions = list(_evaluation_questions())
    assert len(questions) > 700
    parsed = list(filter(None, map(parse_document_question, questions)))
    assert {DocumentQuestionKind.CONTENTS} >= {question.kind for question in parsed}
    names = [file.name for file in (EVALUATION / "documents").iterdir()]
    sources = [Source(name, name, name, 1, 1, "en") for name in names]
    assert not any(documents_meant(question.subject, sources, is_whole=True) for question in parsed)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_example_in_the_help(language: str) -> None:
    """The example in the help for an overview is recognised in its language."""
    paragraph = next(part for part in texts_for(language).help.split("\n\n") if "/overview" in part)
    quoted = paragraph.replace("«", "“").replace("»", "”").replace("„", "“").replace("“?", "”?")
    example = quoted.partition("“")[2].split("”")[0].split("“")[0]
    parsed = parse_document_question(example)
    assert parsed is not None
    assert DocumentQuestionKind.OVERVIEW is parsed.kind


def test_every_language_of_the_bot_has_a_table() -> None:
    """The table of each language has all keys, and its phrases have no brackets within brackets."""
    assert set(LANGUAGES) == set(TABLES)
    for table in TABLES.values():
        assert {
            *(kind.value for kind in DocumentQuestionKind),
            *("documents", "kinds", "mails", "sheets", "slides"),
            *("this", "before", "after"),
        } == set(table)
        for phrase in (phrase for phrases in table.values() for phrase in phrases):
            depth = 0
            for character in phrase:
                depth += (character in "([") - (character in ")]")
                assert depth in {0, 1}, phrase
            assert 0 == depth, phrase


@pytest.mark.parametrize(
    "name", ["this", "The article", "den ganzen Text", "cet article", "эту статью", "这篇文章"]
)
def test_no_name(name: str) -> None:
    """Words that point at any document are not the name of one."""
    assert is_any_document(name)
    assert not is_any_document(f"{name} drones")


ANY_TEXT = st.text(max_size=200)


@given(ANY_TEXT | st.sampled_from(_questions(OVERVIEW + PLACES)).map(lambda text: text * 3))
def test_any_text(text: str) -> None:
    """Any text is parsed, and a subject is a part of it."""
    question = parse_document_question(text)
    assert question is None or question.subject in text
