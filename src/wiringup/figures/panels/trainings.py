"""Panels of trainings beside each other: lines over epochs or, of more than can be told apart, their ends."""

from wiringup.figures.panels import bars, curves
from wiringup.figures.panels.panel import Drawn, Spots, equally_long
from wiringup.figures.panels.series import LOOKS, grouped

LINES = 8
"""More are not told apart."""


def draw(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw brain match over epochs, a line for each training; of more than `LINES` what they end with.

    Ends are coloured by birth and what learns; they stand together by what learns, the highest first.
    """
    series = grouped(spots)
    if len(series) <= LINES:
        figure = curves.draw(series, title, caption, lambda s: s.epoch, "epochs", fixed=LOOKS, height=2.6)
        return Drawn(figure, series)
    ends, told = equally_long(spots)
    series = grouped(ends)
    learns = list(dict.fromkeys(one.spots[-1].plasticity for one in series))
    series.sort(key=lambda one: (one.published, learns.index(one.spots[-1].plasticity), -one.spots[-1].value))
    kinds = {one.key: (one.spots[-1].birth, one.spots[-1].plasticity) for one in series}
    fixed = {key: LOOKS[kind] for key, kind in kinds.items() if kind in LOOKS}
    return Drawn(bars.draw(series, title, f"{caption} The end of each training.{told}", fixed=fixed), series)
