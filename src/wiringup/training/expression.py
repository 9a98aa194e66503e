"""The grammar of a plasticity: named sets of synapses, joined, and how and when they learn.

    plasticity  =  term { ("+" | "-") term }        union, difference; from left to right
    term        =  part { "&" part }                intersection; binds tighter
    part        =  set [ "@" [start] ".." [end] unit ]      a window of images, epochs or steps
    set         =  name [ ":" argument ]            critical, critical:V4, downstream:IT, V2, layer:*.conv3
                |  "(" plasticity ")"
                |  "random:" (set | number) [ "from" set ]  as many synapses, drawn from the latter (or all)
                |  "lowrank:" rank ":" set  |  "mask:" fraction ":" set  |  "sign:" set

What is taken away or intersected with has to be a plain set, without a way to learn or a window.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from wiringup.core.errors import InputError
from wiringup.core.seeds import derive
from wiringup.training.named_sets import SETS, members
from wiringup.training.parametrisations import FREE, PARAMETRISATIONS, Parametrisation
from wiringup.training.schedule import Duration
from wiringup.training.synapses import Network, SynapseSet

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|(\.\.)|([A-Za-z_*?][\w*?]*(?:\.[\w*?]+)*)|([:+\-&()@]))")
_NUMBER, _UNTIL, _WORD = 1, 2, 3
RANDOM, FROM = "random", "from"


@dataclass(frozen=True)
class Window:
    """When synapses learn: in the steps that begin at or after ``start`` and before ``stop``."""

    start: Duration
    stop: Duration | None

    def __post_init__(self) -> None:
        if self.stop is not None and self.stop.value <= self.start.value:
            raise InputError(f"The window {self} is empty; its end has to lie after its start.")

    def images(self, dataset: int, batch: int) -> tuple[int, int | None]:
        """Return start and stop in images seen."""
        stop = None if self.stop is None else self.stop.in_images(dataset, batch)
        return self.start.in_images(dataset, batch), stop

    def __str__(self) -> str:
        return f"@{self.start.number}..{self.stop.number if self.stop else ''}{self.start.unit}"


@dataclass(frozen=True)
class Part:
    """Synapses that learn by one parametrisation, in one window of time (None: always)."""

    synapses: SynapseSet
    parametrisation: Parametrisation = FREE
    window: Window | None = None

    @property
    def plain(self) -> bool:
        """Whether it is a set of synapses and nothing else."""
        return self.parametrisation == FREE and self.window is None


def parse(text: str, network: Network, seed: int = 0) -> list[Part]:
    """Read a plasticity against the table of a model.

    Args:
        text: see the grammar above.
        network: the table of the model.
        seed: of random subsets.

    Raises:
        InputError: saying what could not be read, or which name is unknown.
    """
    return _Reader(text, network, seed).read()


class _Reader:
    """A recursive-descent reader of one expression."""

    def __init__(self, text: str, network: Network, seed: int) -> None:
        self.text, self.network, self.seed, self.draws = text, network, seed, 0
        self.tokens = list(self._tokens())

    def _tokens(self) -> Iterator[tuple[int, str]]:
        at, text = 0, self.text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._unreadable(
                    f"{text[at:].strip()!r} at the end", "a name, a number or one of : + - & ( ) @"
                )
            yield found.lastindex or 0, found.group(found.lastindex or 0)
            at = found.end()

    def read(self) -> list[Part]:
        parts = self._plasticity()
        if self.tokens:
            raise self._unexpected("+, -, &, @ or the end")
        return parts

    def _plasticity(self) -> list[Part]:
        parts = self._term()
        while self._next("+", "-"):
            if self._take() == "+":
                parts = [*parts, *self._term()]
            else:
                away = self._plain(self._term(), "taken away")
                parts = [replace(part, synapses=part.synapses - away) for part in parts]
        return parts

    def _term(self) -> list[Part]:
        parts = self._part()
        while self._next("&"):
            self._take()
            kept = self._plain(self._part(), "intersected with")
            parts = [replace(part, synapses=part.synapses & kept) for part in parts]
        return parts

    def _part(self) -> list[Part]:
        parts = self._set()
        if self._next("@"):
            window = self._window()
            if any(part.window for part in parts):
                raise InputError(f"{self.text!r} gives a window to what has one already.")
            parts = [replace(part, window=window) for part in parts]
        return parts

    def _set(self) -> list[Part]:
        if self._next("("):
            self._take()
            parts = self._plasticity()
            self._expect(")")
            return parts
        word = self._word("a set of synapses")
        if word == RANDOM:
            return [Part(self._random())]
        if word in PARAMETRISATIONS and word != FREE.kind:
            return [self._parametrised(word)]
        return [Part(SynapseSet.whole(members(self.network, word, self._argument(word))))]

    def _argument(self, word: str) -> str:
        if not self._next(":"):
            return ""
        self._take()
        return self._word("an area" if word in SETS else "+, -, & or the end")

    def _parametrised(self, word: str) -> Part:
        self._expect(":")
        amount = 0.0
        if what := PARAMETRISATIONS[word].amount_is:
            amount = float(self._take(_NUMBER, f"a number ({word}:{what}:SET)"))
            self._expect(":")
        return Part(self._plain(self._set(), f"the set of {word}"), Parametrisation(word, amount))

    def _random(self) -> SynapseSet:
        """Synapses of equal number, each subset equally probable; a further draw is another one."""
        self._expect(":")
        if self._next(kind=_NUMBER):
            count = int(float(self._take()))
        else:
            like = self._plain(self._set(), "the set of random")
            count = sum(like.counts(self.network.rows).values())
        pool = SynapseSet.whole(row.parameter for row in self.network.rows)
        if self._next(FROM):
            self._take()
            pool = self._plain(self._set(), "drawn from")
        self.draws += 1
        return pool.draw(count, self.network.rows, derive(self.seed, "random synapses", self.draws))

    def _window(self) -> Window:
        self._expect("@")
        start = self._take() if self._next(kind=_NUMBER) else "0"
        self._take(_UNTIL, "two dots between start and end (@0..2epochs)")
        stop = self._take() if self._next(kind=_NUMBER) else ""
        unit = self._word("a unit of time (@0..2epochs)")
        return Window(Duration.parse(f"{start} {unit}"), Duration.parse(f"{stop} {unit}") if stop else None)

    def _plain(self, parts: list[Part], what: str) -> SynapseSet:
        if not all(part.plain for part in parts):
            raise InputError(
                f"In {self.text!r}, {what} has to be a plain set, with no way to learn and no window."
            )
        found = SynapseSet({})
        for part in parts:
            found |= part.synapses
        return found

    def _next(self, *wanted: str, kind: int | None = None) -> bool:
        return bool(self.tokens) and (self.tokens[0][1] in wanted or self.tokens[0][0] == kind)

    def _take(self, kind: int | None = None, what: str = "") -> str:
        if not self.tokens or (kind is not None and self.tokens[0][0] != kind):
            raise self._unexpected(what)
        return self.tokens.pop(0)[1]

    def _word(self, what: str) -> str:
        return self._take(_WORD, what)

    def _expect(self, sign: str) -> None:
        if not self._next(sign):
            raise self._unexpected(repr(sign))
        self._take()

    def _unexpected(self, wanted: str) -> InputError:
        return self._unreadable(repr(self.tokens[0][1]) if self.tokens else "the end", wanted)

    def _unreadable(self, found: str, wanted: str) -> InputError:
        return InputError(
            f"Cannot read the plasticity {self.text!r}: found {found}, expected {wanted}. Join sets with +, "
            "- and &, as in critical + downstream:IT; wiringup plasticity --help shows the grammar."
        )
