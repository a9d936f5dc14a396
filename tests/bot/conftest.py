import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from telegram.ext import Application
from telegram.request import BaseRequest, RequestData

from bot.application import build_application, build_bot
from bot.handlers.context import BotState
from bot.monitoring import Feedback, Metrics
from bot.telegram.messaging import CancellableWaits
from config.settings import Settings
from retrieval.documents.library import SingleLibrary, Snapshot
from retrieval.errors import UnavailableError
from retrieval.model import (
    Answer,
    Certainty,
    Citation,
    Locator,
    Passage,
    PassageWithNeighbours,
    Problem,
    Section,
    Source,
    Span,
    TermWeight,
)
from retrieval.overview import Overview, make_overview

ME = {"id": 999, "is_bot": True, "first_name": "Verbatim", "username": "verbatim_bot"}


def make_passage(text: str, *, start: int = 0, number: int = 1, paragraph: int = 1, **fields: Any) -> Passage:
    usual: dict[str, Any] = {
        "id": f"{number:012}folder01",
        "document_name": "folder/name.txt",
        "title": "Title",
        "span": Span(start, start + len(text)),
        "text": text,
        "heading": ("Heading",),
        "line": 5,
        "paragraph": paragraph,
        "language": "en",
    }
    return Passage(**usual | fields)


def make_citation(
    text: str, at: tuple[int, int], highlights: tuple[tuple[int, int], ...] = (), **fields: Any
) -> Citation:
    """Quote characters of a passage that begins at character 100 of its document."""
    passage = fields.pop("passage", None) or make_passage(text, start=100)
    usual: dict[str, Any] = {
        "rank": 1,
        "document_name": passage.document_name,
        "title": passage.title,
        "span": Span(100 + at[0], 100 + at[1]),
        "quote": text[at[0] : at[1]],
        "highlights": tuple(Span(100 + a, 100 + b) for a, b in highlights),
        "score": 1.0,
        "locator": Locator("Heading", None, 5, 7, 2),
        "passage": passage,
    }
    return Citation(**usual | fields)


def make_answer(
    *citations: Citation,
    certainty: Certainty = "sure",
    suggestion: str | None = None,
    question: str = "How many are there?",
    confidence: float | None = None,
    asks_nothing: bool = False,
) -> Answer:
    usual = {"sure": 0.9, "unsure": 0.3, "none": 0.05}[certainty]
    sure = usual if confidence is None else confidence
    return Answer(question, certainty, sure, citations, suggestion, asks_nothing)


@dataclass
class FakeLibrary(SingleLibrary):
    """Answers from a table; the questions it was asked are kept."""

    answers: dict[str, Answer] = field(default_factory=dict)
    neighbours: dict[str, PassageWithNeighbours] = field(default_factory=dict)
    sources: tuple[Source, ...] = (Source("folder01", "folder/name.txt", "Title", 1, 100, "en"),)
    questions: list[str] = field(default_factory=list)
    earlier: list[str | None] = field(default_factory=list)
    texts: dict[str, list[Passage]] = field(default_factory=dict)
    passages: int = 12
    version: str = "0123456789abcdef"
    problems: tuple[Problem, ...] = ()
    is_away: bool = False
    pictures: dict[int, bytes] = field(default_factory=dict)
    folder: Path = Path()

    async def answer(self, question: str, *, top: int = 5, earlier: str | None = None) -> Answer:
        assert top in {5, 50}
        self._reach()
        self.questions.append(question)
        self.earlier.append(earlier)
        return self.answers.get(question, make_answer(certainty="none"))

    async def passage_with_neighbours(self, passage_id: str) -> PassageWithNeighbours | None:
        self._reach()
        return self.neighbours.get(passage_id)

    @property
    def snapshot(self) -> Snapshot[Any]:
        raise NotImplementedError

    def _reach(self) -> None:
        if self.is_away:
            raise UnavailableError("no node answers")

    async def explain(self, question: str) -> tuple[TermWeight, ...]:
        return tuple(TermWeight(word, word.istitle(), len(word), 1.5) for word in question.split())

    def source(self, document_id: str) -> Source | None:
        return next((source for source in self.sources if source.id == document_id), None)

    async def sections(self, source: Source) -> tuple[Section, ...]:
        found: dict[str, Section] = {}
        for first, passage in enumerate(await self.read(source)):
            found.setdefault(passage.heading[-1], Section(passage.heading[-1], 1, first))
        return tuple(found.values())

    async def overview(self, source: Source) -> Overview:
        self._reach()
        return make_overview(await self.read(source), 300)

    async def read(self, source: Source, first: int = 0, count: int | None = None) -> list[Passage]:
        return self.texts.get(source.id, [])[first:][:count]

    def picture(self, citation: Citation) -> bytes | None:
        return self.pictures.get(citation.rank)

    def file(self, source: Source) -> Path:
        return self.folder / source.name


@dataclass
class FakeDocumentManager:
    """Keeps what was put in and taken out."""

    library: FakeLibrary
    put_in: dict[str, bytes] = field(default_factory=dict)
    taken_out: list[str] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)
    reloads: int = 0

    async def reload(self, **_: object) -> FakeLibrary:
        self.reloads += 1
        return self.library

    async def add(self, name: str, data: bytes, _: object = None) -> bool:
        replaced = name in self.put_in
        self.put_in[name] = data
        return replaced

    def unread_pages(self, name: str) -> int:
        return self.waiting.get(name, 0)

    def file_name(self, source: Source) -> str:
        return source.name

    async def remove(self, source: Source) -> None:
        self.taken_out.append(source.name)


class FakeTelegram(BaseRequest):
    """Takes every call and keeps it; `replies` has other results by method, as an error or a value."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.replies: dict[str, Any] = {}

    @property
    def read_timeout(self) -> float:
        return 5

    async def initialize(self) -> None: ...

    async def shutdown(self) -> None: ...

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, *_: Any, **__: Any
    ) -> tuple[int, bytes]:
        assert "POST" == method
        name = url.rpartition("/")[2]
        if name == "getMe":
            return 200, json.dumps({"ok": True, "result": ME}).encode()
        self.calls.append((name, dict(request_data.parameters) if request_data else {}))
        if name in self.replies:
            status, description = self.replies[name]
            body = {"ok": False, "error_code": status, "description": description}
            return status, json.dumps(body).encode()
        return 200, json.dumps({"ok": True, "result": _result(name)}).encode()

    def texts(self) -> list[str]:
        return [parameters["text"] for name, parameters in self.calls if name == "sendMessage"]


def _result(name: str) -> Any:
    if name in {"sendMessage", "editMessageText"}:
        return {"message_id": 77, "date": 1, "chat": {"id": 1, "type": "private"}, "text": "x"}
    return True


@pytest.fixture
def passage() -> Callable[..., Passage]:
    return make_passage


@pytest.fixture
def citation() -> Callable[..., Citation]:
    return make_citation


@pytest.fixture
def answer() -> Callable[..., Answer]:
    return make_answer


@pytest.fixture
def library() -> FakeLibrary:
    return FakeLibrary()


@pytest.fixture
def telegram() -> FakeTelegram:
    return FakeTelegram()


@pytest.fixture
def application(library: FakeLibrary, telegram: FakeTelegram) -> Any:
    return connect(library, telegram)


@pytest.fixture
def connecting(library: FakeLibrary, telegram: FakeTelegram) -> Callable[..., Any]:
    return lambda **settings: connect(library, telegram, **settings)


def connect(
    library: FakeLibrary, telegram: FakeTelegram, *, reads_pictures: bool = False, **settings: Any
) -> Application[Any, Any, Any, Any, Any, Any]:
    given = Settings(_env_file=None, telegram_token="1:x", **settings)
    state = BotState(
        library,
        Metrics(),
        Feedback(given.feedback_dir),
        FakeDocumentManager(library),  # type: ignore[arg-type]  # a fake
        given.telegram_admins,
        given.log_questions,
        reads_pictures=reads_pictures,
    )
    built = build_application(given, state, build_bot(given, state.metrics, CancellableWaits()))
    built.bot._request = (telegram, telegram)
    return built
