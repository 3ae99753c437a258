"""Charts as inline SVG: no script, no file besides, colours that follow the page's light or dark."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape

WIDTH = 440
_LABEL, _VALUE, _BAR, _STEP, _GROUP = 164, 96, 16, 22, 24
# As the page's style sheet names them; outside of it (in Dagster) the colour behind the comma counts.
COLOURS = (
    "var(--one, #2f6fdd)",
    "var(--two, #1f9d6b)",
    "var(--three, #c7781b)",
    "var(--four, #8a63d2)",
    "var(--five, #c2447e)",
)
_TEXT = "var(--text, #7a828e)"


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar: its label, its length, what is written behind it, and which of the colours it has."""

    label: str
    value: Decimal
    text: str
    colour: int = 0


def bar_chart(title: str, groups: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """
    Horizontal bars under each other, the longest as wide as there is room; a sentence where there are none.

    Args:
        groups: heading and bars; an empty heading takes no line.
    """
    bars = [bar for _, several in groups for bar in several]
    if not bars:
        return f"<p class='none'>{escape(title)}: nothing yet.</p>"
    longest = max(abs(bar.value) for bar in bars) or Decimal(1)
    parts: list[str] = []
    y = 2
    for heading, several in groups:
        if heading:
            parts.append(f"<text x='0' y='{y + 14}' font-weight='600' fill='{_TEXT}'>{escape(heading)}</text>")
            y += _GROUP
        for bar in several:
            parts.append(_bar(bar, y, longest))
            y += _STEP
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {y}' role='img' font-size='13' "
        f"font-family='system-ui, sans-serif' aria-label='{escape(title, quote=True)}'>{''.join(parts)}</svg>"
    )


def _bar(bar: Bar, y: int, longest: Decimal) -> str:
    room = WIDTH - _LABEL - _VALUE
    width = max(1.0, float(room * abs(bar.value) / longest)) if bar.value else 0.0
    label = bar.label if len(bar.label) <= 21 else bar.label[:20] + "…"
    return (
        f"<text x='{_LABEL - 8}' y='{y + 13}' text-anchor='end' fill='{_TEXT}'>{escape(label)}</text>"
        f"<rect x='{_LABEL}' y='{y}' width='{width:.1f}' height='{_BAR}' rx='2' "
        f"fill='{COLOURS[bar.colour % len(COLOURS)]}'><title>{escape(bar.label)}: {escape(bar.text)}</title></rect>"
        f"<text x='{_LABEL + width + 6:.1f}' y='{y + 13}' fill='{_TEXT}'>{escape(bar.text)}</text>"
    )
