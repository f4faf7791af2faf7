"""Draws the scenarios of the guide as SVG: versions, interval and age of rows over time.

`python -m benchmarks.gate.plots` writes docs/guide/gate/*.svg.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log10
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.gate.scenarios import GUIDE
from benchmarks.gate.world import Result, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WIDTH, PANEL, GAP, LEFT, RIGHT, TOP = 860, 130, 34, 74, 18, 44
INK, FAINT, GRID = "#334155", "#64748b", "#e2e8f0"
BLUE, ORANGE, RED, SHADE = "#2563eb", "#d97706", "#dc2626", "#f1f5f9"


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of a panel.

    Args:
        points: Time and value, in the order of time.
        colour: Of the line.
        dashed: A bound rather than what happened.
        label: Written at its end.
        highest: Of what falls into one column of the picture, draw only the highest.
    """

    points: Sequence[tuple[float, float]]
    colour: str
    dashed: bool = False
    label: str = ""
    highest: bool = False


def figure(result: Result, title: str) -> str:
    """The picture of a run."""
    setup, trace = result.setup, result.trace
    span_s = setup.duration_s
    versions = [Curve([(s.at_s, s.versions) for s in trace], BLUE)]
    if setup.target_ms is None:
        versions.append(_bound(0.1 * setup.limit, span_s, ORANGE, "10 % of the limit"))
    if max(second.versions for second in trace) > 0.4 * setup.limit:
        versions.append(_bound(setup.limit, span_s, RED, f"limit {setup.limit}"))
    intervals = [Curve([(s.at_s, s.interval_s) for s in trace], BLUE)]
    if setup.target_ms is None:
        intervals.append(_bound(result.floor_s(), span_s, ORANGE, "floor of the formula"))
    else:
        intervals.append(_bound(setup.target_ms / 1000, span_s, ORANGE, "set by the user"))
    visible = [e for e in result.epochs if e.visible_s == e.visible_s]
    lags = [Curve([(e.visible_s, e.visible_s - e.first_s) for e in visible], BLUE, highest=True)]
    panels = (("versions", versions), ("interval, s", intervals), ("oldest row, s", lags))
    height = TOP + len(panels) * (PANEL + GAP) + 22
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(LEFT, 24, title, size=15, colour=INK),
    ]
    for place, (name, curves) in enumerate(panels):
        top = TOP + place * (PANEL + GAP)
        parts.extend(_panel(result, name, curves, top, marks=place == 0))
    bottom = TOP + len(panels) * (PANEL + GAP) - GAP
    step = _step(span_s, 9, (60, 120, 300, 600, 900, 1200, 1800))
    parts.extend(
        _text(_x(at, span_s), bottom + 16, f"{at // 60} min", anchor="middle")
        for at in range(0, floor(span_s * 0.98), round(step))
    )
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _panel(
    result: Result,
    name: str,
    curves: Sequence[Curve],
    top: float,
    *,
    marks: bool,
) -> Iterator[str]:
    span_s = result.setup.duration_s
    most = max(value for curve in curves for _, value in curve.points) * 1.08
    step = _step(most, 4)

    def y(value: float) -> float:
        return top + PANEL - PANEL * min(value, most) / most

    for label, begin_s, end_s in _spans(result):
        left, right = _x(begin_s, span_s), _x(min(end_s, span_s), span_s)
        yield (
            f'<rect x="{left:.1f}" y="{top}" width="{right - left:.1f}" height="{PANEL}" '
            f'fill="{SHADE}"/>'
        )
        if marks:
            yield _text((left + right) / 2, top - 6, label, anchor="middle")
    value = 0.0
    while value <= most:
        yield (
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            f'stroke="{GRID}"/>'
        )
        yield _text(LEFT - 8, y(value) + 4, f"{value:g}", anchor="end")
        value = round(value + step, 6)
    yield (
        f'<text x="18" y="{top + PANEL / 2}" fill="{INK}" text-anchor="middle" '
        f'transform="rotate(-90 18 {top + PANEL / 2})">{name}</text>'
    )
    for curve in curves:
        yield _line(curve, span_s, y)
    taken: list[float] = []
    for curve in curves:
        if curve.label:
            at = y(curve.points[-1][1]) - 5
            at = at if all(abs(at - other) > 13 for other in taken) else at - 14
            taken.append(at)
            yield _text(WIDTH - RIGHT - 4, at, curve.label, anchor="end", colour=curve.colour)


def _bound(value: float, span_s: float, colour: str, label: str) -> Curve:
    return Curve([(0.0, value), (span_s, value)], colour, dashed=True, label=label)


def _line(curve: Curve, span_s: float, y: Callable[[float], float]) -> str:
    """A polyline thinned to what can be seen: the ends of what falls into one column."""
    columns: dict[int, list[tuple[float, float]]] = {}
    for second, value in curve.points:
        x = _x(second, span_s)
        columns.setdefault(floor(x), []).append((x, y(value)))
    points: list[tuple[float, float]] = []
    for column in columns.values():
        top, bottom = (pick(column, key=lambda p: p[1]) for pick in (min, max))
        points.extend([top] if curve.highest else sorted({top, bottom, column[-1]}))
    path = " ".join(f"{x:.1f},{at:.1f}" for x, at in points)
    dash = ' stroke-dasharray="5 4"' if curve.dashed else ""
    return (
        f'<polyline points="{path}" fill="none" stroke="{curve.colour}" stroke-width="1.4"{dash}/>'
    )


def _spans(result: Result) -> Iterator[tuple[str, float, float]]:
    for begin_s, end_s in result.setup.stopped:
        yield "no compaction", begin_s, end_s
    for foreign in result.setup.foreign:
        yield f"another writer, {foreign.per_s:.1f} loads/s", foreign.begin_s, foreign.end_s


def _x(second: float, span_s: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * second / span_s


def _step(most: float, lines: int, choices: Sequence[float] = ()) -> float:
    """A round distance between lines, of which there are `lines` or fewer."""
    for choice in choices:
        if most / choice <= lines:
            return choice
    power = 10 ** floor(log10(most / lines))
    return next(factor * power for factor in (1, 2, 5, 10) if most / (factor * power) <= lines)


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, colour: str = FAINT
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" '
        f'font-size="{size}">{text}</text>'
    )


def main() -> None:
    """Draw them all."""
    folder = Path(__file__).parents[2] / "docs" / "guide" / "gate"
    folder.mkdir(parents=True, exist_ok=True)
    for name, (title, setup) in GUIDE.items():
        result = World(setup, seed=1).run()
        (folder / f"{name}.svg").write_text(figure(result, title), encoding="utf-8")
        print(
            f"{name}: refused {result.refused}, interval at the end "
            f"{result.trace[-1].interval_s:.2f} s, floor {result.floor_s():.2f} s, "
            f"freshness p50 {result.freshness_s(0.5):.2f} s, p99 {result.freshness_s(0.99):.2f} s"
        )


if __name__ == "__main__":
    main()
