import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.loaders.text.markdown import convert_extensions, load


def blocks(text: str) -> list[str]:
    document = load(text.encode(), "a.md")
    return [block.of(document.text) for block in document.blocks]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("See {{< ref x >}}the ferry{{< /ref >}}.", ["See the ferry."]),
        ("{{% notice %}}\nAt nine.\n{{% /notice %}}", ["At nine."]),
        ('{{% def id="F" name="Ferry" abbr="FY" %}} A ship. {{% /def %}}', ["Ferry (FY)\nA ship."]),
        ('{{% def id="F" term="Ferry" %}}\n\nA *ship*.\n\n{{% /def %}}', ["Ferry\nA ship."]),
        ('{{< figure src="a.png" caption="The ferry" >}}\n\nText.', ["The ferry", "Text."]),
        ("{{</* ref */>}}", ["{{< ref >}}"]),
        ("{{< highlight go >}}\n*a* {{ b }}\n{{< /highlight >}}", ["*a* {{ b }}"]),
    ],
)
def test_hugo(source: str, expected: list[str]) -> None:
    """Hugo shortcodes are removed; their content and readable attributes stay."""
    assert expected == blocks(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('Write to {{ link(email="x@y.org") }}.', "Write to x@y.org."),
        ('Write to {{< email "x@y.org" >}}.', "Write to x@y.org."),
        ('Write to {{< mailto email="x@y.org" subject="Hi" />}}.', "Write to x@y.org."),
        ("Write to {% mailto x@y.org %}.", "Write to x@y.org."),
        ("Write to {{ mailto('x@y.org', 'x@y.org') }}.", "Write to x@y.org."),
        ('Call {{< cloakemail address="+1 212 664-7665" protocol="tel" >}}.', "Call +1 212 664-7665."),
        ('{{< mailto email="x@y.org" >}}Write{{< /mailto >}} to us.', "Write to us."),
        ('See {{ link(url="https://y.org/a") }}.', "See https://y.org/a."),
        ('See {{< youtube "https://y.org/a" >}} here.', "See here."),
        ('See {{ page.title | default("x@y.org") }} here.', "See here."),
    ],
)
def test_addresses(source: str, expected: str) -> None:
    """A call whose only text is an e-mail or a web address leaves it in the text."""
    assert [expected] == blocks(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{% if site.x %}\nAt {{ page.hour }} nine.\n{% endif %}", ["At nine."]),
        ("[a]({{ site.url }}{% link a b.md %}) c", ["a c"]),
        ("{% comment %}no{% endcomment %}yes", ["yes"]),
        ("{% raw %}{{ x }}{% endraw %} y", ["{{ x }} y"]),
        ("{% highlight ruby %}\n*a*\n{% endhighlight %}", ["*a*"]),
        ("A line.\n{: .note #x}\n\n* TOC\n{:toc}\n", ["A line."]),
        ("Use `{{ x }}` and `` {% y %} ``.", ["Use {{ x }} and {% y %}."]),
        (r"$\mathbf{{a}} x^{{2}}$", [r"$\mathbf{{a}} x^{{2}}$"]),
    ],
)
def test_jekyll(source: str, expected: list[str]) -> None:
    """Liquid tags and kramdown attributes are removed, except in code and formulas."""
    assert expected == blocks(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            '!!! note "By *ferry*"\n\n    At nine.\n\n    At ten.\n\nEnd',
            ["By ferry\nAt nine.", "At ten.", "End"],
        ),
        ("??? note\n    At nine.\n\n    ```\n    a {{ b }}\n    ```", ["At nine.", "a {{ b }}"]),
        (
            '=== "Linux"\n\n    Type `a`.\n\n=== "Windows"\n\n    Click.',
            ["Linux\nType a.", "Windows\nClick."],
        ),
        (
            "Ferry\n:   A ship\n    that goes.\n\nBoat\n: Another.",
            ["Ferry\nA ship that goes.", "Boat\nAnother."],
        ),
        ("The ferry[^1].\n\n[^1]: Since *1911*.", ["The ferry.", "Since 1911."]),
        ("By name[^2]: Peter.", ["By name: Peter."]),
        ("[TOC]\n\nA :material-check: b [c](d){ .md-button }", ["A b c"]),
        ("- :material-check: a\n\n    ---\n\n    b", ["a", "b"]),
        ("!!! tip Do it\n\n!!! Do it now", ["Do it", "!!! Do it now"]),
        ("==Mark== a == b ++ctrl+c++ C++", ["Mark a == b ctrl+c C++"]),
        ("[`enabled`][config.enabled] [#12][] a[0][1] [sic]", ["enabled #12 a[0][1] [sic]"]),
        ('--8<-- "a.md"\n\n*[ABC]: Alphabet\n\nText', ["Text"]),
        ('<div class="a" markdown>\n**a**\n</div>', ["a"]),
    ],
)
def test_mkdocs(source: str, expected: list[str]) -> None:
    """Admonitions, tabs, definitions and footnotes are read without marks and with their titles."""
    assert expected == blocks(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "# Ferry\n\nAt nine.[^1]\n\n# Bus\n\nAt ten.\n\n[^1]: Not on *Sundays*.\n",
            [("Ferry", "At nine.", 3), ("Ferry", "Not on Sundays.", 9), ("Bus", "At ten.", 7)],
        ),
        # Two paragraphs, and a heading that would continue a paragraph.
        (
            "At nine.[^a]\n\nBus\n===\nAt ten.[^b]\n\n[^a]: Not on\nSundays.\n\n    Nor.\n[^b]: Twice.",
            [
                ("", "At nine.", 1),
                ("", "Not on Sundays.", 7),
                ("", "Nor.", 10),
                ("Bus", "At ten.", 5),
                ("Bus", "Twice.", 11),
            ],
        ),
        # A reference in code is none; a footnote without one stays.
        (
            "# A\n\n```\na[^1]\n```\n\n# B\n\nText.\n\n[^1]: Note.\n\n# C\n\nEnd.[^1]",
            [("A", "a[^1]", 4), ("B", "Text.", 9), ("B", "Note.", 11), ("C", "End.", 15)],
        ),
    ],
)
def test_footnotes_by_section(source: str, expected: list[tuple[str, str, int]]) -> None:
    """A footnote is read at the end of the section that refers to it, and keeps its line."""
    document = load(source.encode(), "a.md")
    headings = [(0, ""), *((heading.span.start, heading.text) for heading in document.headings)]
    lines = [(mark.start, mark.line) for mark in document.lines]
    assert expected == [
        (
            max(pair for pair in headings if pair[0] <= block.start)[1],
            block.of(document.text),
            max(pair for pair in lines if pair[0] <= block.start)[1],
        )
        for block in document.blocks
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (":::tip By ferry\n\nAt nine.\n\n:::", ["By ferry\nAt nine."]),
        (":::note[By ferry]\nAt nine.\n:::", ["By ferry\nAt nine."]),
        (":::warning\nAt nine.\n:::\nEnd", ["At nine.", "End"]),
        ("import A from './a';\nimport {\n  B,\n} from 'b';\n\nText <A x={{a: '}'}} />here", ["Text here"]),
        ("export const a = {\n  b: 1,\n};\n\nText", ["Text"]),
        (
            '<Tabs>\n<TabItem value="a" label="macOS">\n\n    Type *a*.\n\n</TabItem>\n</Tabs>',
            ["macOS\nType a."],
        ),
        ("<Tabs/>\n\n<div style={{color: 'red'}}>\n**a**\n</div>", ["a"]),
        ("{/* todo */}a<br/>b", ["a\nb"]),
    ],
)
def test_docusaurus(source: str, expected: list[str]) -> None:
    """Containers, modules and components are removed; their titles and content stay."""
    assert expected == blocks(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("> [!NOTE]\n> At nine.", ["At nine."]),
        ("> [!tip]- By ferry\n> At nine.", ["By ferry\nAt nine."]),
        ("<details>\n<summary>When?</summary>\n\nAt nine.\n\n</details>", ["When?\nAt nine."]),
        ("[[Harbour|the harbour]] and [[Ferry]]", ["the harbour and Ferry"]),
        ("[[1]](a.md) b", ["[1] b"]),
    ],
)
def test_github(source: str, expected: list[str]) -> None:
    """Alerts, details and wiki links are read as GitHub shows them."""
    assert expected == blocks(source)


SYNTAX = st.lists(
    st.sampled_from(
        [
            *"\n\n\n`{}%<>:[]!=\"'|- ",
            "    ",
            "```",
            "{{< a >}}",
            "{% raw %}",
            '!!! a "b"',
            ":::",
            "<A b={",
            "<!--",
            "-->",
            "a",
            "words",
            "[^1]:",
            ": ",
            "import a from 'b'",
            "\ufdd0",
            "[[",
            "---",
            "# ",
            "<script>",
            "<p>",
        ]
    ),
    max_size=40,
).map("".join)


@given(text=SYNTAX)
def test_line_numbers(text: str) -> None:
    """Every line has a source line number, in ascending order, and no source line is lost."""
    lines = convert_extensions(text, 5)
    assert len(lines.texts) == len(lines.numbers)
    assert lines.numbers == sorted(lines.numbers)
    assert set(range(5, 6 + text.count("\n"))) == set(lines.numbers)


@given(words=st.lists(st.text("abcdefg", min_size=1), min_size=1), ends=st.sampled_from([" ", "\n", "\n\n"]))
def test_text_without_syntax(words: list[str], ends: str) -> None:
    """Text without template syntax is unchanged."""
    text = ends.join(words)
    assert text.split("\n") == convert_extensions(text).texts
