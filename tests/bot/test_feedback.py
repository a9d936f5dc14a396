"""Stored questions and votes, which name no user."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.monitoring import Feedback, FeedbackRecord, read_records
from retrieval.model import Answer
from tests.bot.update_builders import deliver, message, pressed

ASKED = Answer("Who?", "unsure", 0.5, ())


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def test_off_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder nothing is written."""
    monkeypatch.chdir(tmp_path)
    feedback = Feedback(None)
    feedback.record("Who?", ASKED)
    assert (False, []) == (feedback.is_on, list(tmp_path.iterdir()))


@given(st.lists(st.text() | st.sampled_from(["a\u2028b", "\x85", "a\r\nb", "\udce9", "\u0000"]), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_question_is_read_back(tmp_path_factory: pytest.TempPathFactory, questions: list[str]) -> None:
    """Questions are read back unchanged, whatever characters they contain, except lone surrogates."""
    folder = tmp_path_factory.mktemp("feedback")
    for question in questions:
        Feedback(folder).record(question, ASKED)
    stored = [record.question for record in read_records(folder)]
    assert len(questions) == len(stored)
    for question, copy in zip(questions, stored, strict=True):
        assert question == copy or _has_surrogates(question)


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def test_the_folder_is_the_operators_own(tmp_path: Path) -> None:
    """The folder is created with access for its owner only, and has one file a day."""
    Feedback(tmp_path / "new" / "folder").record("Who?", ASKED)
    assert 0o700 == (tmp_path / "new" / "folder").stat().st_mode & 0o777
    assert [f"{_today()}.jsonl"] == [file.name for file in (tmp_path / "new" / "folder").iterdir()]


def test_a_folder_that_cannot_be_written_to(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A folder that is not writable is logged in one line, without the question."""
    (tmp_path / "file").write_text("x")
    Feedback(tmp_path / "file").record("Who is it?", ASKED)
    assert 1 == len(caplog.messages)
    assert "FEEDBACK_DIR=" in caplog.messages[0]
    assert "Who is it?" not in caplog.text


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "null", '"text"', "{}", '{"day": 1, "question": null, "answered": 3, "confidence": "x"}'],
)
def test_invalid_lines(line: str, tmp_path: Path) -> None:
    """An invalid line is skipped, and the lines around it are read."""
    good = '{"day": "2024-01-02", "question": "Who?", "answered": false, "confidence": 0.1}'
    (tmp_path / "2024-01-02.jsonl").write_text(f"{good}\n{line}\n{good}\n")
    assert [FeedbackRecord("2024-01-02", "Who?", answered=False, confidence=0.1)] * 2 == list(
        read_records(tmp_path)
    )


def _written(folder: Path) -> str:
    (file,) = folder.iterdir()
    return file.read_text()


@pytest.fixture
def answered_question(library: Any, citation: Any, answer: Any) -> Any:
    library.answers = {"Which?": answer(citation("The sea.", (0, 8)))}
    return library


async def _ask_and_vote(application: Any) -> None:
    who = {"id": 424242, "is_bot": False, "first_name": "Zoe", "username": "zoe", "language_code": "en"}
    chat = {"id": 424242, "type": "private", "first_name": "Zoe"}
    await deliver(application, message=message("Which?", chat, **{"from": who}))
    for data in ("+1", "-1", "+9"):
        press = pressed(data, message("Which?", chat, **{"from": who})) | {"from": who}
        await deliver(application, callback_query=press)


@pytest.mark.usefixtures("answered_question")
async def test_records_name_no_user(connecting: Any, telegram: Any, tmp_path: Path) -> None:
    """Questions and votes are stored with quote and day, but without user, chat or time of day."""
    await _ask_and_vote(connecting(feedback_dir=tmp_path))
    text = _written(tmp_path)
    usual = {"day": _today(), "question": "Which?", "answered": True, "confidence": 0.9, "certainty": "sure"}
    quote = {"document": "folder/name.txt", "quote": "The sea."}
    assert [
        usual | {"document": "", "quote": "", "vote": None},
        usual | quote | {"vote": "up"},
        usual | quote | {"vote": "down"},
    ] == [json.loads(line) for line in text.splitlines()]
    assert [] == [sign for sign in ("424242", "zoe", "Zoe", "T0", "T1", "T2") if sign in text]
    keyboard = telegram.calls[0][1]["reply_markup"]["inline_keyboard"]
    assert ["👍", "👎"] == [button["text"] for button in keyboard[-1]][1:]
    notices = [sent["text"] for name, sent in telegram.calls if name == "answerCallbackQuery"]
    thanks = "Thank you! That helps me answer better."
    assert [thanks, thanks, "The documents have changed since then. Please ask again."] == notices


@pytest.mark.parametrize("certainty", ["unsure", "none"])
async def test_records_have_the_certainty(  # noqa: PLR0913, PLR0917  # five of them are fixtures
    certainty: str, library: Any, citation: Any, answer: Any, connecting: Any, tmp_path: Path
) -> None:
    """Records of unsure answers, and of votes on their passages, have the certainty."""
    library.answers = {"Which?": answer(citation("The sea.", (0, 8)), certainty=certainty)}
    await _ask_and_vote(connecting(feedback_dir=tmp_path))
    stored = [json.loads(line) for line in _written(tmp_path).splitlines()]
    assert [(False, certainty, vote) for vote in (None, "up", "down")] == [
        (record["answered"], record["certainty"], record["vote"]) for record in stored
    ]


@pytest.mark.usefixtures("answered_question")
async def test_without_feedback_there_are_no_votes(connecting: Any, telegram: Any) -> None:
    """Without feedback there are no vote buttons, and a forged vote is answered as out of date."""
    await _ask_and_vote(connecting())
    assert "👍" not in json.dumps(telegram.calls, ensure_ascii=False)
    notices = [sent["text"] for name, sent in telegram.calls if name == "answerCallbackQuery"]
    assert ["This button is out of date. Please ask again."] * 2 == notices[:2]


async def test_privacy_says_what_is_stored(connecting: Any, telegram: Any, tmp_path: Path) -> None:
    """/privacy says whether questions and votes are collected or logged."""
    for settings_ in ({"feedback_dir": tmp_path}, {"log_questions": True}, {}):
        await deliver(connecting(**settings_), message=message("/privacy"))
    collected, logged, not_stored = telegram.texts()
    assert "collects what is asked" in collected
    assert "Who asked is not kept" in collected
    assert "written to its log" in logged
    assert not_stored.startswith("I keep no questions")
