"""Which response belongs to which image: what the files say, or what is assumed where they say nothing.

Names decide: those in a table, and those that stand beside the responses (netCDF coordinates, lists in an
npz). Where there are none, or a table that names no files, the images are taken in the order of their names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiringup.core.cautions import caution
from wiringup.core.checks import listed, one_of
from wiringup.core.errors import InputError
from wiringup.core.stimuli import Stimuli
from wiringup.data.formats.tables import Table, as_whole, is_count, is_permutation
from wiringup.data.images.names import in_natural_order, matched, names_most
from wiringup.data.images.table import (
    IDS,
    NONE,
    ColumnOptions,
    Order,
    Property,
    group_of,
    label_of,
    order_of,
    refuse_unused,
    warn_of_columns,
)
from wiringup.data.recordings.responses import StoredResponses, Texts

NATURAL, PLAIN = "natural", "plain"
ORDERS = (NATURAL, PLAIN)
STACK = "stack"


@dataclass(frozen=True, eq=False)
class Aligned:
    """Responses and images in one order, with what is known about the images.

    Attributes:
        responses: the responses, their images in the order of ``stimuli``.
        stimuli: the images.
        groups: which images belong together.
        labels: the label of each image.
        order: where the order comes from, in words.
        assumed: what was assumed, in a few words each.
    """

    responses: StoredResponses
    stimuli: Stimuli
    groups: Property
    labels: Property
    order: str
    assumed: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Place:
    """Which image each response belongs to.

    Attributes:
        index: (images,) or (presentations,) place of the image; None: they stand in the images' order.
        names: what says so beside the responses.
        by_ids: whether it took a table's ids to understand them.
        odd: what a reader has to know where names stand there that match none.
    """

    index: NDArray[np.intp] | None = None
    names: tuple[str, ...] = ()
    by_ids: bool = False
    odd: str = ""


def aligned(
    found: StoredResponses,
    stimuli: Stimuli,
    table: Table | None,
    options: ColumnOptions,
    source: Path,
    stack: bool,
) -> Aligned:
    """Bring responses and images into one order.

    Args:
        found: the responses, as read.
        stimuli: the images, in the natural order of their names, or as a stack.
        table: one row for each image, or None.
        options: what the user says.
        source: the file of the responses, for messages.
        stack: True if the images come as one stack, which has an order of its own.

    Raises:
        InputError: if names contradict each other, match in part, or are numbers that name nothing; if a
            table is of no use; if an order is asked for and there is nothing for it to decide.
    """
    if table is None and not found.about:
        _refuse_columns(options)
    found = replace(found, about={k: tuple(v) for k, v in _numbers_whole(found.about, stimuli).items()})
    table = table and replace(table, columns=_numbers_whole(table.columns, stimuli))
    rows = Order() if table is None else order_of(table, stimuli, options.filename)
    images = _in_order(stimuli, options.order) if rows.rows is None else stimuli.take(rows.rows)
    ids = () if table is None else tuple(table.find(*IDS)[:1])
    known = table.column(ids[0]).tolist() if table is not None and ids else ()
    beside_column = options.filename if table is None or options.filename == NONE else None
    place = place_of_each(found, images.ids, known, beside_column)
    free = rows.rows is None and (table is not None or place.index is None)
    if options.order is not None and not free:
        raise InputError(f"The files say which image is which; leave out --order {options.order}.")
    odd = place.odd
    if rows.rows is None and ids and not place.by_ids and options.filename is None:
        odd = _unmatched("the table calls its", ids[0], known, images.ids, ()) or odd
    if free and options.order is None and table is not None:
        _refuse_two_orders(table, place, source)
    numbers = _numbering(table, found, place) if free and options.filename is None else ()
    found = found if place.index is None else found.by_image(place.index)
    beside = Table(source, {k: list(texts) for k, texts in found.about.items()}) if found.about else None
    groups, labels = _properties(table or beside, options)
    doubt = order_doubt(stimuli.ids) if free and not stack and options.order is None else ""
    assumed = {
        "the images stand in the natural order of their names": doubt,
        "responses stand in the order of the images, whatever their names": odd,
        f"{listed([repr(n) for n in numbers])} says nothing about the order of the images": numbers,
    }
    used = {"groups": groups.columns, "labels": labels.columns}
    for doubtful in filter(None, (odd, doubt, *map(_of_numbers, numbers))):
        caution(doubtful)
    if table is not None:
        _warn_of_left_out(table, images, stimuli)
    _tell_of_columns(table, {"order": rows.columns, "ids": ids * place.by_ids}, beside, place, used)
    how = _order_in_words(rows, place, free, STACK if stack else options.order, source)
    return Aligned(
        found, images, groups, labels, how, tuple(said for said, holds in assumed.items() if holds)
    )


def _tell_of_columns(
    table: Table | None,
    for_order: Mapping[str, Sequence[str]],
    beside: Table | None,
    place: Place,
    for_images: Mapping[str, Sequence[str]],
) -> None:
    """Say what was not used of a table, and of what stands beside the responses; refuse a useless table.

    Args:
        table: of the images.
        for_order: what of it says the order -> its columns.
        beside: what stands beside the responses.
        place: with what of that says the order.
        for_images: groups and labels -> columns of the table or, without one, of what stands beside.
    """
    if table is not None:
        uses = {**for_order, **for_images}
        refuse_unused(table, uses)
        warn_of_columns(table, uses)
    if beside is not None:
        warn_of_columns(beside, {"order": place.names, **(for_images if table is None else {})})


def _numbers_whole(columns: Mapping[str, Sequence[str]], stimuli: Stimuli) -> dict[str, list[str]]:
    """Return columns with whole numbers as integers, but for those that are names of the images (1.0.png)."""
    whole = {name: as_whole(texts) for name, texts in columns.items()}
    changed = {name: texts for name, texts in columns.items() if list(texts) != whole[name]}
    return whole | {k: list(v) for k, v in changed.items() if None not in matched(v, stimuli.ids)}


def _refuse_two_orders(table: Table, place: Place, source: Path) -> None:
    """Raise `InputError` if responses come in an order of their own, and a table's rows name no images."""
    if place.index is None or place.by_ids or (place.index == np.arange(len(place.index))).all():
        return
    raise InputError(
        f"{source} calls its images by {place.names[0]!r}, in another order than that of the images' names; "
        f"{table.path} names none, so that nothing says in which of the two its rows stand. Add a column of "
        f"file names, or say --order {NATURAL} or {PLAIN} if it is the order of the images' names."
    )


def _numbering(table: Table | None, found: StoredResponses, place: Place) -> tuple[str, ...]:
    """Return what numbers the images in another order than the one that is assumed, and is not used."""
    columns = {} if table is None else table.columns
    lists = found.about if place.index is None else {}
    return tuple(name for name, texts in (*columns.items(), *lists.items()) if is_permutation(texts))


def _of_numbers(name: str) -> str:
    return (
        f"{name!r} numbers the images in another order than the one assumed, and was not used, since numbers "
        "may be a rank, a trial or a frame. If it says which image is which, give a table with the columns "
        f"filename and stimulus_id, and call it stimulus_id; --filename {NONE} confirms that it does not."
    )


def _warn_of_left_out(table: Table, images: Stimuli, stimuli: Stimuli) -> None:
    if len(images) < len(stimuli):
        absent = sorted(set(stimuli.ids) - set(images.ids))
        names = listed(absent, 3)
        caution(f"{len(absent)} images are not named by {table.path.name} and were left out: {names}.")


def _refuse_columns(options: ColumnOptions) -> None:
    for what in ("filename", "group", "label"):
        column = getattr(options, what)
        if column not in (None, NONE):
            raise InputError(f"The {what} column {column!r} needs a table (CSV) that it is a column of.")


def _properties(table: Table | None, options: ColumnOptions) -> tuple[Property, Property]:
    if table is None:
        return Property(), Property()
    return group_of(table, options.group), label_of(table, options.label)


def _order_in_words(rows: Order, place: Place, free: bool, order: str | None, source: Path) -> str:
    """Return in words where the order of the images comes from."""
    parts = []
    if rows.columns:
        parts.append(f"column {rows.columns[0]!r} of the table")
    if place.names:
        parts.append(f"{place.names[0]!r} in {source.name}")
    if free and order == STACK:
        parts.append("order of the stack of images")
    elif free:
        parts.append(f"{order or NATURAL} order of the images' names ({'asked for' if order else 'assumed'})")
    return ", ".join(parts)


def _in_order(stimuli: Stimuli, order: str | None) -> Stimuli:
    """Return stimuli, which stand in natural order, in the order that is asked for."""
    if order is None or one_of(order, ORDERS, "order") == NATURAL:
        return stimuli
    index = sorted(range(len(stimuli)), key=lambda i: stimuli.ids[i])
    return stimuli.take(np.array(index, np.intp))


def order_doubt(natural: Sequence[str]) -> str:
    """Return a caution if other programs would sort names otherwise than in natural order, else ""."""
    others = {"Plain string order": sorted(natural), "Order without regard to case": _without_case(natural)}
    for called, other in others.items():
        first = next((i for i, name in enumerate(natural) if other[i] != name), None)
        if first is not None:
            return (
                "Nothing in the files says in which order the images stand: the natural order of their "
                f"names was assumed (2 before 10). {called} is another one: from place {first + 1} on, where "
                f"the natural one has {natural[first]!r}, it has {other[first]!r}. If the responses stand in "
                "another order, say so with --table (a column of file names) or --order plain; --order "
                "natural confirms."
            )
    return ""


def _without_case(names: Sequence[str]) -> list[str]:
    spelled = {name.casefold(): name for name in names}
    alike = len(spelled) < len(names)
    return list(names) if alike else [spelled[name] for name in in_natural_order(list(spelled))]


def place_of_each(
    found: StoredResponses, images: Sequence[str], ids: Sequence[str], column: str | None = None
) -> Place:
    """Return which image each response belongs to, by what stands beside the responses.

    Any text whose values are the names of the images decides; numbers do if they are called like ids or
    files, and are more than a count.

    Args:
        found: the responses, as read.
        images: names of the images.
        ids: what a table calls them besides; () if it does not.
        column: the one name to go by, or `NONE`.

    Raises:
        InputError: if two sets of names disagree, or those that are called like ids match in part, are
            repeated, or are numbers in no order.
    """
    if column == NONE:
        return Place()
    usual = found.id_names if column is None else [one_of(column, found.about, "list beside the responses")]
    places = {}
    for name in found.about if column is None else usual:
        for known in _candidates(found.about[name], images, ids, name in usual):
            index = _covered(found.about[name], known)
            if index is not None:
                places[name] = index, known is ids
                break
    if not places:
        if column is not None:
            raise InputError(
                f"{column!r} of the responses does not hold the names of the {len(images)} images."
            )
        part = [name for name, texts in found.about.items() if names_most(texts, images)]
        called = "the responses call their"
        notes = [_unmatched(called, name, found.about[name], images, ids) for name in (*part, *usual)]
        return Place(odd=next(filter(None, notes), ""))
    first, (index, by_ids) = next(iter(places.items()))
    for other, (others, _) in places.items():
        if (others != index).any():
            raise InputError(
                f"The responses name their images twice, and {first!r} and {other!r} disagree, first at "
                f"place {int((others != index).argmax()) + 1}. Say which one counts: --filename {first!r} "
                f"or --filename {other!r}."
            )
    return Place(index, tuple(places), by_ids)


def _candidates(texts: Texts, images: Sequence[str], ids: Sequence[str], usual: bool) -> list[Sequence[str]]:
    """Return the lists of names among which ``texts`` may be looked for."""
    if not any(text.isdecimal() for text in texts):
        return [images, ids]
    if not usual:
        return []
    return [ids] if is_count(texts) else [images, ids]


def _covered(texts: Texts, known: Sequence[str]) -> NDArray[np.intp] | None:
    """Return the place among ``known`` of every text, if both hold the same names."""
    distinct = list(dict.fromkeys(texts))
    index = matched(known, distinct)
    if not known or None in index or not len(set(index)) == len(index) == len(distinct):
        return None
    place = {distinct[i]: k for k, i in enumerate(index) if i is not None}
    return np.array([place[text] for text in texts], np.intp)


def _unmatched(
    called: str, name: str, texts: Sequence[str], images: Sequence[str], ids: Sequence[str]
) -> str:
    """Return a note on names that match no image; raise `InputError` where order cannot stand for them."""
    known = ids or images
    distinct = list(dict.fromkeys(texts))
    some = any(i is not None for i in matched(distinct, known))
    if is_count(texts) and not (ids and some):
        return ""
    called = f"By {name!r} {called} images like {texts[0]!r}, the stimuli like {known[0]!r}"
    remedy = (
        "give a table with the columns filename and stimulus_id, or --filename "
        f"{NONE} if all stand in the order of the images."
    )
    if some or len(distinct) < len(texts):
        raise InputError(f"{called}: they cannot all be matched by name; {remedy}")
    if any(text.isdecimal() for text in texts) and distinct != sorted(distinct, key=_number):
        raise InputError(f"{called}: they are numbers in no order, and name nothing; {remedy}")
    return f"{called}: they were matched by position. If that is wrong, {remedy}"


def _number(text: str) -> tuple[int, str]:
    return (int(text), "") if text.isdecimal() else (0, text)
