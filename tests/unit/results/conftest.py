from collections.abc import Callable

import pytest

from made_records import make_record
from wiringup.results.record import Record


@pytest.fixture(name="record")
def record_maker() -> Callable[..., Record]:
    return make_record
