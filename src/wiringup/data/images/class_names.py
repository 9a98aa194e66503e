"""Files that name the classes, in an order."""

from collections import Counter
from pathlib import Path

from wiringup.core.errors import InputError
from wiringup.core.files import parsed_json, read_bounded
from wiringup.core.limits import JSON_BYTES


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read names of classes in the order of a decoder's outputs, or of the columns of counts.

    A text file has one name a line. JSON is a list of names, or numbers with names, or names with numbers.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it is none of these, or a name stands twice.
    """
    path = Path(path).expanduser()
    content = read_bounded(path, JSON_BYTES, "file of class names")
    if path.suffix.lower() == ".json":
        names = _from_json(content, path)
    else:
        try:
            lines = content.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is no text in UTF-8 ({error}); one name a line is expected.") from error
        names = [line.strip() for line in lines if line.strip()]
    if len(names) < 2 or "" in names:
        raise InputError(f"{path} names {len(names)} classes; two or more names, one a line, are expected.")
    twice = next((name for name, times in Counter(names).items() if times > 1), None)
    if twice is not None:
        raise InputError(f"{path} names the class {twice!r} more than once; every class needs its own name.")
    return tuple(names)


def _from_json(content: bytes, path: Path) -> list[str]:
    value = parsed_json(content, str(path))
    if isinstance(value, dict):
        numbers = [str(i) for i in range(len(value))]
        if set(value) == set(numbers):
            value = [value[number] for number in numbers]
        elif sorted(map(str, value.values())) == sorted(numbers):
            value = sorted(value, key=lambda name: int(value[name]))
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return [name.strip() for name in value]
    raise InputError(
        f'{path} holds no list of class names. Allowed are ["cat", "dog"], {{"0": "cat", "1": "dog"}} and '
        '{"cat": 0, "dog": 1}.'
    )
