import pytest

from bot.i18n.texts import LANGUAGES, texts_for
from bot.views.problems import all_problem_lines, explain_problem, problem_lines
from retrieval.errors import ProblemKind
from retrieval.loaders import doc
from retrieval.model import Problem

PROBLEMS = [
    Problem("a.py", ".py files are not supported", ProblemKind.UNSUPPORTED),
    Problem("docs/bad.txt", "contains no text"),
    Problem("docs/b.PY", ".PY files are not supported", ProblemKind.UNSUPPORTED),
    Problem("LICENSE", "files without a suffix are not supported", ProblemKind.UNSUPPORTED),
    Problem("secret", "cannot be listed (Permission denied); check its permissions"),
]


def test_lines() -> None:
    """A document that cannot be read has its line; files of other kinds are counted in one."""
    assert [
        "docs/bad.txt: contains no text",
        "secret: cannot be listed (Permission denied); check its permissions",
        "2 .py, 1 without an extension: not read",
    ] == list(problem_lines(PROBLEMS))


def test_many_kinds() -> None:
    """Of very many kinds, the rarest are summed up."""
    problems = [
        Problem(f"a.k{n:02}", f".k{n:02} files are not supported", ProblemKind.UNSUPPORTED) for n in range(20)
    ]
    (line,) = problem_lines(problems)
    assert line.endswith("1 .k11, 8 of other kinds: not read")


def test_nothing() -> None:
    """Without problems there is no line."""
    assert [] == list(problem_lines([]))


def test_full() -> None:
    """The full list names every file."""
    assert 5 == len(list(all_problem_lines(PROBLEMS)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_reasons_are_explained(language: str) -> None:
    """Each kind of reason has its sentence in each language, with what to do in a chat."""
    texts = texts_for(language)
    for kind, sentence in (
        (ProblemKind.PROTECTED, texts.document_is_protected),
        (ProblemKind.PICTURES, texts.document_is_pictures),
        (ProblemKind.EMPTY, texts.document_is_empty),
        (ProblemKind.TOO_LARGE, texts.document_is_too_large),
        (ProblemKind.UNREADABLE, texts.document_is_damaged),
    ):
        assert sentence == explain_problem(Problem("a.pdf", "is so; give it the suffix .b", kind), texts)
    misnamed = Problem("a.pdf", "is a .png file; give it the suffix .png", real_suffix=".png")
    assert texts.document_is_misnamed(".png") == explain_problem(misnamed, texts)
    problem = Problem("a.doc", doc.NO_LIBREOFFICE, ProblemKind.UNSUPPORTED)
    old_word = explain_problem(problem, texts)
    assert "LibreOffice" not in old_word
    assert "DOCX" in old_word
