"""The bench of the kept table: what it asks of made-up runs is what their records say."""

import pytest

from wiringup.bench import results

pytest.importorskip("duckdb", reason="the table is queried by the extra 'results'")


def test_answers_are_those_of_all_records():
    first, again = results.rows(9)
    assert first.agreement == again.agreement < 1e-12
    assert "9 runs" in first.name and again.against == results.AGAINST
