"""Files of hours: what each tracker writes, what is refused, and that every wrong line is named."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.capture.hours.days import DayReader, read_time
from app.capture.hours.durations import read_duration, read_seconds, read_spent
from app.capture.hours.fields import ReadHours
from app.capture.hours.kinds import KindRules
from app.capture.hours.reading import read_hours
from app.errors import InvalidInput

TOGGL = "User,Email,Client,Project,Task,Description,Billable,Start date,Start time,End date,End time,Duration,Tags,Amount ()\n"
CLOCKIFY = (
    "Project,Client,Description,Task,User,Group,Email,Tags,Billable,Start Date,Start Time,End Date,End Time,Duration (h),"
    "Duration (decimal),Billable Rate (USD)\n"
)
TEMPO = "Issue Key,Issue summary,Hours,Work date,Username,Full name,Activity Name,Issue Type,Project Key,Work Description\n"


def read(text: str, *, kind_of: tuple[str, ...] = (), kind: str | None = None, **more: Any) -> ReadHours:
    return read_hours(
        text.encode(), KindRules.of(kind_of, kind), dates=more.get("dates"), timezone=more.get("timezone", "Europe/Berlin")
    )


def short(found: ReadHours) -> list[tuple[str, str, str, str, bool, str]]:
    entries = [each.entry for each in found.entries]
    return [(e.who, str(e.worked_on), str(e.hours), e.kind, e.is_recurring, e.note) for e in entries]


def problems(text: str, **more: Any) -> list[tuple[int | None, str | None, str]]:
    with pytest.raises(InvalidInput) as caught:
        read(text, **more)
    return [(problem.line, problem.field, problem.message) for problem in caught.value.problems]


def test_a_detailed_report_of_toggl_track() -> None:
    found = read(
        TOGGL
        + "Ada L,ada@x.org,Acme,LLM pilot,Servers,vLLM set up,No,2026-11-02,09:05:00,2026-11-02,11:35:00,02:30:00,setup,\n"
        'Bob,bob@x.org,,LLM pilot,,"Pager, at night",No,2026-11-03,23:30:00,2026-11-04,00:45:00,01:15:00,"on-call, night",\n'
        "Bob,bob@x.org,,Fine-Tuning,,,No,2026-11-05,10:00:00,2026-11-05,10:00:17,00:00:17,,\n"
    )
    assert short(found) == [
        ("Ada L", "2026-11-02", "2.50", "set-up", False, "vLLM set up"),
        ("Bob", "2026-11-03", "1.25", "on-call", True, "Pager, at night"),  # on the day on which it began
    ]
    assert (found.source, found.too_short) == ("toggl", 1)


def test_a_detailed_report_of_clockify_with_its_total() -> None:
    found = read(
        CLOCKIFY
        + "Pilot,Acme,Evals,Prompt porting,Ada,,ada@x.org,,Yes,25/11/2026,09:00:00 AM,25/11/2026,02:20:00 PM,05:20:00,5.33,90\n"
        "Pilot,Acme,,,,,bob@x.org,upgrade,No,26/11/2026,10:00 PM,,1:00 AM,,,\n"
        "Total,,,,,,,,,,,,,08:20:00,8.33,\n"
    )
    assert short(found) == [
        ("Ada", "2026-11-25", "5.33", "prompt porting", False, "Evals"),
        ("bob@x.org", "2026-11-26", "3.00", "upgrade", True, "Pilot"),
    ]
    assert found.source == "clockify"


def test_worklogs_of_jira_as_tempo_and_others_export_them() -> None:
    found = read(TEMPO + "OPS-7,GPU died,1.5,2026-11-02 08:15,ada,Ada L,Incident,Bug,OPS,restarted\n")
    assert short(found) == [("Ada L", "2026-11-02", "1.50", "incident", True, "OPS-7: restarted")]
    other = read(
        "Worklog ID;Issue Key;Author;Started;Time Spent;Comment;Labels\n"
        "77;A-1;Bob;2026-11-02T23:30:00.000+0000;1h 30m;x;tuning once\n"
    )
    assert short(other) == [("Bob", "2026-11-03", "1.50", "tuning", False, "A-1: x")]  # 00:30 in Berlin
    assert other.entries[0].external_id == "77"


def test_worklogs_in_jiras_own_file_of_issues() -> None:
    found = read(
        "Summary,Issue key,Issue id,Labels,Labels,Log Work,Log Work\n"
        "Move,A-1,10,evals,x,first; part;02/Nov/26 9:00 AM;ada;3600,;03/Nov/26 9:00 PM;bob;1800\nNone,A-2,11,,,,\n"
    )
    assert short(found) == [
        ("ada", "2026-11-02", "1.00", "evaluation", False, "A-1: first; part"),
        ("bob", "2026-11-03", "0.50", "evaluation", False, "A-1"),
    ]


WORKLOG = """{"id": "7", "author": {"displayName": "Ana"}, "started": "2026-11-02T14:02:11.123-0300",
"timeSpentSeconds": 5400, "comment": %s}"""
TEXT = '{"type": "paragraph", "content": [{"type": "text", "text": "%s"}, {"type": "text", "text": "."}]}'
DOCUMENT = '{"type": "doc", "content": [' + TEXT % "Pairing" + ", " + TEXT % "Late" + "]}"


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ('{"total": 1, "key": "A-1", "worklogs": [%s]}' % (WORKLOG % DOCUMENT), "A-1: Pairing.\nLate."),
        (
            '{"issues": [{"key": "A-1", "fields": {"labels": ["tuning"], "worklog": {"worklogs": [%s]}}}, {"key": "A-2", '
            '"fields": {}}]}' % (WORKLOG % '"v2"'),
            "A-1: v2",
        ),
        ("[%s]" % (WORKLOG % "null"), ""),
        ('[{"total": 1, "startAt": 0, "worklogs": []}, {"total": 1, "startAt": 1, "worklogs": [%s]}]' % (WORKLOG % '"x"'), "x"),
    ],
)
def test_worklogs_of_jiras_rest_api(text: str, note: str) -> None:
    found = read(text, kind="tuning")
    assert short(found) == [("Ana", "2026-11-02", "1.50", "tuning", True, note)]
    assert found.entries[0].external_id == "7"


def test_a_worklog_of_no_seconds_is_too_short() -> None:
    found = read((WORKLOG % "null").replace("5400", "0"), kind="tuning")
    assert (found.entries, found.too_short) == ([], 1)


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        ('{"total": 9, "key": "A-1", "worklogs": [%s]}' % (WORKLOG % "null"), "worklogs", "only 1 of 9"),
        ('{"worklogs": [{"timeSpentSeconds": "x", "author": {"name": "a"}, "started": "?"}]}', "worklogs[0].started", "date"),
        ('{"worklogs": [{"timeSpentSeconds": true}]}', "worklogs[0].timeSpentSeconds", "whole seconds"),
        ('{"worklogs": []}', "worklogs", "no worklogs"),
        ('{"mood": 1}', None, "neither worklogs nor issues"),
        ('[{"id": 1}, 2]', "[1]", "must be an object"),
        ("{", None, "not JSON"),
        ("[" * 900 + "]" * 900, "[0]" * 26 + "[0", "must be an object"),
    ],
)
def test_json_that_is_wrong_names_the_place(text: str, field: str | None, said: str) -> None:
    found = problems(text, kind="tuning")
    assert field in [each[1] for each in found]
    assert any(said in each[2] for each in found)


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("2026-03-02", None, date(2026, 3, 2)), ("2026/3/2", None, date(2026, 3, 2)), ("02.03.2026", None, date(2026, 3, 2)),
        ("25/03/2026", None, date(2026, 3, 25)), ("03/25/2026", None, date(2026, 3, 25)),
        ("03/03/2026", None, date(2026, 3, 3)), ("Mar 2, 2026", None, date(2026, 3, 2)),
        ("02/03/2026", "day-first", date(2026, 3, 2)), ("02/03/2026", "month-first", date(2026, 2, 3)),
        ("02-03-2026", "day-first", date(2026, 3, 2)), ("2/Mar/26", None, date(2026, 3, 2)),
        ("02/03/2026", None, "--dates"), ("12/11/2026", None, "--dates"), ("11/12/2026", None, "--dates"),
        ("25/03/2026", "month-first", "a date such as"),
        ("02/03/26", "day-first", "a date such"),
        ("31/02/2026", None, "a date such as"), ("", None, "a date such as"), ("2 Juin 2026", None, "English name"),
    ],
)  # fmt: skip
def test_a_day_is_read_in_one_way_or_not_at_all(text: str, order: Any, expected: date | str) -> None:
    if isinstance(expected, date):
        assert DayReader(order, "UTC").day(text) == expected
        return
    with pytest.raises(ValueError, match=expected):
        DayReader(order, "UTC").day(text)


def test_days_of_one_file_have_one_order() -> None:
    days = DayReader(None, "UTC")
    days.day("25/03/2026")
    with pytest.raises(ValueError, match="like the other dates"):
        days.day("03/25/2026")


@pytest.mark.parametrize(
    ("text", "hours"),
    [("01:30:00", "1.5"), ("1:30", "1.5"), ("1.5", "1.5"), ("1,5", "1.5"), ("1h 30m", "1.5"), ("90:00 min", "1.5"),
     ("1.50 h", "1.5"), ("45m", "0.75"), ("2", "2"), ("100:00:36", "100.01")],
)  # fmt: skip
def test_durations(text: str, hours: str) -> None:
    assert read_duration(text) == Decimal(hours)


@pytest.mark.parametrize("text", ["", "x", "1:60", "-1", "1d", "1,500", "01:30:00:00", "1e3", "NaN"])
def test_what_is_no_duration_says_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="01:30:00"):
        read_duration(text)


@pytest.mark.parametrize("text", ["24:00", "13:00 PM", "0:30 AM", "9.30", ""])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="9:05 PM"):
        read_time(text)


def test_a_plain_number_of_jira_is_seconds_only_where_it_cannot_be_hours() -> None:
    assert read_spent("60") * 60 == 1
    assert (read_spent("5400"), read_spent("1.5"), read_seconds("30")) == (Decimal("1.5"), Decimal("1.5"), Decimal(30) / 3600)
    for wrong, reader in (("15", read_spent), ("59", read_spent), ("1.5", read_seconds)):
        with pytest.raises(ValueError, match=r"unit|whole"):
            reader(wrong)


TIMER = {
    "User": "ada", "Email": "", "Client": "", "Project": "P", "Task": "", "Description": "", "Billable": "No",
    "Start date": "2026-11-02", "Start time": "09:00", "End date": "2026-11-02", "End time": "10:00", "Duration": "01:00:00",
    "Tags": "tuning", "Amount ()": "",
}  # fmt: skip


def timer(**changes: str) -> str:
    fields = TIMER | {key.replace("_", " "): value for key, value in changes.items()}
    return ",".join(f'"{value}"' for value in fields.values()) + "\n"


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"Start_date": "02/03/2026"}, "Start date", "day-first or month-first"),
        ({"Duration": "47:06"}, "Duration", "not what lies between start and end"),
        ({"Duration": "", "End_time": "", "End_date": ""}, "Duration", "still running"),
        ({"Duration": "38:00:00"}, "Duration", "left running"),
        ({"End_date": "2026-11-01"}, "End time", "before the start"),
        ({"Start_time": "25:00"}, "Start time", "must be a time"),
        ({"User": ""}, "User", "name of 1 to 100"),
        ({"Tags": "x", "Project": "Zoo"}, "kind", "tags 'x'; project 'Zoo'"),
        ({"Tags": "tuning, incident"}, "kind", "several kinds"),
    ],
)
def test_a_wrong_line_of_a_tracker_is_named(changes: dict[str, str], field: str, said: str) -> None:
    ((line, named, message),) = problems(TOGGL + timer() + timer(**changes))
    assert (line, named, said in message) == (3, field, True), message


def test_an_entry_that_ends_when_it_began_lasted_no_time() -> None:
    found = read(TOGGL + timer(Duration="", End_time="09:00") + timer(Duration="", End_time="09:00", End_date=""))
    assert (found.entries, found.too_short) == ([], 2)


def test_a_clock_that_was_put_back_does_not_make_a_short_duration_wrong() -> None:
    assert len(read(TOGGL + timer(Duration="2:00")).entries) == 1


def test_kinds_come_from_rules_then_from_one_for_all_then_from_words() -> None:
    rows = TOGGL + timer(Tags="X-1") + timer(Tags="tuning", Start_time="08:00") + timer(Tags="", Start_time="07:00")
    found = read(rows, kind_of=("x*=incident", "P=other"), kind="upgrade")
    assert [entry[3] for entry in short(found)] == ["incident", "other", "other"]
    found = read(rows, kind_of=("x-1=evaluation",), kind="upgrade")
    assert [entry[3] for entry in short(found)] == ["evaluation", "upgrade", "upgrade"]
    assert [line for line, field, _ in problems(rows) if field == "kind"] == [2, 4]
    assert short(read(TOGGL + timer(Tags="Other")))[0][3] == "other"


@pytest.mark.parametrize(("kind_of", "kind"), [(("x",), None), (("=tuning",), None), (("x=coffee",), None), ((), "coffee")])
def test_wrong_rules_are_refused_before_the_file_is_read(kind_of: tuple[str, ...], kind: str | None) -> None:
    with pytest.raises(InvalidInput, match="rules for kinds"):
        KindRules.of(kind_of, kind)


def test_an_export_with_other_tags_and_dates_is_the_same_entry_and_twins_are_two() -> None:
    first = read(TOGGL + timer() + timer())
    again = read(TOGGL + timer(Tags="incident", Start_date="02.11.2026", Start_time="9:00:00 AM", Description="more"))
    numbers = [each.external_id for each in first.entries]
    assert len(set(numbers)) == 2
    assert again.entries[0].external_id == numbers[0]


def test_entries_without_a_time_are_known_by_their_issue() -> None:
    def numbers(*rows: str) -> list[str]:
        return [each.external_id for each in read(TEMPO + "".join(rows), kind="tuning").entries]

    one, other = "A-1,s,1.5,2026-11-02,ada,Ada,,Bug,A,x\n", "A-2,s,1.5,2026-11-02,ada,Ada,,Bug,A,x\n"
    assert numbers(one) == numbers(one.replace("1.5", "2").replace(",x", ",y")) == numbers(one, other)[:1]
    assert len({*numbers(one, one, other), *numbers(one.replace("-02", "-03")), *numbers(one.replace("Ada", "Bob"))}) == 5


def test_a_long_remark_is_cut_and_a_whole_day_is_not_too_long() -> None:
    rows = timer(Description="x" * 1001, Duration="24:00:00") + timer(Start_time="08:00", Description="y" * 1000)
    first, second = (each.entry for each in read(TOGGL + rows).entries)
    assert (first.note, str(first.hours)) == ("x" * 999 + "…", "24.00")
    assert second.note == "y" * 1000


def test_only_the_first_hundred_of_many_wrong_lines_are_shown() -> None:
    with pytest.raises(InvalidInput, match="250 problems, of which the first 100 are shown") as caught:
        read("who,worked_on,hours,kind\n" + "ada,2026-11-02,x,tuning\n" * 250)
    assert [problem.line for problem in caught.value.problems] == list(range(2, 102))


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (f"{'a' * 100},2026-11-02,744,tuning", None), (f"{'a' * 101},2026-11-02,1,tuning", "who"),
        ("ada,2026-11-02,0,tuning", "hours"), ("ada,2026-11-02,744.01,tuning", "hours"), ("ada,2026-11-02,0.01,tuning", None),
        ("ada,2026-11-02,0.001,tuning", "hours"),
    ],
)  # fmt: skip
def test_our_own_format_at_its_bounds(row: str, field: str | None) -> None:
    text = f"who,worked_on,hours,kind\n{row}\n"
    if field is None:
        assert len(read(text).entries) == 1
    else:
        assert [each[:2] for each in problems(text)] == [(2, field)]


def test_a_file_that_is_not_utf_8_names_the_line() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_hours(b"who,worked_on,hours,kind\nada\n\xff", KindRules(), dates=None, timezone="UTC")
    assert [problem.line for problem in caught.value.problems] == [3]


def test_our_own_format_says_the_kind_itself_and_an_unknown_header_what_is_known() -> None:
    with pytest.raises(InvalidInput, match="column for the kind"):
        read("who,worked_on,hours,kind\n", kind="tuning")
    ((line, _, said),) = problems("Month,Sum\n2026-11,3\n")
    assert line == 1
    assert "Clockify" in said
