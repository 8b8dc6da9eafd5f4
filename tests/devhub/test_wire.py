from __future__ import annotations

import re

import koji
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koji import xmlrpcplus

from devhub import wire

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.sampled_from("\n\t<>&]\"'"))
LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


@settings(max_examples=50)
@given(VALUES)
def test_an_answer_is_written_byte_for_byte_as_koji_writes_it(value: object) -> None:
    assert wire.write_answer(value) == xmlrpcplus.dumps((value,), methodresponse=True).encode()


@settings(max_examples=50)
@given(st.lists(VALUES), st.dictionaries(TEXT.filter(bool), VALUES, max_size=3))
def test_a_call_of_the_stock_client_is_read_as_koji_reads_it(args: list[object], kwargs: dict[str, object]) -> None:
    body = xmlrpcplus.dumps((*args, {**kwargs, "__starstar": True}), "listTagged").encode()
    assert wire.read_call(body) == xmlrpcplus.loads(body)


@pytest.mark.parametrize(
    "value",
    [
        "<value>bare</value>",
        "<value/>",
        "<value><base64>aGVsbG8=</base64></value>",
        "<value><array><data><value><i4>7</i4></value></data></array></value>",
        "<value><!-- said --><string>x</string></value>",
        "<value><boolean>1</boolean></value>",
    ],
)
def test_other_clients_are_understood_too(value: str) -> None:
    parts = ("<?xml version='1.0'?>\n<methodCall>\n<methodName>echo</methodName>", f"<param>{value}</param>")
    body = f"{parts[0]}<params>{parts[1]}</params></methodCall>".encode()
    assert wire.read_call(body) == xmlrpcplus.loads(body)


def test_entities_are_refused() -> None:
    bomb = (
        b"<?xml version='1.0'?>\n<!DOCTYPE x [<!ENTITY a 'aaaa'>]><methodCall><methodName>&a;</methodName></methodCall>"
    )
    with pytest.raises(Exception, match="EntitiesForbidden"):
        wire.read_call(bomb)


def test_unusual_values_are_written_by_koji() -> None:
    generated = wire.write_answer(number for number in (1, 2))
    assert generated == wire.write_answer([1, 2])
    assert b"re.compile" in wire.write_answer(re.compile("x"))


@pytest.mark.parametrize(("value", "error"), [(2**63, OverflowError), ({1: 2}, TypeError), (koji, TypeError)])
def test_what_cannot_be_carried_is_an_error(value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        wire.write_answer(value)
