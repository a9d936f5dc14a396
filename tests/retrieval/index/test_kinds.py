import pytest

from retrieval.index.tokenizer import tokenize
from retrieval.index.vocabulary import TokenType, token_type


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("The Bay bay ÄRGER Ёлка ёлка", [1, 1, 2, 1, 1, 2]),
        ("1874 2024 2124 999 12 1,874 ١٨٧٤ 18741", [12, 12, 8, 8, 8, 12, 12, 8]),
        ("السوق किताब", [0, 0]),
    ],
)
def test_token_types(text: str, types: list[int]) -> None:
    """A word's type is the case of its first letter; a number from 1000 to 2099 is also a year."""
    assert [TokenType(bits) for bits in types] == [token_type(token, text) for token in tokenize(text, "en")]


def test_scripts_without_case() -> None:
    """Words in scripts without case have no type."""
    assert {TokenType(0)} == {token_type(token, "茶馆在河边") for token in tokenize("茶馆在河边", "zh")}
