from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.loaders.number_formats import format_number, format_plain

EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 as spreadsheets count


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        (1234.5, "#,##0.00", "1,234.50"),
        (1234.5, "0", "1235"),
        (166330.775, "#,##0.00", "166,330.78"),
        (1.005, "0.00", "1.01"),
        (-2.5, "0", "-3"),
        (42, "00000", "00042"),
        (42, "0,000", "0,042"),
        (4, "0##.0#0", "004.000"),
        (0.5, "#.00", ".50"),
        (0, "#", ""),
        (0.5, "0.##%", "50%"),
        (0.256, "0.0%", "25.6%"),
        (-3, "0", "-3"),
        (-3.5, "#,##0.00;(#,##0.00)", "(3.50)"),
        (0, '0;-0;"none"', "none"),
        (0, '_($* #,##0_);_($* \\(#,##0\\);_($* "-"??_);_(@_)', "$-"),
        (0, r'_-* #,##0.00\ "€"_-;\-* #,##0.00\ "€"_-;_-* "-"??\ "€"_-;_-@_-', "- €"),
        (-1234, '_($* #,##0_);_($* \\(#,##0\\);_($* "-"??_);_(@_)', "$(1,234)"),
        (5, ";;;", ""),
        (-3.14159, "0.00;@", "-3.14"),
        (2_500_000, '[>999999]#,,"M";[>999]#,"K";#', "3M"),
        (2_500, '[>999999]#,,"M";[>999]#,"K";#', "3K"),
        (1.02, '[>999999]#,,"M";[>999]#,"K";#', "1"),
        (-5, "[>=1000]#,##0;0", "-5"),
        (-5, "[<0](0);0", "(5)"),
        (7, '[=1]0 "day";0 "days"', "7 days"),
        (3, "0;[<0]-0.0", "3"),
        (12.5, '"€"#,##0.00', "€12.50"),
        (12.5, r"#,##0.00\ [$€-407]", "12.50 €"),
        (1.5, "0.##", "1.5"),
        (1, "0.##", "1"),
        (2_500_000, '0.0,,"M"', "2.5M"),
        (5, "[Red]0_)", "5"),
        (45352, "dd.mm.yyyy", "01.03.2024"),
        (45352.75, "d mmmm yyyy h:mm AM/PM", "1 March 2024 6:00 PM"),
        (45352, "ddd, d mmm yy", "Fri, 1 Mar 24"),
        (45352, "[$-407]dddd", "Friday"),
        (0.5, "hh:mm:ss", "12:00:00"),
        (0.49999, "h:mm", "11:59"),
        (0.5 + 1.27 / 86400, "mm:ss.0", "00:01.3"),
        (31, "dd.mm.yyyy", "31.01.1900"),
        (61, "d. mmmm yyyy", "1. March 1900"),
        (1.5, "[h]:mm", "36:00"),
        (0.5, "# ?/?", "0.5"),
        (0.5, "General", "0.5"),
        (-1, "yyyy", "-1"),
        (1e300, "0.00", "1e+300"),
    ],
)
def test_shown(value: float, code: str, expected: str) -> None:
    """A number is shown by its format, or plainly when the format is unsupported."""
    assert expected == format_number(value, code, EPOCH)


@pytest.mark.parametrize(
    ("value", "expected"), [(12.0, "12"), (0.1 + 0.2, "0.3"), (1e21, "1e+21"), (-2.5, "-2.5")]
)
def test_plain(value: float, expected: str) -> None:
    """A number without a format has at most eleven significant digits."""
    assert expected == format_plain(value)


@given(
    value=st.floats(allow_nan=False, allow_infinity=False),
    code=st.text("0#?.,%;\"\\[]$-hmsdy/E@_* AMPM'x", max_size=20),
)
def test_any_code(value: float, code: str) -> None:
    """Formatting never raises an error."""
    assert isinstance(format_number(value, code, EPOCH), str)
