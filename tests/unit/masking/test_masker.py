"""Placeholders, overlaps, JSON inside of text, and what holds for every text."""

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.capture.masking.masker import DEEPEST_VALUE, OWN_RULES, PLACEHOLDER, Masker, chosen
from app.capture.masking.own_patterns import own_rule
from app.capture.masking.spans import Span
from tests.unit.masking.corpus import cases
from tests.unit.masking.made_secrets import made_secret

MASKER = Masker(b"the key of this test")
VALUES = sorted({case.text[start:end] for case in cases() for start, end in case.planted if "\n" not in case.text})


def masked(text: str, label: str = "") -> str:
    return MASKER.text(text, label)


def test_the_same_value_has_the_same_placeholder_however_it_is_written() -> None:
    found = PLACEHOLDER.findall(masked("Anna@Example.com, anna@example.com; +49 30 23125-100, 0049 30 23125 100"))
    assert [each.partition(":")[0] for each in found] == ["[EMAIL", "[EMAIL", "[PHONE", "[PHONE"]
    assert found[0] == found[1]
    assert found[2] == found[3]


def test_different_values_have_different_placeholders_and_another_key_gives_others() -> None:
    one, other = PLACEHOLDER.findall(masked("anna@example.com bob@example.com"))
    assert one != other
    assert Masker(b"another").text("anna@example.com") != one


def test_the_longest_of_overlapping_finds_is_masked() -> None:
    spans = [Span(0, 5, "A", "a"), Span(3, 12, "B", "b"), Span(11, 14, "C", "c"), Span(20, 21, "D", "d")]
    assert chosen(spans, ()) == [spans[1], spans[3]]
    assert chosen(spans, [Span(4, 6, "", "")]) == [spans[2], spans[3]]
    assert masked("postgresql://app:hunter2-x@db.example.com/app").startswith("postgresql://[KEY:")


def test_a_placeholder_in_a_text_stays() -> None:
    text = "[EMAIL:0a1b] wrote api_key=[KEY:ffff] password: [KEY:0000] phone [PHONE:1234] [FILE]"
    assert masked(text) == text


def test_json_stays_json_and_keeps_its_form() -> None:
    text = '{ "to" : ["anna@example.com"],\n\t"n": 12, "card":4111111111111111, "t": "\\u0061@example.com \\"x\\"" }'
    found = masked(text)
    document = json.loads(found)
    assert re.fullmatch(PLACEHOLDER, document["to"][0])
    assert document["card"].startswith("[CARD:")
    assert document["n"] == 12
    assert document["t"].endswith(' "x"')
    assert found.startswith('{ "to" : ["[EMAIL:')


def test_json_inside_of_json_is_masked_too() -> None:
    inner = json.dumps({"q": "call 555-010-0199", "phone": "5550100199"})
    found = json.loads(json.loads(masked(json.dumps({"arguments": inner})))["arguments"])
    assert found["q"].startswith("call [PHONE:")
    assert found["phone"].startswith("[PHONE:")


def test_a_name_in_json_tells_what_a_text_is() -> None:
    secret = made_secret("plain")
    document = {
        "apiKey": secret,
        "password": "hunter2!",
        "mobile": "612345678",
        "orderId": "5550100199",
        "password_hint": "my dog",
    }
    found = MASKER.value(document)
    assert [found[key][:5] for key in ("apiKey", "password", "mobile")] == ["[KEY:", "[KEY:", "[PHON"]
    assert (found["orderId"], found["password_hint"]) == ("5550100199", "my dog")


def test_keys_that_are_values_are_masked() -> None:
    assert list(MASKER.value({"anna@example.com": 1, "plain_key": 2})) == [masked("anna@example.com"), "plain_key"]


def test_files_go_as_a_whole() -> None:
    picture = "data:image/png;base64," + "iVBORw0KGgo" * 40
    assert masked(picture) == "[FILE]"
    assert masked(f"see ![x]({picture}) there") == "see ![x]([FILE]) there"
    assert masked("aB3" * 200) == "[FILE]"
    assert masked("a" * 600) == "a" * 600


def test_the_operator_s_patterns_are_rules() -> None:
    masker = Masker(b"k", [*OWN_RULES, own_rule("ticket", r"\bKD-\d{4,8}\b")])
    found = masker.text("KD-12345 of anna@example.com, KD-12345 again, not KD-1")
    assert re.fullmatch(r"(\[TICKET:....\]) of \[EMAIL:....\], \1 again, not KD-1", found)


def test_a_key_that_is_cut_off_is_masked_as_far_as_it_goes() -> None:
    whole = made_secret("pem")
    assert masked(f"x\n{whole}\ny") == f"x\n{masked(whole)}\ny"
    assert "\n" not in masked(whole[:200])


def test_too_deep_json_is_not_looked_into() -> None:
    value: Any = "anna@example.com"
    for _ in range(DEEPEST_VALUE + 5):
        value = [value]
    assert "anna" not in str(MASKER.value(value))


AROUND = ("[KEY:12ab]", "[FILE]", "password: ", "tel ", "://", "@", '"', " ")
TEXTS = st.one_of(
    st.text(max_size=200),
    st.text(alphabet="0123456789 +-./()@:abcdefABCDEF[]\"'{}=,\n", max_size=200),
    st.lists(st.one_of(st.sampled_from(VALUES), st.text(max_size=8)), max_size=8).map("".join),
    st.lists(st.sampled_from([*VALUES, *AROUND]), max_size=10).map("".join),
)  # fmt: skip
JSONS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)), max_leaves=8,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_any_text_can_be_masked_and_masked_text_stays(text: str) -> None:
    once = masked(text)
    assert masked(once) == once
    assert len(once) <= 6 * len(text) + 6


@settings(max_examples=100, deadline=None)
@given(JSONS)
def test_any_json_stays_json_of_the_same_shape(value: Any) -> None:
    def shape(each: Any) -> Any:
        if isinstance(each, dict):
            return [shape(inner) for inner in each.values()] if len(each) < 2 else "dict"
        return [shape(inner) for inner in each] if isinstance(each, list) else isinstance(each, (str, int))

    found = MASKER.value(value)
    json.dumps(found)
    assert shape(found) == shape(value)
    assert MASKER.value(found) == found
    text = json.dumps(value)
    json.loads(masked(text))


@pytest.mark.parametrize(
    "piece",
    ["a", "1", "1 ", "@", "a@", "a.", "sk-", "eyJ", ":", "1.", "password: ", "+1", "(", "-----BEGIN PRIVATE KEY-----", "://",
     "A1 ", "/", '"', "api_key=", "data:", "=", "é", "1-", "a@b.", "tel ", "::"],
)  # fmt: skip
def test_time_grows_with_the_text_only(piece: str) -> None:
    """Twenty times the text must not take four hundred times as long."""

    def seconds(size: int) -> float:
        text = (piece * size)[:size]
        began = time.process_time()
        masked(text)
        return time.process_time() - began

    # The least of three: a collection of everybody's garbage may fall into one.
    short, long = (min(seconds(size) for _ in range(3)) for size in (2_000, 40_000))
    assert long < 100 * max(short, 0.001)
