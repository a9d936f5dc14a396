from bot.views.problems import all_problem_lines, problem_lines
from retrieval.document_structure import Problem
from retrieval.errors import ProblemKind

PROBLEMS = [
    Problem("a.py", ".py files are not supported", ProblemKind.UNSUPPORTED),
    Problem("docs/bad.txt", "holds no text"),
    Problem("docs/b.PY", ".PY files are not supported", ProblemKind.UNSUPPORTED),
    Problem("LICENSE", "files without a suffix are not supported", ProblemKind.UNSUPPORTED),
    Problem("secret", "cannot be listed (Permission denied); check its permissions"),
]


def test_lines() -> None:
    """A document that cannot be read has its line; files of other kinds are counted in one."""
    assert [
        "docs/bad.txt: holds no text",
        "secret: cannot be listed (Permission denied); check its permissions",
        "2 .py, 1 without an ending: not read",
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
