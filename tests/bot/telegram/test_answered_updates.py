import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.telegram import saved_updates as journal_module
from bot.telegram.saved_updates import AnsweredJournal

IDS = st.integers(0, 2**40)


def stored_ids(folder: Path, ids: range) -> list[int]:
    """Return the ids that a new process finds in the journal."""
    journal = AnsweredJournal(folder)
    return [number for number in ids if number in journal]


def folder_size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def test_stored_updates_are_found(tmp_path: Path) -> None:
    """Stored updates are found by the process that stored them and by others; other updates are not."""
    folder = tmp_path / "deep" / "folder"
    journal = AnsweredJournal(folder)
    assert 7 not in journal
    for number in (1_999_999_997, 1_999_999_999, 2_000_000_000):
        journal.add(number)
        assert number in journal
    ids = range(1_999_999_990, 2_000_000_010)
    assert [1_999_999_997, 1_999_999_999, 2_000_000_000] == stored_ids(folder, ids)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 60)), max_size=40))
def test_processes_share_a_journal(steps: list[tuple[int, int]]) -> None:
    """Each process sees at once what the others have stored."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_module, "_IDS_PER_FILE", 25)
        journals = [AnsweredJournal(Path(name)) for _ in range(3)]
        added: set[int] = set()
        for process, number in steps:
            assert [number in added] * 3 == [number in journal for journal in journals]
            journals[process].add(number)
            added.add(number)
        assert sorted(added) == stored_ids(Path(name), range(100))


@pytest.mark.slow
def test_processes_write_at_once(tmp_path: Path) -> None:
    """Records of processes that write at the same time do not damage each other."""
    program = (
        "import sys; from pathlib import Path; from bot.telegram.saved_updates import AnsweredJournal\n"
        "journal = AnsweredJournal(Path(sys.argv[1]))\n"
        "for number in range(int(sys.argv[2]), 2400, 3): journal.add(number)"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, tmp_path, str(first)]) for first in range(3)]
    assert [0, 0, 0] == [writer.wait(60) for writer in writers]
    assert list(range(2400)) == stored_ids(tmp_path, range(3000))


DAMAGE = st.tuples(
    st.sampled_from(["cut", "insert", "replace"]), st.floats(0, 1), st.binary(min_size=1, max_size=40)
)


@given(st.lists(DAMAGE, min_size=1, max_size=4), st.sets(st.integers(100, 299), max_size=30))
def test_a_damaged_journal(damage: list[tuple[str, float, bytes]], added: set[int]) -> None:
    """After damage no update counts as answered that was not stored, and later records are found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal = AnsweredJournal(folder)
        journal.add(99)
        for number in added:
            journal.add(number)
        (file,) = folder.iterdir()
        for kind, fraction, junk in damage:
            data = file.read_bytes()
            start = round(fraction * len(data))
            end = {"cut": len(data), "insert": start, "replace": start + len(junk)}[kind]
            file.write_bytes(data[:start] + (b"" if kind == "cut" else junk) + data[end:])
        intact = stored_ids(folder, range(400))
        assert {*intact} <= added | {99}
        next_journal = AnsweredJournal(folder)
        for number in range(350, 360):
            next_journal.add(number)
            assert number in next_journal
        assert sorted([*intact, *range(350, 360)]) == stored_ids(folder, range(400))


@pytest.mark.parametrize("length", range(1, 13))
def test_a_torn_last_line(length: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A record that was written in part counts only once it is complete; the next record is intact."""
    journal = AnsweredJournal(tmp_path)
    journal.add(100)
    (file,) = tmp_path.iterdir()
    before = file.read_bytes()
    journal.add(101)
    record = file.read_bytes().removeprefix(before)
    assert 13 == len(record)
    file.write_bytes(before + record[:length])
    reader = AnsweredJournal(tmp_path)
    assert [True, False] == [100 in reader, 101 in reader]
    assert [] == caplog.messages
    with file.open("ab") as stream:
        stream.write(record[length:])
    assert 101 in reader
    file.write_bytes(before + record[:length])
    journal.add(102)
    assert [100, 102] == stored_ids(tmp_path, range(99, 200))


def test_damage_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log has one line about a damaged journal, however often it is read."""
    journal = AnsweredJournal(tmp_path)
    journal.add(1)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"\0" * 300 + b"\n2 00000000\n\n1 zzz\n" + file.read_bytes())
    journal.add(1001)
    (tmp_path / "1.log").write_bytes(b"garbage\ngarbage")
    reader = AnsweredJournal(tmp_path)
    for _ in range(3):
        assert [True, False, False] == [number in reader for number in (1, 2, 1001)]
    assert [f"{file} is damaged; a few questions may be answered twice"] == caplog.messages
    assert logging.WARNING == caplog.records[0].levelno


def test_the_journal_is_small(tmp_path: Path) -> None:
    """Files of old updates are removed; the last two thousand updates are always found."""
    journal, max_size = AnsweredJournal(tmp_path), 0
    for number in range(500_000_500, 500_010_500):
        journal.add(number)
        if not number % 100:
            max_size = max(max_size, folder_size(tmp_path))
    assert max_size <= 60_000
    assert ["500008.log", "500009.log", "500010.log"] == sorted(file.name for file in tmp_path.iterdir())
    assert list(range(500_008_500, 500_010_500)) == stored_ids(tmp_path, range(500_008_500, 500_011_000))


def test_old_files_with_higher_numbers(tmp_path: Path) -> None:
    """When Telegram continues at a lower number, files that are days old are removed."""
    journal = AnsweredJournal(tmp_path)
    journal.add(9_000_000)
    journal.add(9_001_000)
    long_ago = time.time() - 8 * 24 * 3600
    os.utime(tmp_path / "9000.log", (long_ago, long_ago))
    (tmp_path / "notes.txt").touch()
    (tmp_path / "other.log").touch()
    journal.add(5_000_000)
    assert ["5000.log", "9001.log", "notes.txt", "other.log"] == sorted(
        file.name for file in tmp_path.iterdir()
    )


def test_a_journal_that_is_deleted(tmp_path: Path) -> None:
    """When the journal is deleted while processes run, later records are stored and found by all of them."""
    journal, reader = AnsweredJournal(tmp_path / "folder"), AnsweredJournal(tmp_path / "folder")
    for number in range(5):
        journal.add(number)
    assert 4 in reader
    for file in (tmp_path / "folder").iterdir():
        file.unlink()
    (tmp_path / "folder").rmdir()
    journal.add(7)
    assert 7 in reader


def test_a_folder_that_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Failed writes are counted, and several in a row are logged once; failed reads are ignored."""
    (tmp_path / "file").touch()
    failures: list[None] = []
    journal = AnsweredJournal(tmp_path / "file", lambda: failures.append(None))
    for number in range(3):
        assert number not in journal
        journal.add(number)
    assert 3 == len(failures)
    problem = "cannot note answered questions (Not a directory); some may be answered twice after a crash"
    assert [f"{tmp_path / 'file'}: {problem}"] == caplog.messages


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """On a full disk records are lost; this is logged once each time that the disk becomes full."""
    (tmp_path / "0.log").symlink_to("/dev/full")
    failures: list[None] = []
    journal = AnsweredJournal(tmp_path, lambda: failures.append(None))
    journal.add(1)
    journal.add(2)
    assert 2 == len(failures)
    (tmp_path / "0.log").unlink()
    journal.add(3)
    assert [3] == stored_ids(tmp_path, range(10))
    assert 1 == len(caplog.messages)
    assert "No space left on device" in caplog.messages[0]
    (tmp_path / "0.log").unlink()
    (tmp_path / "0.log").symlink_to("/dev/full")
    journal.add(4)
    assert 2 == len(caplog.messages)


def test_a_write_that_is_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that was written in part counts as a failure, and damages no later record."""
    failures: list[None] = []
    journal = AnsweredJournal(tmp_path, lambda: failures.append(None))
    with monkeypatch.context() as patch:
        patch.setattr(journal_module, "_record", lambda _: b"\n123")
        journal.add(1)
        patch.setattr(journal_module, "_record", lambda _: _LongerThanWritten(b"\n12"))
        journal.add(1)
    assert 1 == len(failures)
    journal.add(2)
    assert [2] == stored_ids(tmp_path, range(200))


class _LongerThanWritten(bytes):
    def __len__(self) -> int:
        return 20


@given(st.sets(IDS, max_size=20), IDS)
def test_any_id(added: set[int], other: int) -> None:
    """Ids of any size are found, and other ids are not."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_module, "_MAX_FILES", 10**10)
        journal = AnsweredJournal(Path(name))
        for number in added:
            journal.add(number)
        reader = AnsweredJournal(Path(name))
        assert all(number in reader for number in added)
        assert (other in added) == (other in reader)


def test_only_the_owner_can_read(tmp_path: Path) -> None:
    """The folder is readable by its owner only."""
    AnsweredJournal(tmp_path / "folder").add(1)
    assert 0o700 == (tmp_path / "folder").stat().st_mode & 0o777
