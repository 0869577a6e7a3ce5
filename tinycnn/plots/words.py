"""What a figure shows, in words, for those who do not see it: read from the very lines, bars and images that it holds.

A label that begins with "_" stands in no legend; one that a plot function has given is told as it stands: what a band
spans, what a limit is. The label of an Axes, its parts divided by "; ", is told in place of what is drawn there; "_" is
for Axes of which another one tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.category import StrCategoryLocator
from matplotlib.collections import PathCollection
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, PercentFormatter

LIMIT = 120  # words
_COLOUR_BAR = "<colorbar>"  # as matplotlib calls such Axes
_NAMELESS = re.compile(r"_(child|container)\d+|_nolegend_|_no_legend_|")  # labels that matplotlib gives


def describe(figure: Figure) -> str:
    """Alternative text for a figure of this package or of pyplot.

    It has the kind and the title; for each panel what its axes are and their range, where each line begins and ends and
    where it is lowest or highest in between, the bars by their names, how many images there are, and their captions.
    Numbers have three digits. Text that would be longer than 120 words is summed up: "and 12 more".
    """
    title, panels = figure.get_suptitle(), _panels(figure)
    titled = [panel for panel in panels if panel.title]
    if not title and len(titled) == 1:
        title, titled[0].title = titled[0].title, ""
    start = f"{_kind(figure)}: {_one_line(title)}" if title else _kind(figure)
    every, longest = len(panels), max((len(panel.items) for panel in panels), default=0)
    shorter = [(every, items, False) for items in range(longest, 0, -1)] + [(n, 1, False) for n in range(every)[::-1]]
    for panels_told, items_told, details in ((every, longest, True), *shorter):
        parts = [panel.told(items_told, details) for panel in panels[:panels_told]]
        if panels_told < every:
            parts.append(f"and {_count(every - panels_told, 'more panel')}")
        text = ". ".join(part.rstrip(".") for part in (start, *parts) if part) + "."
        if len(text.split()) <= LIMIT:
            break
    return text


def number(value: float) -> str:
    """Three digits: 1,880 for 1875, 0.0667, 1.5e-7; −0 is 0."""
    short = float(f"{value:.3g}")
    if short and not 1e-5 <= abs(short) < 1e7:
        return re.sub(r"e([-+])0*", lambda found: "e" + found[1].strip("+"), f"{short:g}").replace("-", "−")
    text = f"{short:,.7f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace("-", "−")


def span(low: float, high: float) -> str:
    """``0.1 to 0.6``, or the one number that both are."""
    return number(low) if number(low) == number(high) else f"{number(low)} to {number(high)}"


@dataclass
class _Panel:
    """One Axes, or a row of them that hold an image each."""

    title: str = ""
    axes: tuple[str, ...] = ()  # what stands on x and on y, and what its bands span
    items: list[tuple[str, str]] = field(default_factory=list)  # each with its details

    def told(self, count: int, details: bool) -> str:
        items = [f"{words}{more if details else ''}" for words, more in self.items[:count]]
        if len(self.items) > count:
            items.append(f"and {len(self.items) - count} more")
        text = "; ".join(part for part in (", ".join(filter(None, self.axes)), *items) if part)
        return f"{self.title}: {text}" if self.title and text else self.title or text


def _panels(figure: Figure) -> list[_Panel]:
    panels: list[_Panel] = []
    alone: list[Axes] = []  # Axes with one image each that follow each other

    def finish() -> None:
        if alone:
            panels.append(_images(alone))
            alone.clear()

    for axes in figure.axes:
        if not axes.get_visible() or axes.get_label() == "_":
            continue
        if len(axes.images) == 1 and not axes.get_label() and not (axes.lines or axes.containers):
            if alone and _shape(axes) != _shape(alone[0]):
                finish()
            alone.append(axes)
            continue
        finish()
        if axes.get_label() or axes.has_data():
            panels.append(_panel(axes))
    finish()
    before = None
    for panel in panels:  # what the panel before has on its axes is not said again
        same, before = before, panel.axes or before
        panel.axes = tuple("" if same and words in same else words for words in panel.axes)
    known = {figure.get_suptitle(), figure.get_supxlabel(), figure.get_supylabel(), ""}
    words = [_one_line(text.get_text()) for text in figure.texts if text.get_text() not in known]
    return panels + ([_Panel(items=_plain(words))] if words else [])


def _panel(axes: Axes) -> _Panel:
    title, label = _title(axes), str(axes.get_label())
    if label == _COLOUR_BAR:
        low, high = sorted(axes.get_ylim())
        return _Panel(items=_plain([f"colours: {axes.get_ylabel() or 'value'} {span(low, high)}"]))
    if label:
        return _Panel(title, items=_plain(label.split("; ")))
    if axes.images:
        return _Panel(title, items=_plain([f"{_count(len(axes.images), 'image')} of {_shape(axes)}"]))
    names_x, names_y = _names(axes.xaxis), _names(axes.yaxis)
    if names_x or names_y:
        named, axis = (names_y, axes.xaxis) if names_y else (names_x, axes.yaxis)
        rows = [f"{name}: {', '.join(parts)}" for name, parts in _rows(axes, named, bool(names_y)).items()]
        return _Panel(title, (_axis(axis, None),), _plain([*rows, *_levels(axes)]))
    told = _axis(axes.xaxis, axes.dataLim.intervalx), _axis(axes.yaxis, axes.dataLim.intervaly), *_as_they_stand(axes)
    return _Panel(title, told, [*_lines(axes), *_plain([*_levels(axes), *_bars(axes)])])


def _title(axes: Axes) -> str:
    """Its own, or that of its column."""
    return _one_line(next(filter(None, (one.get_title() for one in (axes, *_in_line(axes, "colspan")))), ""))


def _in_line(axes: Axes, span: str) -> list[Axes]:
    """Those of the same column or row."""
    place, figure = axes.get_subplotspec(), axes.get_figure()
    if place is None or figure is None:
        return []
    others = [(other, other.get_subplotspec()) for other in figure.axes if other.get_label() != _COLOUR_BAR]
    return [other for other, its in others if its is not None and getattr(its, span) == getattr(place, span)]


def _plain(items: list[str]) -> list[tuple[str, str]]:
    return [(item, "") for item in items]


def _axis(axis: Any, limits: Any) -> str:
    """``epoch 1 to 10``; a column of panels has one label for x, a row one for y."""
    axes = axis.axes
    name = "x" if axis is axes.xaxis else "y"
    line = [axes, *_in_line(axes, "colspan" if name == "x" else "rowspan")]
    labels = [(one.xaxis if name == "x" else one.yaxis).get_label_text() for one in line]
    label = _one_line(next(filter(None, labels), ""))
    scale = {"linear": "", "log": ", logarithmic"}.get(axis.get_scale(), ", not linear")
    if limits is None or not np.isfinite(limits).all():
        return label + scale
    return f"{label or name} {_quantity(axis, *limits)}{scale}"


def _quantity(axis: Axis, *values: float) -> str:
    """One number or a range, in percent where the axis has percent."""
    formatter, unit, factor = axis.get_major_formatter(), "", 1.0
    if isinstance(formatter, PercentFormatter):
        factor, unit = 100 / formatter.xmax, formatter.symbol
    low, high = min(values), max(values)
    return span(factor * low, factor * high) + unit


def _lines(axes: Axes) -> Iterator[tuple[str, str]]:
    """Each line that a legend may name, or all where none has a name; and clouds of points."""
    lines = [
        line for line in axes.lines if line.get_visible() and not _is_level(axes, line) and np.size(line.get_xdata())
    ]
    named = [line for line in lines if not str(line.get_label()).startswith("_")]
    others = [line for line in lines if _NAMELESS.fullmatch(str(line.get_label()))]
    for line in named or others:
        name = _one_line(str(line.get_label())) if named else "a line"
        x, y = (np.asarray(values, float) for values in line.get_data(orig=False))
        seen = np.isfinite(x) & np.isfinite(y)
        x, y = x[seen], y[seen]
        if len(x) == 0:
            continue
        if line.get_linestyle() in ("None", "none", " ", ""):
            yield _points(axes, name if named else "points", x, y), ""
            continue
        text, details = f"{name} from {_quantity(axes.yaxis, y[0])} to {_quantity(axes.yaxis, y[-1])}", ""
        if len(y) == 1:
            text = f"{name} {_quantity(axes.yaxis, y[0])}"
        for word, place, end in (("lowest", y.argmin(), min(y[0], y[-1])), ("highest", y.argmax(), max(y[0], y[-1]))):
            if _quantity(axes.yaxis, y[place]) != _quantity(axes.yaxis, end):
                details += f", {word} {_quantity(axes.yaxis, y[place])} at {_quantity(axes.xaxis, x[place])}"
        yield text, details
    for cloud in axes.collections:
        if isinstance(cloud, PathCollection) and len(offsets := np.asarray(cloud.get_offsets(), float)):
            label = str(cloud.get_label())
            yield _points(axes, "points" if label.startswith("_") else _one_line(label), *offsets.T), ""


def _points(axes: Axes, name: str, x: Any, y: Any) -> str:
    if len(x) == 1:
        return f"{name} at {_quantity(axes.xaxis, x[0])}, {_quantity(axes.yaxis, y[0])}"
    places = f"x {_quantity(axes.xaxis, x.min(), x.max())}, y {_quantity(axes.yaxis, y.min(), y.max())}"
    return f"{name}: {_count(len(x), 'point')}, {places}"


def _levels(axes: Axes) -> Iterator[str]:
    """Lines across the whole panel, as axhline and axvline draw them."""
    for line in axes.lines:
        name = str(line.get_label())
        if _is_level(axes, line) and not name.startswith("_"):
            along_x = line.get_transform().contains_branch_seperately(axes.transData)[0]
            axis, data = (axes.xaxis, line.get_xdata()) if along_x else (axes.yaxis, line.get_ydata())
            yield f"{_one_line(name)} at {_quantity(axis, float(np.asarray(data)[0]))}"


def _is_level(axes: Axes, line: Line2D) -> bool:
    return line.get_transform().contains_branch_seperately(axes.transData) != (True, True)


def _bars(axes: Axes) -> Iterator[str]:
    """Bars over an axis of numbers."""
    for container in axes.containers:
        if not isinstance(container, BarContainer) or not len(container.patches):
            continue
        name = str(container.get_label())
        name = "bars" if name.startswith("_") else _one_line(name)
        values, places, along, across = _bar_values(axes, container)
        top = int(np.argmax(values))
        text = f"{_count(len(values), 'bar')}" if name == "bars" else f"{name}: {_count(len(values), 'bar')}"
        yield f"{text} {_quantity(across, values.min(), values.max())}, highest at {_quantity(along, places[top])}"


def _bar_values(axes: Axes, container: BarContainer) -> tuple[Any, Any, Axis, Axis]:
    """Lengths, places, and the axes along which the bars stand and are measured."""
    upright = container.orientation != "horizontal"
    bars = container.patches
    if upright:
        values, places = [bar.get_height() for bar in bars], [bar.get_x() + bar.get_width() / 2 for bar in bars]
        return np.array(values), np.array(places), axes.xaxis, axes.yaxis
    values, places = [bar.get_width() for bar in bars], [bar.get_y() + bar.get_height() / 2 for bar in bars]
    return np.array(values), np.array(places), axes.yaxis, axes.xaxis


def _names(axis: Axis) -> dict[int, str]:
    """Place -> name, of an axis that has names instead of numbers; empty for others."""
    formatter, locator = axis.get_major_formatter(), axis.get_major_locator()
    if isinstance(formatter, PercentFormatter) or not isinstance(locator, (FixedLocator, StrCategoryLocator)):
        return {}
    places = axis.get_majorticklocs()
    texts = [_one_line(str(text)) for text in formatter.format_ticks(list(places))]
    if all(text in ("", f"{place:g}") for place, text in zip(places, texts, strict=True)):
        return {}
    return {round(place): text for place, text in zip(places, texts, strict=True) if text}


def _rows(axes: Axes, names: dict[int, str], names_on_y: bool) -> dict[str, list[str]]:
    """What is drawn beside each name: bars, points, error bars, and lines from a smallest to a largest value."""
    rows: dict[str, list[str]] = {name: [] for name in names.values()}
    axis = axes.xaxis if names_on_y else axes.yaxis

    def add(place: float, words: str) -> None:
        if round(place) in names:
            rows[names[round(place)]].append(words)

    parts_of_errorbars: list[Any] = []
    for container in axes.containers:
        name = _beside(container)
        if isinstance(container, BarContainer):
            values, places, _, _ = _bar_values(axes, container)
            for place, value in zip(places, values, strict=True):
                add(place, _quantity(axis, value) + name)
        elif isinstance(container, ErrorbarContainer):
            middle, caps, bars = container.lines
            parts_of_errorbars += [middle, *caps]
            if middle is None or not bars:  # nothing but bars, or no bars
                continue
            (x, y) = (np.asarray(values, float) for values in middle.get_data(orig=False))
            places, values = (y, x) if names_on_y else (x, y)
            for place, value, ends in zip(places, values, bars[0 if names_on_y else -1].get_segments(), strict=True):
                ends = ends[:, 0 if names_on_y else 1]
                add(place, f"{_quantity(axis, value)}{name}, interval {_quantity(axis, *ends)}")
    for line in axes.lines:
        if _is_level(axes, line) or line in parts_of_errorbars or _NAMELESS.fullmatch(str(line.get_label())):
            continue
        name = _beside(line)
        x, y = (np.asarray(values, float) for values in line.get_data(orig=False))
        places, values = (y, x) if names_on_y else (x, y)
        for place in dict.fromkeys(np.round(places)):
            those = values[np.round(places) == place]
            if line.get_linestyle() in ("None", "none", " ", ""):
                count = f"{len(those)} from " if len(those) > 1 else ""
                add(place, f"{count}{_quantity(axis, those.min(), those.max())}{name}")
            elif _quantity(axis, those.min()) != _quantity(axis, those.max()):
                add(place, f"from {_quantity(axis, those.min(), those.max())}{name}")
    return {name: parts for name, parts in rows.items() if parts}


def _beside(artist: Any) -> str:
    """A label behind a number; none where matplotlib gave it, or "_"."""
    label = _one_line(str(artist.get_label()))
    return "" if _NAMELESS.fullmatch(label) or label == "_" else f", {label.removeprefix('_')}"


def _as_they_stand(axes: Axes) -> list[str]:
    """The labels that a plot function has given to what stands in no legend: bands, limits."""
    labels = [str(artist.get_label()) for artist in (*axes.collections, *axes.lines)]
    told = [label[1:] for label in labels if label.startswith("_") and not _NAMELESS.fullmatch(label)]
    return list(dict.fromkeys(told))


def _images(group: list[Axes]) -> _Panel:
    captions = [_one_line(axes.get_title() or axes.get_xlabel()) for axes in group]
    text = f"{_count(len(group), 'image')} of {_shape(group[0])}"
    if not any(captions):
        return _Panel(items=_plain([text]))
    first, *others = (caption or "none" for caption in captions)
    return _Panel(items=_plain([f"{text}, {'captions' if others else 'caption'}: {first}", *others]))


def _shape(axes: Axes) -> str:
    """``28×28``, of the first image."""
    return "×".join(str(size) for size in np.asarray(axes.images[0].get_array()).shape[:2])


def _kind(figure: Figure) -> str:
    """As the plot function calls it; otherwise by what there is most of."""
    kind = getattr(figure, "kind", "")
    if kind:
        return str(kind)
    seen = [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != _COLOUR_BAR]
    if any(isinstance(c, BarContainer) for axes in seen for c in axes.containers):
        return "Bar chart"
    if any(axes.lines for axes in seen):
        drawn = any(line.get_linestyle() not in ("None", "none", " ", "") for axes in seen for line in axes.lines)
        return "Line chart" if drawn else "Points"
    return ("Figure", "Picture", "Pictures")[min(sum(len(axes.images) for axes in seen), 2)]


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _one_line(text: str) -> str:
    return " ".join(text.split())
