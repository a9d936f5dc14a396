"""The command `verbatim`, run as a process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.cli.commands import main
from bot.i18n.texts import texts_for
from retrieval.documents.local_library import LocalLibrary
from retrieval.model import Answer, Certainty
from tests import prefork

pytestmark = pytest.mark.slow

FACT = "The lighthouse of Nordholm was built in 1874 by the engineer Clara Brandt.\n"
QUESTION = "Who built the lighthouse of Nordholm?"
TEXTS = texts_for("en")
TOKEN = "1234567890:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"

Done = subprocess.CompletedProcess[str]
Calling = Callable[..., Done]


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "lighthouse.txt").write_text(FACT, encoding="utf-8")
    (folder / "rope.txt").write_text("A rope of hemp is fixed to the wall of the tower.\n", encoding="utf-8")
    return folder


@pytest.fixture
def verbatim(tmp_path: Path) -> Calling:
    def call(*arguments: str | Path, typed: str | bytes = "", **environment: str) -> Done:
        bare = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
        done = prefork.run(
            "bot.cli",
            [*map(str, arguments)],
            cwd=tmp_path,
            env=bare | {"INDEX_DIR": str(tmp_path / "index"), "MEANING": "off", **environment},
            typed=typed if isinstance(typed, bytes) else typed.encode(),
            timeout=60,
        )
        decoded = subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )
        assert "Traceback" not in decoded.stderr
        return decoded

    return call


def test_an_answer_for_people(verbatim: Calling, documents: Path) -> None:
    """`ask` prints the quote and its source, with exit code 0."""
    done = verbatim("ask", "--docs", documents, *QUESTION.split())
    assert (0, "") == (done.returncode, done.stderr)
    quote, source = done.stdout.splitlines()
    assert FACT.strip() == quote
    assert source.startswith("  — ")
    assert source.endswith("line 1 · lighthouse.txt")


@pytest.mark.parametrize("question", ["", "zyx", "\udcff"])
def test_nothing_found(verbatim: Calling, documents: Path, question: str) -> None:
    """A question without an answer gets one line and exit code 1, even if it is not valid text."""
    done = verbatim("ask", "--docs", documents, "--", question)
    assert (1, 1) == (done.returncode, len(done.stdout.splitlines()))


def test_an_empty_folder(verbatim: Calling, tmp_path: Path) -> None:
    """An empty folder is reported in one line that says what to do, with exit code 1."""
    (tmp_path / "empty").mkdir()
    done = verbatim("ask", "--docs", tmp_path / "empty", "Who built it?")
    assert (1, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "put some there (.pdf, .docx, .md, .txt ...)" in done.stderr


def test_one_json_object_for_each_line(verbatim: Calling, documents: Path, tmp_path: Path) -> None:
    """Each line gets one object, in order, also empty lines and a last line without a line end."""
    questions = ["Who built it?", "", "كم؟ 🗼", "", "the rope"]
    (tmp_path / "questions.txt").write_text("\ufeff" + "\r\n".join(questions), encoding="utf-8", newline="")
    done = verbatim("ask", "--docs", documents, "--json", "--questions", "questions.txt", "--top", "2")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert questions == [answer["question"] for answer in answers]
    assert all(len(answer["citations"]) <= 2 for answer in answers)
    assert 0 == done.returncode


def test_quotes_in_json_are_slices_of_the_document(verbatim: Calling, documents: Path) -> None:
    """`start` and `end` of a citation are character offsets in the file."""
    done = verbatim("ask", "--docs", documents, "--json", QUESTION)
    answer = json.loads(done.stdout)
    assert answer["answered"]
    for citation in answer["citations"]:
        text = (documents / citation["document"]).read_text(encoding="utf-8")
        assert citation["quote"] == text[citation["start"] : citation["end"]]


def test_questions_are_answered_as_they_arrive(documents: Path, tmp_path: Path) -> None:
    """A program can read each answer before it sends the next question, and may close the output."""
    command = [sys.executable, "-m", "bot.cli", "ask", "--docs", str(documents), "--json", "--questions", "-"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ) | {"INDEX_DIR": str(tmp_path / "index")},
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        for question in (QUESTION, ""):
            process.stdin.write(f"{question}\n")
            process.stdin.flush()
            assert question == json.loads(process.stdout.readline())["question"]
        process.stdout.close()
        process.stdin.write("whoever reads this has gone\n")
        process.stdin.close()
        assert "" == process.stderr.read()


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["ask", "--docs", "."], {}, "Error: Give a QUESTION, or --questions FILE."),
        (["ask", "--questions", "missing.txt"], {}, "missing.txt"),
        (["ask", "--questions", "."], {}, "directory"),
        (["ask", "--top", "0", "x"], {}, "--top"),
        (["asks"], {}, "No such command 'asks'"),
        (["ask", "--docs", "missing", "x"], {}, "verbatim: missing: no such folder of documents"),
        (["chat"], {"SEEDS_DIR": "missing"}, "verbatim: missing: no such folder of documents"),
        (["index"], {"SEEDS_DIR": "missing"}, "verbatim: missing: no such folder of documents"),
        (["sandbox"], {"SEEDS_DIR": "missing"}, "verbatim: missing: no such folder of documents"),
        (["ask", "--docs", __file__, "x"], {}, "test_commands.py: is a file; name the folder that it is in"),
        (["sandbox", "--docs", __file__], {}, "test_commands.py: is a file; name the folder that it is in"),
        (["ask", "x"], {"QUOTE_CHARS": "many"}, "verbatim: QUOTE_CHARS=many: expected a whole number"),
        (["run"], {}, "TELEGRAM_TOKEN is not set: get a token from @BotFather"),
    ],
)
def test_errors_are_one_line(
    verbatim: Calling, arguments: list[str], environment: dict[str, str], message: str
) -> None:
    """A wrong call or setting ends with exit code 2 and a line that says what is wrong."""
    done = verbatim(*arguments, **environment)
    assert (2, "") == (done.returncode, done.stdout)
    assert message in done.stderr.splitlines()[-1]


def test_questions_are_printed(verbatim: Calling, documents: Path) -> None:
    """Without --json each question of a file is printed above its answer."""
    done = verbatim("ask", "--docs", documents, "--questions", "-", typed=b"Who built it?\nthanks\n")
    assert (0, "") == (done.returncode, done.stderr)
    first, second = done.stdout.split("\n\nQuestion: ")
    assert first.startswith("Question: Who built it?\n\n")
    assert second.startswith("thanks\n\n")


def test_questions_that_are_not_utf8(verbatim: Calling, documents: Path) -> None:
    """A line that is not UTF-8 is reported with its number, after the answers to the lines before it."""
    done = verbatim("ask", "--docs", documents, "--json", "--questions", "-", typed=b"fine\n\xff\xfe\n")
    assert (2, 1) == (done.returncode, len(done.stdout.splitlines()))
    assert "verbatim: <stdin>: line 2 is not UTF-8 text: save the file as UTF-8\n" == done.stderr


def test_asking_needs_no_token_and_shows_none(verbatim: Calling, documents: Path) -> None:
    """`ask` needs no token, and prints none that is in the environment."""
    done = verbatim("ask", "--docs", documents, QUESTION, TELEGRAM_TOKEN=TOKEN, LOG_LEVEL="DEBUG")
    assert 0 == done.returncode
    assert TOKEN.partition(":")[2] not in done.stdout + done.stderr


@pytest.mark.parametrize(("certainty", "expected"), [("sure", 0), ("unsure", 0), ("none", 1)])
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_exit_codes(
    certainty: Certainty,
    expected: int,
    options: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The exit code is 0 for an answer or the closest passages, and 1 for neither."""

    async def answer(_: LocalLibrary, question: str, *, top: int = 5) -> Answer:
        assert top == (5 if options else 3)
        return Answer(question, certainty, 0.4, ())

    monkeypatch.setattr(LocalLibrary, "answer", answer)
    # Its handler and level would outlive this test.
    monkeypatch.setattr("config.logging.configure", lambda *_: None)
    environment = {"INDEX_DIR": str(tmp_path / "index"), "MEANING": "off"}
    done = CliRunner().invoke(main, ["ask", "--docs", str(tmp_path), *options, QUESTION], env=environment)
    assert expected == done.exit_code
    texts = {"sure": "", "unsure": texts_for().unsure_answer, "none": texts_for().no_answer}
    assert options or texts[certainty] == done.stdout.strip()


def test_chat(verbatim: Calling, documents: Path) -> None:
    """Questions are answered one by one, with blank lines between; Enter alone shows the next quote."""
    done = verbatim("chat", "--docs", documents, typed=f"\n{QUESTION}\n" + "\n" * 9 + "zyx zyxw?\n\n")
    assert (0, "") == (done.returncode, done.stderr)
    greeting, answer, *others = done.stdout.removesuffix("\n\n").split("\n\n")
    assert "2 passages of 2 documents." in greeting
    assert FACT.strip() == answer.splitlines()[0]
    assert 1 <= others.count("That was the last quote.")
    assert "The documents hold no answer to this." == others[-1]


@pytest.mark.parametrize(
    ("question", "begins", "has"),
    [
        (
            "overview of the lighthouse",
            "",
            f"{TEXTS.overview_opening}\n\n{FACT.strip()}\n  — line 1",
        ),
        ("what does lighthouse.txt say", "", TEXTS.overview_opening),
        ("tell me about rope.txt", "", TEXTS.overview_opening),
        ("lighthouse.txt", "", TEXTS.overview_opening),
        ("lighthouse.txt, rope.txt", TEXTS.choose_document, "rope.txt"),
        ("what is this about?", TEXTS.choose_document, "lighthouse.txt"),
        ("which documents do you have?", TEXTS.document_count(2), "rope.txt"),
        ("where is hemp mentioned?", TEXTS.place_count(1), "rope.txt"),
        ("who are you?", TEXTS.description, ""),
    ],
)
def test_questions_about_the_documents(
    verbatim: Calling, documents: Path, question: str, begins: str, has: str
) -> None:
    """`ask` and `chat` print overviews, documents and places; `ask --json` answers from the documents."""
    done = verbatim("ask", "--docs", documents, question)
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith(begins)
    assert has in done.stdout
    assert done.stdout in verbatim("chat", "--docs", documents, typed=f"{question}\n\n").stdout
    answer = json.loads(verbatim("ask", "--docs", documents, "--json", question).stdout)
    assert question == answer["question"]


@pytest.mark.parametrize("choice", ["{number}", "{number}.", "the lighthouse", "lighthouse.txt"])
def test_choosing_a_document(verbatim: Calling, documents: Path, choice: str) -> None:
    """In `chat`, a number or a name after a list of documents chooses one; other lines are questions."""
    listed = verbatim("chat", "--docs", documents, typed="what is this about?\n").stdout
    number = next(line.split(".")[0] for line in listed.splitlines() if line.endswith("lighthouse.txt"))
    typed = f"what is this about?\n{choice.format(number=number)}\n{QUESTION}\n"
    overview, answer = (
        verbatim("chat", "--docs", documents, typed=typed)
        .stdout.split("\n\n", 3)[3]
        .split(f"\n\n{FACT.strip()}\n")[::2]
    )
    assert TEXTS.overview_opening in overview
    assert "lighthouse.txt" in answer
    assert (
        TEXTS.overview_opening
        not in verbatim(
            "chat", "--docs", documents, typed=f"what is this about?\n{QUESTION}\n{number}\n"
        ).stdout
    )


@pytest.mark.parametrize("line", ["/help", "  /start", "/search lighthouse", "/HELP me"])
def test_commands_in_a_chat(verbatim: Calling, documents: Path, line: str) -> None:
    """A command of the bot typed in `chat` is explained, not searched for."""
    done = verbatim("chat", "--docs", documents, typed=f"{line}\n")
    assert (0, "") == (done.returncode, done.stderr)
    assert "Enter alone shows the next quote." in done.stdout.split("\n\n")[1]
    assert texts_for().no_answer not in done.stdout


def test_small_talk(verbatim: Calling, documents: Path) -> None:
    """Greetings and thanks get a reply in their language, in `ask` and `chat`."""
    done = verbatim("ask", "--docs", documents, "hi")
    assert (1, texts_for().greeted + "\n") == (done.returncode, done.stdout)
    done = verbatim("chat", "--docs", documents, typed="Danke!\nhola\n")
    assert [texts_for("de").thanked, texts_for("es").greeted] == done.stdout.rstrip().split("\n\n")[1:]
    (answer,) = map(json.loads, verbatim("ask", "--docs", documents, "--json", "hi").stdout.splitlines())
    assert ("none", []) == (answer["certainty"], answer["citations"])


def test_left_out_files_are_counted(verbatim: Calling, documents: Path) -> None:
    """`ask` counts the skipped files in one line, which names the command that lists them."""
    for name in ("one", "two"):
        (documents / f"{name}.txt").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 20)
    done = verbatim("ask", "--docs", documents, QUESTION)
    assert f"2 files were skipped; `verbatim check --docs {documents}` says why\n" == done.stderr
    listed = verbatim("check", "--docs", documents).stdout
    assert all(f"{name}.txt: " in listed for name in ("one", "two"))


def test_indexing_an_empty_folder(verbatim: Calling, tmp_path: Path) -> None:
    """`index` of a folder without documents says so and fails."""
    (tmp_path / "empty").mkdir()
    done = verbatim("index", "--docs", tmp_path / "empty")
    assert (2, "0 documents, 0 passages\n") == (done.returncode, done.stdout)
    assert "has no document that can be read: put some there" in done.stderr


def test_a_text_of_one_paragraph(verbatim: Calling, tmp_path: Path) -> None:
    """The source of a text of one paragraph does not repeat it as its title."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "note.txt").write_text("The lighthouse of Nordholm was built by Clara Brandt.\n")
    done = verbatim("ask", "--docs", tmp_path / "one", "Who built the lighthouse of Nordholm?")
    quote, source = done.stdout.splitlines()[-2:]
    assert ("The lighthouse of Nordholm was built by Clara Brandt.", "  — line 1 · note.txt") == (
        quote,
        source,
    )


def test_index_names_files_it_left_out(verbatim: Calling, documents: Path, tmp_path: Path) -> None:
    """`index` saves the index, and names files that cannot be read with the reason."""
    (documents / "binary.txt").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 20)
    done = verbatim("index", "--docs", documents)
    assert 0 == done.returncode
    assert "skipped binary.txt: " in done.stderr
    assert "2 documents, 2 passages in en; 1 skipped\n" == done.stdout
    assert any((tmp_path / "index").iterdir())


def test_an_index_that_cannot_be_saved(verbatim: Calling, documents: Path, tmp_path: Path) -> None:
    """`index` fails with the reason if it cannot save the index; `ask` answers all the same."""
    (tmp_path / "file").write_text("x")
    folder = tmp_path / "file" / "index"
    done = verbatim("index", "--docs", documents, INDEX_DIR=str(folder))
    assert (1, "2 documents, 2 passages in en\n") == (done.returncode, done.stdout)
    reason, line = done.stderr.splitlines()
    assert f"INDEX_DIR={folder}: the index cannot be saved there (Not a directory)" in reason
    assert f"verbatim: INDEX_DIR={folder}: the index is not saved; `verbatim index` tries again" == line
    asked = verbatim("ask", "--docs", documents, QUESTION, INDEX_DIR=str(folder))
    assert (0, FACT.strip()) == (asked.returncode, asked.stdout.splitlines()[0])


@pytest.mark.parametrize("word", ["quit", "EXIT "])
def test_quitting_a_chat(verbatim: Calling, documents: Path, word: str) -> None:
    """A line of this word ends `chat`."""
    done = verbatim("chat", "--docs", documents, typed=f"{word}\n{QUESTION}\n")
    assert verbatim("chat", "--docs", documents, typed="").stdout == done.stdout


@pytest.mark.parametrize("command", ["index", "check"])
def test_files_that_are_no_documents(verbatim: Calling, documents: Path, command: str) -> None:
    """Files in unsupported formats are counted by kind in one line, and listed on request."""
    for name in ("a.py", "b.py", "c.PY", "d.so", "Makefile"):
        (documents / name).write_text("x")
    done = verbatim(command, "--docs", documents)
    printed = done.stdout + done.stderr
    # Without an engine for OCR, `check` has one more line with these words.
    counts = [line.count("skipped") for line in printed.splitlines() if "ocr:" not in line]
    assert 1 == sum(counts) - (command == "index")
    assert "3 .py, 1 .so, 1 without an extension: not read" in printed
    done = verbatim(command, "--docs", documents, "--list-all")
    assert "a.py: .py files are not supported" in done.stdout + done.stderr
    assert "Makefile: files without a suffix are not supported" in done.stdout + done.stderr


def test_check(verbatim: Calling, documents: Path) -> None:
    """`check` prints one line for each check; a failed one makes the exit code 1."""
    done = verbatim("check", "--docs", documents, OCR="off")
    assert (1, "") == (done.returncode, done.stderr)
    begins = [
        "FIX  token: ",
        "ok   documents: 2 in ",
        "ok   index: passages: 2 (en)",
        "note meaning: MEANING=off",
        "note ocr: OCR=off",
        "ok   backend: ",
    ]
    lines = done.stdout.splitlines()
    assert begins == [line[: len(begin)] for line, begin in zip(lines, begins, strict=True)]


@pytest.mark.parametrize("command", [("ask", "Who?"), ("chat",), ("index",), ("eval", os.devnull)])
def test_an_unreachable_cluster(verbatim: Calling, documents: Path, command: tuple[str, ...]) -> None:
    """A cluster that does not answer is reported in one line without its password, with exit code 2."""
    url = "http://user:secret-word@127.0.0.1:1"
    done = verbatim(*command, "--docs", documents, OPENSEARCH_URL=url)
    assert (2, "") == (done.returncode, done.stdout)
    (line,) = done.stderr.splitlines()
    assert line.startswith("verbatim: OpenSearch does not answer (http://127.0.0.1:1: ConnectError)")


def test_ask_imports_little() -> None:
    """`ask` does not import what only the bot and the sandbox need."""
    heavy = {"telegram", "starlette", "httpx", "uvicorn"}
    program = f"import sys, bot.cli.commands; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "set()\n" == done.stdout


RECORDS = """\
{"day": "2024-01-02", "question": "Who built it?", "answered": true, "confidence": 0.9}
{"day": "2024-01-03", "question": "who  built it?", "answered": true, "confidence": 0.9}
a line that somebody broke
{"day": "2024-01-03", "question": "How deep?", "answered": false, "confidence": 0.1}
{"day": "2024-01-03", "question": "Who built it?", "answered": true, "confidence": 0.9, "document": "a.txt", \
"quote": "Clara.", "vote": "down"}
"""


@pytest.fixture
def feedback(tmp_path: Path) -> Path:
    folder = tmp_path / "feedback"
    folder.mkdir()
    (folder / "2024-01-03.jsonl").write_text(RECORDS, encoding="utf-8")
    return folder


def test_a_report_of_feedback(verbatim: Calling, feedback: Path) -> None:
    """`report` summarises the folder of the option or of the setting."""
    by_option, by_setting = (
        verbatim("report", "--feedback", feedback),
        verbatim("report", FEEDBACK_DIR=str(feedback)),
    )
    assert (0, by_option.stdout) == (by_setting.returncode, by_setting.stdout)
    assert [
        "2024-01-02 to 2024-01-03, 3 questions: 2 answered, 0 not sure, 1 not answered; 👍 0, 👎 1",
        "",
        "Not answered",
        "     1 how deep?",
        "",
        "Voted down",
        "     1 who built it? (a.txt)",
        "",
        "Asked most",
        "     2 who built it?",
        "     1 how deep?",
    ] == by_option.stdout.splitlines()


def test_a_report_of_several_machines(verbatim: Calling, feedback: Path) -> None:
    """The records of several folders are counted together."""
    report = json.loads(verbatim("report", "--json", "--feedback", feedback, "--feedback", feedback).stdout)
    assert (6, 4, 0, 2) == tuple(report[key] for key in ("asked", "answered", "up", "down"))


def test_a_report_for_programs(verbatim: Calling, feedback: Path) -> None:
    """`report --json` prints one object."""
    report = json.loads(verbatim("report", "--json", "--feedback", feedback).stdout)
    assert (3, 2, 0, 1) == tuple(report[key] for key in ("asked", "answered", "up", "down"))
    assert [{"question": "how deep?", "times": 1}] == report["unanswered"]
    voted = {"question": "who built it?", "document": "a.txt", "quote": "Clara.", "times": 1}
    assert [voted] == report["voted_down"]


def test_a_report_of_nothing(verbatim: Calling, tmp_path: Path) -> None:
    """An empty folder has a report that says so; without a folder, the error names the setting."""
    (tmp_path / "none").mkdir()
    assert "Nothing has been asked yet.\n" == verbatim("report", "--feedback", "none").stdout
    done = verbatim("report")
    assert (2, "") == (done.returncode, done.stdout)
    assert "FEEDBACK_DIR is not set" in done.stderr
