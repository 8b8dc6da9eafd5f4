"""XML-RPC as Koji writes it, quickly: what the stock client sends and what answers are made of takes a short way.

    params, method = read_call(body)
    body = write_answer(result)

Whatever is unusual - another header, a document type, a base64, a subclass of dict - goes to Koji's own reader and
writer, which know everything and guard against hostile XML. Both ways give the same; the tests compare them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree as ET

from koji import xmlrpcplus

from devhub.values import Value

_STOCK_HEADER = b"<?xml version='1.0'?>\n<methodCall>"
_ANSWER_BEGINS = "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n"
_ANSWER_ENDS = "</param>\n</params>\n</methodResponse>\n"
_TROUBLE = (ET.ParseError, LookupError, TypeError, ValueError)


def read_call(body: bytes) -> tuple[tuple[Value, ...], str | None]:
    """Give a call's parameters and method; raises what Koji's reader raises for anything that is no call."""
    if body.startswith(_STOCK_HEADER) and b"<!" not in body:
        try:
            return _read_call(body)
        except _TROUBLE:
            pass
    params, method = xmlrpcplus.loads(body)
    return params, method


def write_answer(result: Value) -> bytes:
    """Give the body that carries a result; raises TypeError or OverflowError for what XML-RPC cannot carry."""
    try:
        value = _write(result)
    except KeyError:
        return str(xmlrpcplus.dumps((result,), methodresponse=True)).encode()
    return f"{_ANSWER_BEGINS}{value}{_ANSWER_ENDS}".encode()


def _read_call(body: bytes) -> tuple[tuple[Value, ...], str | None]:
    # A document without "<!" defines no entities: there is nothing to expand.
    name, params = ET.fromstring(body)  # noqa: S314
    if name.tag != "methodName" or params.tag != "params":
        raise ValueError("an unusual call")
    return tuple(_read(param[0]) for param in params), name.text


def _read(value: ET.Element) -> Value:
    if not len(value):
        return value.text or ""
    return _READERS[value[0].tag](value[0])


def _read_boolean(element: ET.Element) -> bool:
    return {"0": False, "1": True}[element.text or ""]


def _read_struct(element: ET.Element) -> dict[str, Value]:
    return {member[0].text or "": _read(member[1]) for member in element}


def _read_array(element: ET.Element) -> list[Value]:
    return [_read(value) for value in element[0]]


_READERS: dict[str, Callable[[ET.Element], Value]] = {
    "string": lambda element: element.text or "",
    "int": lambda element: int(element.text or ""),
    "i4": lambda element: int(element.text or ""),
    "i8": lambda element: int(element.text or ""),
    "double": lambda element: float(element.text or ""),
    "boolean": _read_boolean,
    "nil": lambda _element: None,
    "struct": _read_struct,
    "array": _read_array,
}


def _write(value: Any) -> str:  # noqa: ANN401 - whatever a method answers
    return _WRITERS[type(value)](value)


def _write_int(value: int) -> str:
    if -(2**31) <= value < 2**31:
        return f"<value><int>{value}</int></value>\n"
    if -(2**63) <= value < 2**63:
        return f"<value><i8>{value}</i8></value>\n"
    raise OverflowError("long int exceeds XML-RPC limits")


def _write_struct(value: dict[str, Value]) -> str:
    members = [f"{_name(key)}{_WRITERS[type(member)](member)}</member>\n" for key, member in value.items()]
    return f"<value><struct>\n{''.join(members)}</struct></value>\n"


def _write_array(value: list[Value] | tuple[Value, ...]) -> str:
    return f"<value><array><data>\n{''.join([_write(item) for item in value])}</data></array></value>\n"


@lru_cache(maxsize=4096)
def _name(key: str) -> str:
    if not isinstance(key, str):
        raise TypeError("dictionary key must be string")
    return f"<member>\n<name>{_escape(key)}</name>\n"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: lambda value: f"<value><string>{_escape(value)}</string></value>\n",
    int: _write_int,
    bool: lambda value: f"<value><boolean>{value:d}</boolean></value>\n",
    float: lambda value: f"<value><double>{value!r}</double></value>\n",
    type(None): lambda _value: "<value><nil/></value>",
    dict: _write_struct,
    list: _write_array,
    tuple: _write_array,
}
