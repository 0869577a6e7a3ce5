"""The names that the gradient checker has for mistakes: hardly one is missing, and none is wrong."""

from __future__ import annotations

import re

import numpy as np
import planted_mistakes as planted
import pytest

from tinycnn.insight.gradient_check import check_layer
from tinycnn.insight.gradient_check.mistakes import UNKNOWN
from tinycnn.layers import BatchNormalization, Conv2D, Dense, MaxPooling2D


@pytest.fixture(scope="module")
def found() -> list[tuple[str, str, str, str, str]]:
    return planted.diagnoses()


def test_a_third_of_the_mistakes_is_named() -> None:
    found = planted.diagnoses(step=3, seeds=planted.SEEDS[:1])
    assert [row for row in found if row[3] == planted.WRONG] == []
    assert sum(row[3] == planted.RIGHT for row in found) >= 0.9 * len(found)


@pytest.mark.slow
def test_nine_of_ten_mistakes_are_named_and_none_wrongly(found: list[tuple[str, str, str, str, str]]) -> None:
    assert len(found) >= 60
    assert [row for row in found if row[3] == planted.WRONG] == []
    assert sum(row[3] == planted.RIGHT for row in found) >= 0.9 * len(found)


@pytest.mark.slow
def test_the_page_of_mistakes_is_up_to_date(found: list[tuple[str, str, str, str, str]]) -> None:
    """``python tests/planted_mistakes.py`` writes it; figures in it may differ from processor to processor."""
    page, written = (re.sub(r"\d+\.\d+", "", text) for text in (planted.page(found), planted.PAGE.read_text("utf-8")))
    assert page == written


def test_a_verdict_that_says_too_much_would_be_seen() -> None:
    assert planted.verdict("transposed", "the sign is wrong") == planted.WRONG
    assert planted.verdict("transposed", UNKNOWN) == planted.NOT_NAMED
    assert planted.verdict(UNKNOWN, "transposed") == planted.WRONG
    assert planted.verdict("transposed", "transposed: as it is") == planted.RIGHT


def with_kernel(layer, **wrong):
    layer.kernels = planted.replace(planted.REFERENCE, **wrong)
    return layer


def test_what_is_unknown_is_shown_where_it_lies() -> None:
    def backward(dz, kernel, size, strides, dilation):
        dx = planted.dx_windows(dz, kernel, size, strides, dilation)
        dx[0, 1:3, 2, 1] += 0.5
        return dx

    result = check_layer(with_kernel(Conv2D(2, 2), conv2d_backward_input=backward), (2, 4, 5, 3), entries=1000)
    text = result["input"].mistake
    assert text.startswith(f"{UNKNOWN}; wrong are 2 of 120 numbers\n[0, :, :, 1] (. right, X wrong)\n")
    assert text.splitlines()[2:] == [".....", "..X..", "..X..", "....."]
    assert "\n      ..X..\n" in str(result)


def test_right_where_windows_do_not_overlap() -> None:
    def backward(dz, kernel, size, strides, dilation):
        right, assigned = (planted.dx_windows(dz, kernel, size, strides, dilation, add=add) for add in (True, False))
        return right + (right - assigned) * 0.3

    result = check_layer(with_kernel(Conv2D(2, 3, strides=2), conv2d_backward_input=backward), (2, 7, 7, 2))
    assert ": right where windows do not overlap, wrong where they do\n" in result["input"].mistake


def test_two_names_that_both_explain_it_are_both_told_of_a_factor() -> None:
    layer = with_kernel(Dense(3), dense_backward_input=lambda dz, kernel: dz @ kernel.T / 2)
    mistake = check_layer(layer, (2, 4))["input"].mistake
    assert mistake == "a factor 2 is missing, or divided by 2, the batch size: once too often"


@pytest.mark.parametrize("units", [1, 5])
def test_a_factor_that_fits_by_necessity_is_no_explanation(units: int) -> None:
    layer = with_kernel(Dense(units), dense_backward_parameters=lambda x, dz: (x.T @ dz, 0.7 * dz.sum(axis=0)))
    mistake = check_layer(layer, (3, 4))["bias"].mistake
    assert mistake.startswith(UNKNOWN if units == 1 else "wrong by the constant factor 0.7")


@pytest.mark.parametrize("what", [None, "tuple", "shape"])
def test_a_way_back_that_returns_something_else_is_told_so(what: str | None) -> None:
    def backward(x, dz):
        dkernel, dbias = x.T @ dz, dz.sum(axis=0)
        return {None: None, "tuple": dkernel, "shape": (dkernel.T, dbias)}[what]

    result = check_layer(with_kernel(Dense(3), dense_backward_parameters=backward), (2, 4))
    due = "due is (an array of shape (4, 3), an array of shape (3,))."
    said = {
        None: f"dense_backward_parameters returns None, {due} Is a return missing?",
        "tuple": f"dense_backward_parameters returns an array of shape (4, 3), {due}",
        "shape": f"dense_backward_parameters returns (an array of shape (3, 4), an array of shape (3,)), {due}",
    }[what]
    assert {row.mistake for row in result.rows} == {said}
    assert not result.passed


@pytest.mark.parametrize("seed", range(3))
def test_what_is_right_is_right_in_every_style(seed: int) -> None:
    for layer, shape in (
        (with_kernel(Conv2D(3, 3, strides=2), conv2d_backward_input=planted.dx_windows,
                     conv2d_backward_parameters=planted.dkernel_windows), (2, 7, 7, 2)),
        (with_kernel(BatchNormalization(), batch_normalization_backward=planted.bn("right")), (2, 3, 5, 3)),
        (with_kernel(Dense(4), dense_backward_parameters=planted.dkernel_by_loops), (6, 5)),
        (with_kernel(MaxPooling2D(3, strides=2)), np.zeros((2, 7, 7, 2))),
    ):  # fmt: skip
        assert check_layer(layer, shape, seed=seed).passed
