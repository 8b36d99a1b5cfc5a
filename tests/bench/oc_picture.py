"""The picture of `docs/operating-characteristics.md`: how often each rule lets a candidate through that is too bad."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LEFT, RIGHT, ROW, TOP = 900, 330, 120, 40, 92
ALLOWED = 0.05
# Okabe and Ito's blue and vermilion; shape tells them apart too. Dark ground takes lighter ones.
STYLE = """
  text { font: 14px system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; fill: #1c2024 }
  .title { font-size: 17px; font-weight: 600 }
  .quiet { fill: #5a6169 } .own { font-weight: 700 }
  .ground { fill: #fefefe } .grid { stroke: #dfe3e6 } .limit { stroke: #1c2024; stroke-dasharray: 5 4 }
  .range { stroke: #a9b1ba; stroke-width: 2 }
  .calm { fill: #fefefe; stroke: #0072b2; stroke-width: 2.5 } .shocked { fill: #d55e00 } .band { fill: #0072b2; opacity: 0.08 }
  @media (prefers-color-scheme: dark) {
    text { fill: #eceef0 } .quiet { fill: #a9b1ba } .ground { fill: #14171a } .grid { stroke: #363c43 }
    .limit { stroke: #eceef0 } .range { stroke: #5a6169 } .calm { fill: #14171a; stroke: #56b4e9 } .shocked { fill: #f08a4b }
    .band { fill: #56b4e9; opacity: 0.15 }
  }"""


@dataclass(frozen=True, slots=True)
class Strip:
    """One rule: its rates without and with day shocks, and how often an equal candidate is let through."""

    label: str
    calm: Sequence[float]
    shocked: Sequence[float]
    equal: float | None
    is_own: bool = False


def picture(strips: Sequence[Strip]) -> str:
    """An SVG that reads on light and on dark ground."""
    height = TOP + ROW * len(strips) + 62
    body = "\n".join([*_frame(len(strips)), *(line for at, strip in enumerate(strips) for line in _strip(strip, at))])
    title = "Pilots that are told to migrate to a candidate that is worse by the whole margin"
    said = "; ".join(f"{s.label}: {_span([*s.calm, *s.shocked])}" for s in strips)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'aria-labelledby="t d">\n<title id="t">{title}</title>\n<desc id="d">{escape(said)}</desc>\n<style>{STYLE}\n</style>\n'
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>\n{body}\n</svg>\n'
    )


def _frame(rows: int) -> Iterator[str]:
    bottom = TOP + ROW * rows
    yield '<text class="title" x="16" y="28">Told to migrate, though the candidate is worse by the whole margin</text>'
    yield '<circle class="calm" cx="24" cy="52" r="6"/><text class="quiet" x="38" y="57">days alike</text>'
    yield '<rect class="shocked" x="132" y="46" width="12" height="12"/>'
    yield '<text class="quiet" x="152" y="57">days differ by 3 points; each mark is 700 to 5,600 conversations</text>'
    yield f'<text class="quiet" x="{WIDTH - 12}" y="{TOP - 12}" text-anchor="end">an equal one passes</text>'
    yield f'<rect class="band" x="{_x(0)}" y="{TOP}" width="{_x(ALLOWED) - _x(0):.1f}" height="{bottom - TOP}"/>'
    for tick in range(0, 101, 20):
        x = _x(tick / 100)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
        yield f'<text class="quiet" x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{tick} %</text>'
    x = _x(ALLOWED)
    yield f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{bottom}"/>'
    yield f'<text x="{x + 6:.1f}" y="{TOP - 12}">the promise: at most 5 %</text>'
    yield f'<text class="quiet" x="{_x(0.5):.1f}" y="{bottom + 44}" text-anchor="middle">share of simulated pilots</text>'


def _strip(strip: Strip, at: int) -> Iterator[str]:
    y = TOP + ROW * at + ROW / 2
    own = ' class="own"' if strip.is_own else ""
    yield f'<text{own} x="{LEFT - 14}" y="{y + 5:.1f}" text-anchor="end">{escape(strip.label)}</text>'
    rates = [*strip.calm, *strip.shocked]
    yield f'<line class="range" x1="{_x(min(rates)):.1f}" x2="{_x(max(rates)):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
    for rate in strip.calm:
        yield f'<circle class="calm" cx="{_x(rate):.1f}" cy="{y:.1f}" r="5.5"/>'
    for rate in strip.shocked:
        yield f'<rect class="shocked" x="{_x(rate) - 5:.1f}" y="{y - 5:.1f}" width="10" height="10"/>'
    middle = (min(rates) + max(rates)) / 2
    at_end = (max(rates), 14, "start") if middle < 0.7 else (min(rates), -14, "end")
    yield f'<text{own} x="{_x(at_end[0]) + at_end[1]:.1f}" y="{y + 5:.1f}" text-anchor="{at_end[2]}">{_span(rates)}</text>'
    if strip.equal is not None:
        yield f'<text{own} x="{WIDTH - 12}" y="{y + 5:.1f}" text-anchor="end">{strip.equal * 100:.0f} %</text>'


def _x(rate: float) -> float:
    return LEFT + rate * (WIDTH - LEFT - RIGHT)


def _span(rates: Sequence[float]) -> str:
    low, high = f"{min(rates) * 100:.0f}", f"{max(rates) * 100:.0f}"
    return f"{low} %" if low == high else f"{low} to {high} %"
