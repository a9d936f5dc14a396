"""What is fuzzed: every loader, the files of a saved index, and the handlers of updates.

A target has valid inputs and a check, which raises an exception if an input has an effect that
it must not have.
"""

import asyncio
import json
import logging
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from hypothesis import strategies as st

from retrieval.embeddings.vector_store import VectorStore
from retrieval.errors import DamagedError, DocumentError
from retrieval.index import manifest
from retrieval.index.local_index import LocalIndex
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.containers import list_packed_files, read_packed_file
from retrieval.loaders.formats import LOADERS, load_document
from retrieval.model import Document, Passage
from tests.bot import conftest as fakes
from tests.documents import samples
from tests.documents.mail_samples import mail_with, mailbox
from tests.fuzz import edits
from tests.retrieval.loaders.test_damaged import check_spans

_ROOT = Path(__file__).parents[2]
_MAX_SEED_BYTES = 60_000
_ZIP_START = b"PK\3\4"
_CHAT = {"id": 7, "type": "private", "first_name": "Ada"}
_GROUP = {"id": -7, "type": "supergroup", "title": "Circle"}
_USER = {"id": 7, "is_bot": False, "first_name": "Ada", "language_code": "en"}
_DIMENSIONS = 16
_QUESTION = "How many are there?"


@dataclass(frozen=True)
class Target:
    """`seeds` are valid inputs, `check` returns how an input ended: "read" or "refused"."""

    name: str
    seeds: tuple[bytes, ...]
    check: Callable[[bytes], str]

    def inputs(self) -> st.SearchStrategy[bytes]:
        """Return a strategy of edited seeds."""
        seeds = st.integers(0, len(self.seeds) - 1).map(self.seeds.__getitem__)
        if self.name == "update":
            return st.builds(edits.apply_to_json, seeds, edits.json_edits)
        if self.seeds[0].startswith(_ZIP_START):
            entries = st.builds(edits.apply_to_entry, seeds, st.integers(0, 99), edits.edits)
            return entries | st.builds(edits.apply, seeds, edits.edits)
        return st.builds(edits.apply, seeds, edits.edits)


@cache
def target_names() -> tuple[str, ...]:
    return tuple(_builders())


@cache
def build_target(name: str) -> Target:
    return _builders()[name]()


def _builders() -> dict[str, Callable[[], Target]]:
    """Return what builds each target: the names of tests need none of them."""
    kinds = [suffix.removeprefix(".") for suffix in LOADERS if _documents(suffix)]
    loaders: dict[str, Callable[[], Target]] = {f"loader-{kind}": partial(_loader, kind) for kind in kinds}
    containers = {f"container-{kind}": partial(_container, kind) for kind in CONTAINERS}
    return {
        **loaders,
        **containers,
        "segment": _segment,
        "manifest": lambda: Target("manifest", (_saved_index()[manifest.MANIFEST],), _check_manifest),
        "vectors": _vectors,
        "update": _updates,
    }


def _documents(suffix: str) -> list[Callable[[], bytes]]:
    """Return what reads the sample documents of a format, those of the tests and real ones."""
    made = [make for name, make in samples.DOCUMENTS.items() if name.endswith(suffix)]
    found = [
        file.read_bytes
        for file in _document_files()
        # That one needs a password.
        if file.name.endswith(suffix) and file.name != "locked.pdf"
    ]
    return [*made, *found[:8]] or [
        lambda: b"Opening hours\n\nThe library opens at nine.\n" for _ in [0] if suffix == ".text"
    ]


@cache
def _document_files() -> list[Path]:
    folders = ("tests/documents/printed", "tests/eval/documents", "docs", "seeds")
    files = [file for folder in folders for file in sorted((_ROOT / folder).rglob("*"))]
    return [file for file in files if file.is_file() and file.stat().st_size <= _MAX_SEED_BYTES]


def _loader(kind: str) -> Target:
    name = f"document.{kind}"

    def check(data: bytes) -> str:
        try:
            document = load_document(data, name)
        except DocumentError:
            return "refused"
        if kind == "pdf":
            document = _without_overlaps(document)
        check_spans(document)
        return "read"

    return Target(f"loader-{kind}", tuple(read() for read in _documents(f".{kind}")), check)


_FILES = {
    "hours.txt": b"The library opens at nine.\n",
    "notes/list.md": b"# Notes\n\n- It closes at eight.\n",
}
_MAIL = mail_with({"hours.txt": b"The library opens at nine.\n", "pack.zip": samples.make_zip(_FILES)})
CONTAINERS = {
    "eml": (_MAIL, mail_with({"inner.eml": _MAIL})),
    "mbox": (mailbox([_MAIL, _MAIL]),),
    "msg": tuple(file.read_bytes() for file in sorted((_ROOT / "tests/documents/mail").glob("*_*.msg"))),
    "zip": (samples.make_zip({**_FILES, "mail.eml": _MAIL}),),
}


def _container(kind: str) -> Target:
    """Return the target of an archive or a mail, each file of which is read."""

    def check(data: bytes) -> str:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"a.{kind}"
            file.write_bytes(data)
            try:
                files = list_packed_files(file, file.name)
            except DocumentError:
                return "refused"
            for packed in files:
                if not packed.problem:
                    with suppress(DocumentError):
                        read_packed_file(file / packed.path, packed.path, len(data) * 300)
        return "read"

    return Target(f"container-{kind}", CONTAINERS[kind], check)


def _without_overlaps(document: Document) -> Document:
    """Return a PDF document without what may overlap there: headings at the same line, and empty pages."""
    starts = [page.start for page in document.pages]
    assert starts == sorted(starts)
    assert all(0 <= heading.span.start < heading.span.end for heading in document.headings)
    assert all(heading.span.end <= len(document.text) for heading in document.headings)
    pages = {page.start: page for page in document.pages if page.start < len(document.text)}
    return replace(document, pages=tuple(pages.values()), headings=())


@cache
def _passages() -> tuple[Passage, ...]:
    text = (
        "# Goats\n\nGoats eat salt.\n\n## Ferry\n\nThe ferry 🪢.\n\n## Ziegen\n\nDie Ziegen fressen Salz.\n"
    )
    return tuple(split_passages(load_document(text.encode(), "a.md")))


@cache
def _saved_index() -> dict[str, bytes]:
    """Return the files of a saved index of a few passages, by name."""
    with tempfile.TemporaryDirectory() as folder:
        index = LocalIndex.build(_passages(), 300)
        manifest.save_index(index, Path(folder), {"folder": "x", "records": []})
        return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def _search_saved(files: dict[str, bytes]) -> str:
    """Open and search an index whose checksum is not verified at once, as that of a large one."""
    with tempfile.TemporaryDirectory() as name, mock.patch.object(manifest, "_MAX_VERIFIED_BYTES", 0):
        folder = Path(name)
        for path, data in files.items():
            (folder / path).write_bytes(data)
        assert isinstance(manifest.read_metadata(folder), dict)
        manifest.load_index(folder, thorough=True)
        loaded = manifest.load_index(folder)
        if loaded is None:
            return "refused"
        try:
            candidates = asyncio.run(loaded[0].search(["goat", "ferri"], 5))
        except DamagedError:
            return "refused"
    texts = {passage.text for passage in candidates.passages}
    assert texts <= {passage.text for passage in _passages()}
    return "read"


def _segment() -> Target:
    files = _saved_index()
    (name,) = (name for name in files if name.endswith(".segment"))

    def check(data: bytes) -> str:
        body = json.loads(files[manifest.MANIFEST].rpartition(b"\n")[0])
        body["segments"][0]["size"] = len(data)
        encoded = json.dumps(body).encode()
        signed = encoded + b"\n" + manifest._body_digest(encoded)
        return _search_saved({name: data, manifest.MANIFEST: signed})

    return Target("segment", (files[name],), check)


def _check_manifest(data: bytes) -> str:
    return _search_saved(_saved_index() | {manifest.MANIFEST: data})


def _vectors() -> Target:
    rows = np.eye(5, _DIMENSIONS, dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.bin"
        VectorStore(path, "model", _DIMENSIONS).append(np.arange(5, dtype=np.uint64), rows)
        seed = path.read_bytes()

    def check(data: bytes) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "vectors.bin"
            path.write_bytes(data)
            store = VectorStore(path, "model", _DIMENSIONS)
            found = int((store.rows(np.arange(5, dtype=np.uint64)) >= 0).sum())
            store.append(np.array([9], np.uint64), rows[:1])
            assert store.rows(np.array([9], np.uint64))[0] >= 0
        return "read" if found else "refused"

    return Target("vectors", (seed,), check)


def _updates() -> Target:
    message = {"message_id": 5, "date": 1, "chat": _CHAT, "from": _USER, "text": _QUESTION}
    command = {"type": "bot_command", "offset": 0, "length": 4}
    contents: list[dict[str, Any]] = [
        {"message": message},
        {"edited_message": message | {"edit_date": 2}},
        {"message": message | {"text": "/ask who?", "entities": [command], "chat": _GROUP}},
        {"message": message | {"reply_to_message": message | {"from": fakes.ME, "text": "A quote"}}},
        {"message": message | {"text": None, "caption": "c", "photo": [
            {"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}]}},
        {"message": message | {"document": {"file_id": "f", "file_unique_id": "u", "file_name": "a.txt",
                                            "file_size": 3, "mime_type": "text/plain"}}},
        *({"message": message | {"text": text, "entities": [command | {"length": len(text.split()[0])}]}}
          for text in ("/start", "/start p000000000001folder01", "/sources", "/search goats", "/overview",
                       "/why", "/help", "/status", "/reload", "/remove a.txt")),
        *({"callback_query": {"id": "1", "from": _USER, "chat_instance": "1", "data": data,
                              "message": message | {"from": fakes.ME, "reply_to_message": message}}}
          for data in ("q1", "~q1", "c1:folder01", "s0", "d:folder01", "x")),
        {"inline_query": {"id": "1", "from": _USER, "query": _QUESTION, "offset": ""}},
        {"my_chat_member": {"chat": _GROUP, "from": _USER, "date": 1,
                            "old_chat_member": {"status": "left", "user": fakes.ME},
                            "new_chat_member": {"status": "member", "user": fakes.ME}}},
        {"guest_message": message | {"guest_query_id": "g", "guest_bot_caller_user": _USER}},
    ]  # fmt: skip
    seeds = tuple(json.dumps({"update_id": 1, **content}).encode() for content in contents)
    return Target("update", seeds, lambda data: asyncio.run(_handle_update(data)))


async def _handle_update(data: bytes) -> str:
    """Handle an update as a bot does whose administrator wrote it."""
    citation = fakes.make_citation("There are 12 goats in the yard.", (0, 31))
    archive = fakes.FakeLibrary(
        answers={_QUESTION: fakes.make_answer(citation)}, texts={"folder01": [citation.passage]}
    )
    application = fakes.connect(archive, _FakeTelegram(), telegram_admins="7")
    await application.initialize()
    received = json.loads(data)
    if not isinstance(received, dict) or type(received.get("update_id")) is not int:
        # The webhook answers these with an error, and Telegram's own answers have the number.
        return "refused"
    update = application.bot.parse_update(received)
    if len(update.to_dict()) == 1:
        return "refused"
    errors = _Errors()
    logging.getLogger("bot").addHandler(errors)
    try:
        await application.process_update(update)
    finally:
        logging.getLogger("bot").removeHandler(errors)
    for record in errors.records:
        if record.exc_info and record.exc_info[1]:
            raise record.exc_info[1]
        raise AssertionError(record.getMessage())
    return "read"


class _FakeTelegram(fakes.FakeTelegram):
    """Answers calls whose result is not just true."""

    async def do_request(self, url: str, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        results = {
            "answerGuestQuery": {"inline_message_id": "1"},
            "getFile": {"file_id": "f", "file_unique_id": "u", "file_size": 3, "file_path": "a.txt"},
        }
        method = url.rpartition("/")[2]
        if method.startswith(("send", "edit")) and method != "sendChatAction":
            results[method] = {"message_id": 77, "date": 1, "chat": _CHAT, "text": "x"}
        if method in results:
            return 200, json.dumps({"ok": True, "result": results[method]}).encode()
        if method == "a.txt":
            return 200, b"abc"
        return await super().do_request(url, *args, **kwargs)


class _Errors(logging.Handler):
    """Keeps what the error handler logs."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
