"""Attachments of mails and files in archives as documents of their own, also in each other."""

import random
from contextlib import suppress
from pathlib import Path

import pytest

from bot.i18n.texts import texts_for
from bot.views.message import location_text
from retrieval.documents import file_listing
from retrieval.documents.file_listing import list_files, list_folder
from retrieval.documents.local_library import LocalLibrary
from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders import containers
from retrieval.loaders.formats import load_document, read_file
from tests.documents import mail_samples, samples
from tests.documents.mail_samples import attachment, mail, mail_with, mailbox, named

MAILS = Path("tests/documents/mail")
BATH = Path("tests/documents/printed/bath.pdf").read_bytes()
LOCKED = Path("tests/documents/printed/locked.pdf").read_bytes()
PIER, CRANE = b"The pier closes at ten in the evening.\n", b"The crane lifts forty tons.\n"


def listed(tmp_path: Path, data: bytes, name: str = "a.eml") -> dict[str, str]:
    """Return the files in a container, with their problems."""
    (tmp_path / name).write_bytes(data)
    return {packed.path: packed.problem for packed in containers.list_packed_files(tmp_path / name, name)}


def read(tmp_path: Path, path: str) -> bytes:
    return read_file(tmp_path / path, path)


async def test_documents(tmp_path: Path) -> None:
    """An attachment is a document next to its mail, cited with the mail's path; the mail is one, too."""
    folder = tmp_path / "documents"
    (folder / "more").mkdir(parents=True)
    (folder / "more" / "harbour.eml").write_bytes(
        mail_with({"pier.txt": PIER, "guide.docx": samples.make_docx(), "tool.exe": b"MZ", "empty.txt": b"",
                   "locked.pdf": LOCKED})
    )  # fmt: skip
    library = LocalLibrary.open(folder, index_dir=tmp_path / "index")
    above = "more/harbour.eml"
    assert [above, f"{above}/guide.docx", f"{above}/pier.txt"] == [source.name for source in library.sources]
    best = (await library.answer("When does the pier close?")).citations[0]
    assert (f"{above}/pier.txt", "line 1") == (
        best.document_name,
        location_text("", best.locator, texts_for("en")),
    )
    assert folder / "more" / "harbour.eml" == library.file(library.sources[2])
    assert {
        f"{above}/empty.txt": ProblemKind.EMPTY,
        f"{above}/locked.pdf": ProblemKind.PROTECTED,
        f"{above}/tool.exe": ProblemKind.UNSUPPORTED,
    } == {problem.name: problem.kind for problem in library.problems}


@pytest.mark.slow
def test_changes(tmp_path: Path) -> None:
    """Attachments come and go with their mail; others are not read again, nor are mails opened again."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.eml").write_bytes(mail_with({"pier.txt": PIER}))
    (folder / "b.mbox").write_bytes(mailbox([mail_with({}), mail_with({"crane.txt": CRANE})]))
    first = LocalLibrary.open(folder, index_dir=tmp_path / "index")
    assert ["a.eml", "a.eml/pier.txt", "b.mbox", "b.mbox/2/crane.txt"] == list(first.records)
    (folder / "a.eml").write_bytes(mail_with({"quay.txt": b"The quay is new."}))
    second = LocalLibrary.open(folder, before=first)
    assert ["a.eml", "a.eml/quay.txt", "b.mbox", "b.mbox/2/crane.txt"] == list(second.records)
    (folder / "a.eml").unlink()
    assert ["b.mbox", "b.mbox/2/crane.txt"] == list(LocalLibrary.open(folder, before=second).records)


def test_unchanged_containers_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files in archives and mails are listed once, until these change; a saved index has the lists."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.eml").write_bytes(mail_with({"pier.txt": PIER}))
    (folder / "b.zip").write_bytes(samples.make_zip({"crane.txt": CRANE, "c.tar": b""}))
    (folder / "damaged.zip").write_bytes(b"PK")
    monkeypatch.setattr(file_listing, "CLOCK_TICK_NS", -1)
    library = LocalLibrary.open(folder, index_dir=tmp_path / "index")
    problems = [problem.name for problem in library.problems]
    assert ["b.zip/c.tar", "damaged.zip"] == problems

    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(containers, "_open_file", fail)
    for known in (
        LocalLibrary.open(folder, before=library),
        LocalLibrary.open(folder, index_dir=tmp_path / "index"),
    ):
        assert ["a.eml", "a.eml/pier.txt", "b.zip/crane.txt"] == list(known.records)
        assert problems == [problem.name for problem in known.problems]
        assert library.version == known.version


def test_recent_containers_are_opened_again(tmp_path: Path) -> None:
    """A container that was just written may change without a new time, so its list is not kept."""
    (tmp_path / "b.zip").write_bytes(samples.make_zip({"crane.txt": CRANE}))
    assert not list_folder(tmp_path).containers["b.zip"].is_mtime_reliable


def test_two_of_one_name(tmp_path: Path) -> None:
    """Attachments of the same name are numbered, in their order."""
    data = mail([named(PIER, "a.txt"), named(CRANE, "a.txt"), named(b"3", "a (2).txt"), named(b"4", "a.txt")])
    assert ["a.txt", "a (2).txt", "a (2) (2).txt", "a (3).txt"] == list(listed(tmp_path, data))
    assert CRANE == read(tmp_path, "a.eml/a (2).txt")


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ('Content-Disposition: attachment; filename="a/b\\\\c.txt"', "c.txt"),
        ('Content-Disposition: attachment; filename="../../etc/notes.txt"', "notes.txt"),
        ('Content-Disposition: attachment; filename=".."\nContent-Type: text/plain', "attachment.txt"),
        ('Content-Disposition: attachment; filename="/"\nContent-Type: application/pdf', "attachment.pdf"),
        ('Content-Disposition: attachment; filename=".profile.txt"', "profile.txt"),
        ('Content-Disposition: attachment; filename="a\x01\x7fb.txt"', "ab.txt"),
        ('Content-Disposition: attachment; filename="=?utf-8?B?4oCudHh0LmE=?=.txt"', "txt.a .txt"),
        ("Content-Disposition: attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe%2Fa.txt", "a.txt"),
        ("Content-Disposition: attachment; filename*0*=utf-8''Gr%C3%BC; filename*1=n.txt", "Grün.txt"),
        ('Content-Disposition: attachment; filename="=?iso-8859-1?Q?Gr=FCn?= 2.txt"', "Grün 2.txt"),
        ('Content-Disposition: attachment; filename="Grün.txt"', "Grün.txt"),
        ('Content-Type: application/pdf; name="a.pdf"', "a.pdf"),
        ("Content-Disposition: attachment\nContent-Type: text/csv", "attachment.csv"),
        ("Content-Type: application/pdf", "attachment.pdf"),
        ('Content-Disposition: attachment; filename="Invoice 12"\nContent-Type: application/pdf',
         "Invoice 12.pdf"),
        ('Content-Disposition: attachment; filename="odd"\nContent-Type: x/y', "odd"),
        (f'Content-Disposition: attachment; filename="{"ü" * 300}.txt"', "ü" * 98 + ".txt"),
    ],
)  # fmt: skip
def test_names(headers: str, name: str, tmp_path: Path) -> None:
    """A name is that of a file: no folders, no invisible characters, not too long, with a suffix."""
    assert {name: ""} == listed(tmp_path, mail([attachment(PIER, headers)]))
    assert PIER == containers.read_packed_file(tmp_path / "a.eml" / name, f"a.eml/{name}", 100)


PICTURE = "Content-Type: image/png\nContent-ID: <a>"


@pytest.mark.parametrize(
    ("part", "is_document"),
    [
        (attachment(b"x" * 5000, f'{PICTURE}\nContent-Disposition: inline; filename="logo.png"'), False),
        (attachment(b"x" * 5000, 'Content-Type: image/png; name="a.png"\nContent-ID: <a>'), False),
        (attachment(b"x" * 200_000, f'{PICTURE}\nContent-Disposition: inline; filename="scan.png"'), True),
        (named(b"x" * 5000, "chart.png", "image/png"), True),
        (attachment(b"x", "Content-Type: image/png\nContent-Disposition: attachment"), False),
        (attachment(b"x", 'Content-Type: application/pdf; name="a.pdf"\nContent-ID: <a>'), True),
        (attachment(b"x", "Content-Type: application/octet-stream"), False),
        (attachment(PIER, 'Content-Type: text/plain; name="a.txt"\nContent-Disposition: inline'), False),
    ],
)  # fmt: skip
def test_what_is_no_document(part: bytes, is_document: bool, tmp_path: Path) -> None:
    """Small pictures within the text are part of the mail, as are texts that it shows."""
    assert is_document is bool(listed(tmp_path, mail([part])))


def test_uuencoded(tmp_path: Path) -> None:
    """A file in the text, as programs before MIME attached it, is a document."""
    text = mail_samples.HEAD + "\nSee.\n\nbegin 644 a.txt\n#0V%T\n`\nend\n"
    assert {"a.txt": ""} == listed(tmp_path, text.encode())
    assert b"Cat" == read(tmp_path, "a.eml/a.txt")


NESTED = {
    "pack.zip": samples.make_zip({"docs/crane.txt": CRANE, "mail.eml": mail_with({"pier.txt": PIER})}),
    "other.eml": mail_with({"pier.txt": PIER, "inner.zip": samples.make_zip({"a.txt": b"Deep."})}),
}


def test_nested(tmp_path: Path) -> None:
    """Archives in mails, mails in archives and mails in mails are opened; an archive in an archive is not."""
    assert {
        "pack.zip/docs/crane.txt": "",
        "pack.zip/mail.eml": "",
        "pack.zip/mail.eml/pier.txt": "",
        "other.eml": "",
        "other.eml/pier.txt": "",
        "other.eml/inner.zip/a.txt": "",
    } == listed(tmp_path, mail_with(NESTED))
    assert PIER == read(tmp_path, "a.eml/pack.zip/mail.eml/pier.txt")
    assert b"Deep." == read(tmp_path, "a.eml/other.eml/inner.zip/a.txt")
    found = listed(tmp_path, samples.make_zip(NESTED), "a.zip")
    assert "is an archive in an archive; unpack it" == found["pack.zip"]
    assert "is an archive in an archive; unpack it" == found["other.eml/inner.zip"]
    assert "" == found["other.eml/pier.txt"]


def test_too_deep(tmp_path: Path) -> None:
    """What is deeper than three files in each other is rejected with the advice to save it on its own."""
    data = mail_with({"a.txt": b"Deepest.", "b.zip": samples.make_zip({"a.txt": b"x"})})
    for _ in range(4):
        data = mail_with({"m.eml": data})
    found = listed(tmp_path, data)
    assert ["m.eml", "m.eml/m.eml", "m.eml/m.eml/m.eml", "m.eml/m.eml/m.eml/m.eml"] == list(found)
    reason = "is in more than 3 files that contain each other; save it on its own"
    assert ["", "", "", reason] == list(found.values())
    with pytest.raises(DocumentError, match="is no longer in its mail"):
        read(tmp_path, "a.eml/m.eml/m.eml/m.eml/m.eml")


def test_forwarded(tmp_path: Path) -> None:
    """The text of a forwarded mail is read with the mail, so its attachments are named as the mail's own."""
    forwarded = b"Content-Type: message/rfc822\n\n" + mail([named(CRANE, "a.txt")], boundary="y")
    assert {"a.txt": "", "a (2).txt": ""} == listed(tmp_path, mail([named(PIER, "a.txt"), forwarded]))
    assert CRANE == read(tmp_path, "a.eml/a (2).txt")


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many files, too large ones, and too much in all are rejected; the mail itself is not."""
    data = mail_with({"a.txt": PIER, "b.zip": samples.make_zip({"c.txt": CRANE})})
    assert 2 == len(listed(tmp_path, data))
    with pytest.raises(DocumentError, match="is larger than 0 MB; split it"):
        containers.read_packed_file(tmp_path / "a.eml" / "a.txt", "a.eml/a.txt", 2)
    monkeypatch.setattr(containers, "MAX_UNPACKED_BYTES", len(PIER) + len(CRANE) - 1)
    with pytest.raises(DocumentError, match="has more than 0 MB of files; unpack it"):
        listed(tmp_path, data)
    monkeypatch.setattr(containers, "MAX_FILES", 1)
    listing = file_listing._list_container(tmp_path, list_files(tmp_path)[0][0])
    assert listing.problem is not None
    assert ("a.eml", "has more than 1 files; unpack it", ProblemKind.TOO_LARGE) == (
        listing.problem.name,
        listing.problem.reason,
        listing.problem.kind,
    )


def test_bomb_in_a_mail(tmp_path: Path) -> None:
    """An archive that unpacks to too much is one problem, and costs no other attachment."""
    bomb = samples.make_zip({"a.txt": bytes(64 * 2**20)})
    found = listed(tmp_path, mail_with({"bomb.zip": bomb, "broken.zip": b"PK", "pier.txt": PIER}))
    assert ["bomb.zip", "broken.zip", "pier.txt"] == list(found)
    assert "which is too much; split it" in found["bomb.zip"]
    assert "is no ZIP archive" in found["broken.zip"]
    assert not found["pier.txt"]


def test_mailbox(tmp_path: Path) -> None:
    """The attachments of a mailbox are in folders with the numbers of their messages."""
    data = mailbox([mail_with({"a.txt": PIER}), b"nothing\n", mail_with({"a.txt": CRANE})])
    assert ["1/a.txt", "3/a.txt"] == list(listed(tmp_path, data, "b.mbox"))
    assert (PIER, CRANE) == (read(tmp_path, "b.mbox/1/a.txt"), read(tmp_path, "b.mbox/3/a.txt"))
    with pytest.raises(DocumentError, match="is no longer in its mail"):
        read(tmp_path, "b.mbox/2/a.txt")


def test_outlook(tmp_path: Path) -> None:
    """The attachments of a message of Outlook are documents, also those of a message attached to it."""
    (tmp_path / "c.msg").write_bytes((MAILS / "attached_text.msg").read_bytes())
    assert ["A.txt"] == [packed.path for packed in containers.list_packed_files(tmp_path / "c.msg", "c.msg")]
    assert b"attach test" == read(tmp_path, "c.msg/A.txt")
    data = (MAILS / "msg_in_msg.msg").read_bytes()
    assert {"green.png": ""} == listed(tmp_path, data, "d.msg")
    assert ["I have attachments!", "Microsoft Outlook テスト メッセージ"] == [
        heading.text for heading in load_document(data, "d.msg").headings
    ]


def test_damaged_mail_in_an_archive(tmp_path: Path) -> None:
    """A mail that cannot be read is listed, and reported when it is read; the others stay."""
    parts = b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\na\n" * 6000
    data = samples.make_zip({"bad.eml": mail_samples.HEAD.encode() + parts, "crane.txt": CRANE})
    assert {"bad.eml": "", "crane.txt": ""} == listed(tmp_path, data, "a.zip")
    library = LocalLibrary.open(tmp_path)
    assert ["a.zip/crane.txt"] == [source.name for source in library.sources]
    assert ["a.zip/bad.eml"] == [problem.name for problem in library.problems]


def _mutate(data: bytes, seed: int) -> bytes:
    """Change, remove, repeat or insert bytes at one to six places."""
    rng, mutated = random.Random(seed), bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at, size = rng.randrange(len(mutated) + 1), rng.choice([1, 2, 9, 200])
        part = rng.choice([b"", rng.randbytes(size), bytes(mutated[at : at + size]) * 2, b"--=_x\n", b"\0"])
        mutated[at : at + rng.choice([0, size])] = part
    return bytes(mutated)


@pytest.mark.slow
def test_any_damage(tmp_path: Path) -> None:
    """Of 200 damaged mails each file is read or rejected, and most attachments are still read."""
    whole = mail_with({"pier.txt": PIER, **NESTED})
    count = 0
    for seed in range(200):
        data = _mutate(whole, seed)
        (tmp_path / "a.eml").write_bytes(data)
        with suppress(DocumentError):
            load_document(data, "a.eml")
        try:
            files = containers.list_packed_files(tmp_path / "a.eml", "a.eml")
        except DocumentError:
            continue
        for packed in files:
            name = f"a.eml/{packed.path}"
            if not packed.problem:
                with suppress(DocumentError):
                    count += bool(load_document(read(tmp_path, name), name).blocks)
    assert count > 500


def test_damage_costs_no_other_document(tmp_path: Path) -> None:
    """Damaged mails in a folder cost none of the other documents in it."""
    whole = mail_with({"pier.txt": PIER, **NESTED})
    for seed in range(40):
        (tmp_path / f"{seed}.eml").write_bytes(_mutate(whole, seed))
    (tmp_path / "good.eml").write_bytes(mail_with({"crane.txt": b"Only here: the good crane."}))
    (tmp_path / "own.txt").write_text("The owner is Ida.")
    names = {source.name for source in LocalLibrary.open(tmp_path).sources}
    assert {"good.eml/crane.txt", "own.txt"} <= names
    assert len(names) > 30


def test_a_mail_that_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail whose attachments take too long to list is a problem; others are listed."""
    monkeypatch.setattr(file_listing, "_LIST_TIMEOUT_SECONDS", 0.1)
    # They take some seconds.
    part = "--b\nContent-Disposition: attachment; filename=pier.txt\n\nThe pier is long.\n"
    head = "Subject: Pier\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
    (tmp_path / "a.eml").write_text(f"{head}{part * 50_000}--b--\n", encoding="ascii")
    files, problems = list_files(tmp_path)
    assert ["a.eml"] == [file.name for file in files]
    assert ["the files in it cannot be listed (TimeoutError); save them on their own"] == [
        problem.reason for problem in problems
    ]


async def test_a_picture_of_a_page(tmp_path: Path) -> None:
    """The page of a quote from an attached PDF can be shown, as those of other files can."""
    (tmp_path / "a.eml").write_bytes(mail_with({"bath.pdf": BATH}))
    library = LocalLibrary.open(tmp_path)
    best = (await library.answer("Wer hat das Freibad von Ahrental entworfen?")).citations[0]
    assert "a.eml/bath.pdf" == best.document_name
    picture = library.picture(best)
    assert picture is not None
    assert picture.startswith(b"\xff\xd8")
