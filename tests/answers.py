"""What the checks of the tutorials' exercises have to say to an answer."""

from __future__ import annotations

from typing import Any

from tutorials.exercises import check


def expect_right(name: str, answers: tuple[Any, ...], capsys: Any) -> None:
    """These pass; in their place ``...`` is not answered yet."""
    assert check(name, *answers), capsys.readouterr().out
    assert not check(name, *(...,) * len(answers))
    assert "not answered yet" in capsys.readouterr().out


def expect_wrong(name: str, answers: tuple[Any, ...], words: str, capsys: Any) -> None:
    """These do not pass, and these words say why."""
    assert not check(name, *answers)
    assert words in capsys.readouterr().out
