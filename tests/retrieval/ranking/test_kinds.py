import pytest

from retrieval.ranking.analysis import tokenize
from retrieval.ranking.kinds import Kind, kind_of


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("The Bay bay ÄRGER Ёлка ёлка", [1, 1, 2, 1, 1, 2]),
        ("1874 2024 2124 999 12 1,874 ١٨٧٤ 18741", [12, 12, 8, 8, 8, 12, 12, 8]),
        ("السوق किताब", [0, 0]),
    ],
)
def test_kinds(text: str, kinds: list[int]) -> None:
    """A word is capital or small by its first letter, a number also a year from 1000 to 2099, or neither."""
    assert [Kind(kind) for kind in kinds] == [kind_of(token, text) for token in tokenize(text, "en")]


def test_scripts_without_case() -> None:
    """Scripts without case have no capitals."""
    assert {Kind(0)} == {kind_of(token, "茶馆在河边") for token in tokenize("茶馆在河边", "zh")}
