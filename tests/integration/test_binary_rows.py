"""Rows that are read as arrays are the rows that are stored."""

from datetime import UTC, datetime

import numpy as np
import psycopg
import pytest

from app.store.binary_rows import COUNT, FLAG, FLOAT, MOMENT, NUMBER, RowQuery, read_rows
from app.store.evidence_queries import stretches
from app.store.session import SessionFactory

VALUES = """FROM (VALUES
    (1::bigint, 0.1::float8, true, '2026-09-07 12:00:00.000001+00'::timestamptz, 0::int4, 'größer', NULL),
    (-2, NULL, NULL, '1999-12-31 23:59:59+00', NULL, '', 'x'),
    (3, 1e300, false, '2026-09-07 12:00:00.000001+00', 2147483647, 'größer', NULL)
) AS v(number, value, flag, at, tokens, one, other)"""
QUERY = RowQuery({"number": NUMBER, "value": FLOAT, "flag": FLAG, "at": MOMENT, "tokens": COUNT}, ("one", "other"), VALUES)


def test_every_kind_of_column_is_read_as_it_is_stored(session_factory: SessionFactory) -> None:
    with session_factory() as session:
        (numbers, values, flags, moments, tokens), coded = read_rows(session, QUERY, {})
    one, other = coded.words()
    assert numbers.tolist() == [1, -2, 3]
    assert (values[0], values[2], bool(np.isnan(values[1]))) == (0.1, 1e300, True)
    assert (tokens[0], tokens[2], bool(np.isnan(tokens[1]))) == (0, 2**31 - 1, True)
    assert flags.tolist() == [True, False, False]
    assert datetime.fromtimestamp(moments[1] / 1e6, UTC) == datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert moments[0] == int(datetime(2026, 9, 7, 12, tzinfo=UTC).timestamp()) * 1_000_000 + 1
    assert (one.tolist(), other.tolist()) == (["größer", "", "größer"], ["", "x", ""])
    assert one[0] is one[2]
    assert coded.ranks(0, 1).tolist() == [1, 0, 1]


def test_no_rows_are_empty_columns_and_many_rows_are_all_of_them(session_factory: SessionFactory) -> None:
    many = RowQuery({"n": NUMBER}, ("mod(n, 3)::text",), "FROM generate_series(1, %(most)s::bigint) AS n")
    with session_factory() as session:
        (none,), no_words = read_rows(session, many, {"most": 0})
        (numbers,), coded = read_rows(session, many, {"most": 50_000})
    assert (len(none), no_words.words()[0].tolist()) == (0, [])
    assert numbers.tolist() == list(range(1, 50_001))
    assert coded.words()[0].tolist() == [str(number % 3) for number in range(1, 50_001)]


def test_a_failure_after_the_first_rows_is_the_servers_and_the_connection_lives_on(session_factory: SessionFactory) -> None:
    failing = RowQuery({"10 / (40000 - n)": NUMBER}, (), "FROM generate_series(1, 50000) AS n")
    with session_factory() as session:
        with pytest.raises(psycopg.errors.DivisionByZero):
            read_rows(session, failing, {})
        session.rollback()
        (numbers,), _ = read_rows(session, RowQuery({"n": NUMBER}, (), "FROM generate_series(1, 2) AS n"), {})
    assert numbers.tolist() == [1, 2]


def test_wanted_numbers_near_each_other_are_one_stretch() -> None:
    assert stretches(np.array([7, 5, 1000, 6, 20])) == {"first": "{5,1000}", "last": "{20,1000}"}
    assert stretches(np.empty(0, dtype=np.int64)) == {"first": "{}", "last": "{}"}
