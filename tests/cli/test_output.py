"""How results look where no terminal shows them."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

from hypothesis import given
from hypothesis import strategies as st

from cultivar.cli.output import console, escape, printable, show, table


def shown(what: object) -> str:
    with redirect_stdout(io.StringIO()) as piped:
        show(what)
    return piped.getvalue()


@given(st.text(alphabet="\\[]a/b#@= :\n\x1b", max_size=12).filter(lambda text: text[-1:] != "\\"))
def test_a_text_of_others_is_piped_as_it_is_but_for_control_characters(text: str) -> None:
    assert shown(f"[bold]{escape(text)}[/] ends") == f"{printable(text)} ends\n"


@given(st.lists(st.sampled_from(["[bold]x[/]", "[red]![/]", " a: b ", "→", "[x y]", "1]"])))
def test_a_text_is_piped_as_a_console_would_pipe_it(parts: list[str]) -> None:
    with redirect_stdout(io.StringIO()) as piped:
        console().print("".join(parts))
    assert shown("".join(parts)) == piped.getvalue()


def test_a_name_between_colons_is_no_picture() -> None:
    assert "a:warning:b" in shown(table("", ["path"], [[escape("a:warning:b")]]))


def test_tabs_stay_where_output_is_piped() -> None:
    assert shown(escape("+\tmake")) == "+\tmake\n"
