import pytest

from bot.views.unsupported_messages import is_link


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://example.com/a?b=1#c", True),
        (" http://example.com\nwww.example.org ", True),
        ("HTTPS://EXAMPLE.COM, https://example.org;", True),
        ("t.me/durov", True),
        ("https://example.com says what?", False),
        ("guide.pdf", False),
        ("town/guide.pdf", False),
        ("a.b." * 1000, False),
        ("What is www.example.com?", False),
        ("example", False),
        ("", False),
    ],
)
def test_links(text: str, expected: bool) -> None:  # a parameter of the test
    """A message of links alone is told from a question with a link."""
    assert expected == is_link(text)
