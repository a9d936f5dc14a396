"""A small library in eight languages, all in one index."""

import asyncio
from collections.abc import Callable

import pytest

from retrieval.index.candidates import Candidates
from retrieval.index.local_index import LocalIndex
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.formats import load_document
from retrieval.model import Answer, Document, Passage, Span
from retrieval.pipeline import run_pipeline
from retrieval.query.matching import QueryMatches, match_candidates
from retrieval.query.query import Query, parse
from tests.retrieval.corpus import with_vectors
from tests.retrieval.fake_encoder import FakeEncoder

Ask = Callable[..., Answer]
Look = Callable[..., tuple[Query, Candidates, QueryMatches] | None]

TEXTS = {
    "en.txt": """The lighthouse of Skerry

The lighthouse on Skerry was built in 1874 by the engineer Margaret Holloway. It stands on a rock in the bay.

The keeper feeds eleven goats behind the tower. Their milk is made into a salty cheese.

In winter the ferry brings flour and lamp oil once a week. When the sea is rough, the islanders wait.
""",
    "de.txt": """Die Mühle von Ahrental

Die Wassermühle in Ahrental gehört seit 1911 der Familie Brandstetter. Sie mahlt Roggen und Dinkel.

Das Brot wird im Steinofen gebacken und am Samstag auf dem Marktplatz verkauft.

Der Mühlteich friert im Januar zu, dann laufen die Kinder dort Schlittschuh.
""",
    "ru.txt": """Обсерватория на Синей горе

Обсерваторию на Синей горе основал астроном Павел Лебедев в 1932 году. Её телескоп весит двенадцать тонн.

Ночью сторож выключает все фонари, чтобы свет не мешал наблюдениям.

Летом школьники приезжают сюда смотреть на метеорный поток Персеиды.
""",
    "ar.txt": """سوق الواحة

تأسس سوق الواحة في عام 1956 على يد التاجر سليمان الحداد. يبيع السوق التمور والعسل.

يجلب المزارعون الجمال كل يوم خميس من القرى المجاورة.

تشرب العائلات الشاي بالنعناع تحت أشجار النخيل بعد الغروب.
""",
    "zh.txt": """青石桥茶馆

青石桥茶馆由陈大明于1903年创办,位于河边的老街上。茶馆每天早上六点开门。

后院有一口古井,泡茶的水都取自这口井。

冬天客人围着火炉听说书人讲故事。
""",
    "th.txt": """ตลาดน้ำบางคล้า

ตลาดน้ำบางคล้าก่อตั้งโดยนายสมชายเมื่อปี 2489 ริมแม่น้ำบางปะกง

ชาวบ้านขายมะม่วงและขนมจากทุกวันเสาร์

ในฤดูฝนเรือจะจอดใต้ต้นไทรใหญ่หน้าวัด
""",
    "hi.txt": """पहाड़ी पुस्तकालय

पहाड़ी पुस्तकालय की स्थापना 1948 में शिक्षक रामनाथ जोशी ने की थी। इसमें चालीस हज़ार किताबें हैं।

बच्चे हर रविवार को यहाँ कठपुतली का नाटक देखते हैं।

सर्दियों में पुस्तकालय का दरवाज़ा बर्फ़ से ढक जाता है।
""",
    "tr.md": """# Çınaraltı Hamamı

## Tarih

Çınaraltı Hamamı 1682 yılında mimar Yusuf Kalender tarafından yapıldı. Kubbesi bakırla kaplıdır.

## Su

Hamamın suyu dağdaki kaynaktan ahşap borularla gelir.

Bayram sabahları komşular burada mercimek çorbası dağıtır.
""",
}


@pytest.fixture(scope="session")
def documents() -> dict[str, Document]:
    """Return the documents by name."""
    return {name: load_document(text.encode(), name) for name, text in TEXTS.items()}


@pytest.fixture(scope="session")
def everything(documents: dict[str, Document]) -> list[Passage]:
    """Return the passages of all documents."""
    return [passage for document in documents.values() for passage in split_passages(document)]


@pytest.fixture(scope="session")
def index(everything: list[Passage]) -> LocalIndex:
    """Return an index of all documents."""
    return LocalIndex.build(everything, 300)


@pytest.fixture(scope="session")
def ask(index: LocalIndex) -> Ask:
    """Return a function that answers a question from the documents, or from another index."""

    def ask_index(
        question: str, *, earlier: str | None = None, index: LocalIndex = index, max_chars: int = 300
    ) -> Answer:
        return asyncio.run(run_pipeline(question, index, quote_chars=max_chars, top=3, earlier=earlier))

    return ask_index


@pytest.fixture(scope="session")
def look() -> Look:
    """Return a function that searches an index of (language, text) pairs.

    It returns the query, the candidates and their matches, or None without candidates. With an encoder
    the candidates have meaning scores.
    """

    def search(
        question: str,
        texts: list[tuple[str, str]],
        max_chars: int = 300,
        encoder: FakeEncoder | None = None,
    ) -> tuple[Query, Candidates, QueryMatches] | None:
        passages = [
            Passage(
                f"p{n}",
                f"{n // 3:03}.txt",
                "Title goat",
                Span(7, 7 + len(text)),
                text,
                (),
                1,
                n + 1,
                language,
            )
            for n, (language, text) in enumerate(texts)
            if text.strip()
        ]
        index = LocalIndex.build(passages, max_chars)
        if encoder:
            index = with_vectors(index, encoder)
        query = parse(question, index.languages)
        vector = encoder.encode_question(question) if encoder and query.words else None
        candidates = asyncio.run(index.search(query.terms, 100, vector))
        return (query, candidates, match_candidates(query, candidates)) if candidates.passages else None

    return search
