"""Reads the body of a hot request. Size, encoding and depth are checked before anything is parsed."""

from __future__ import annotations

import re
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeVar

import msgspec

from gateway.errors import ClientLeftError, RefusedError, invalid

Headers = Mapping[bytes, bytes]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Decoded = TypeVar("_Decoded")

MAX_DEPTH = 32
MAX_RATIO = 20
"""A compressed body may grow by this factor, no more: beyond it is a bomb."""

_TYPES = (
    b"",  # tritonclient sends none
    b"application/json",
    b"application/octet-stream",  # tritonclient's asyncio variant, for JSON too
    b"application/x-www-form-urlencoded",  # what curl says unless told otherwise
    b"text/plain",
)
_WINDOW_BITS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_KEY = re.compile(rb'"((?:[^"\\]|\\.){1,80})"\s*:')
_NAME = re.compile(rb'"name"\s*:\s*"((?:[^"\\]|\\.){1,80})"')
_BYTE = re.compile(r"\(byte (\d+)\)")


async def read_body(headers: Headers, receive: Receive, max_bytes: int) -> bytes:
    """The body, decompressed. Raises `RefusedError`, before reading where the head alone says enough."""
    length = headers.get(b"content-length")
    if length is not None and (not length.isdigit() or int(length) > max_bytes):
        raise _too_large(max_bytes)
    content_type = headers.get(b"content-type")
    if content_type is not None and content_type != b"application/json":
        _check_type(content_type)
    message = await receive()
    body = message.get("body", b"")
    if message.get("more_body", False):
        body = await _rest(body, receive, max_bytes)
    elif message["type"] == "http.disconnect":
        raise ClientLeftError
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    encoding = headers.get(b"content-encoding")
    return body if encoding is None else _inflated(body, encoding.strip().lower(), max_bytes)


def decode(body: bytes, decoder: msgspec.json.Decoder[_Decoded]) -> _Decoded:
    """The body as the decoder's type. Raises `RefusedError` that names the place."""
    check_depth(body)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as exc:
        raise invalid(_said_of_field(str(exc), body), reason="invalid_json") from exc
    except msgspec.DecodeError as exc:
        raise invalid(_said_of_syntax(str(exc), body), reason="invalid_json") from exc
    except UnicodeDecodeError as exc:
        where = _near(body, body.find(exc.object[exc.start : exc.end]))
        raise invalid(f"the body is not UTF-8{where}: {exc.reason}", reason="not_utf8") from exc
    except RecursionError as exc:
        raise _too_deep() from exc


def check_depth(body: bytes) -> None:
    """Refuses more than 32 levels.

    Brackets inside of strings count too, unless they alone make the difference.
    """
    brackets = body.translate(None, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    if brackets and _depth(body) > MAX_DEPTH:
        raise _too_deep()


def check_no_tensors(headers: Headers, body: bytes) -> None:
    """Refuses binary tensors behind the JSON, which this gateway does not take yet."""
    if headers[b"inference-header-content-length"] != b"%d" % len(body):
        raise invalid(
            "binary tensors are not taken yet; send data as JSON (binary_data=False)", reason="binary"
        )


async def _rest(body: bytes, receive: Receive, max_bytes: int) -> bytes:
    parts, size, more = [body], len(body), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > max_bytes:
            raise _too_large(max_bytes)
    return b"".join(parts)


def _check_type(content_type: bytes) -> None:
    kind, _, parameters = content_type.partition(b";")
    kind = kind.strip().lower()
    if kind not in _TYPES and not (kind.startswith(b"application/") and kind.endswith(b"+json")):
        shown = kind.decode("latin-1")[:80]
        raise RefusedError(
            415, f"content-type '{shown}' is not taken; send application/json", reason="content_type"
        )
    charset = parameters.lower().replace(b" ", b"").replace(b'"', b"")
    if charset.startswith(b"charset=") and charset not in (
        b"charset=utf-8",
        b"charset=utf8",
        b"charset=us-ascii",
    ):
        raise RefusedError(
            415, "content-type: the charset is not taken; JSON is UTF-8", reason="content_type"
        )


def _inflated(body: bytes, encoding: bytes, max_bytes: int) -> bytes:
    if encoding in (b"", b"identity"):
        return body
    bits = _WINDOW_BITS.get(encoding)
    if bits is None:
        shown = encoding.decode("latin-1")[:80]
        raise RefusedError(
            415, f"content-encoding '{shown}' is not taken; send gzip, deflate or none", reason="encoding"
        )
    room = min(max_bytes, MAX_RATIO * len(body) + 1024)  # small texts may repeat themselves more than that
    inflater = zlib.decompressobj(bits)
    try:
        plain = inflater.decompress(body, room)
        if inflater.unconsumed_tail or (not inflater.eof and len(plain) >= room):
            raise RefusedError(
                413,
                f"the body inflates to more than {room} bytes; send less, or less compressed",
                reason="too_large",
            )
    except zlib.error as exc:
        raise invalid(
            f"content-encoding: the body is not {encoding.decode()} ({exc})", reason="encoding"
        ) from exc
    if not inflater.eof:
        raise invalid(f"content-encoding: the {encoding.decode()} body is cut short", reason="encoding")
    return plain


def _depth(body: bytes) -> int:
    """The true depth, byte by byte: for the rare body whose strings are full of brackets."""
    depth = deepest = 0
    quoted = escaped = False
    for byte in body:
        if quoted:
            quoted, escaped = escaped or byte != 0x22, byte == 0x5C and not escaped
        elif byte == 0x22:
            quoted = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _said_of_field(message: str, body: bytes) -> str:
    """msgspec's words, with the name of the input beside its number."""
    cell = re.search(r"`\$\.(?:instances|inputs)\[(\d+)\]\[\.\.\.\]`", message)
    if cell:
        return f"the body: {message.replace('[...]', _cell(body, int(cell[1])))}"
    found = re.search(r"`\$\.inputs\[(\d+)\]", message)
    names = _NAME.findall(body)
    if found and int(found[1]) < len(names):
        return f"input '{names[int(found[1])].decode('utf-8', 'replace')}': {message}"
    return f"the body: {message}"


def _cell(body: bytes, row: int) -> str:
    """The name of the first column of a row that holds a list or an object: msgspec does not say."""
    asked = msgspec.json.decode(body)
    instances = asked.get("instances") or asked.get("inputs")
    name = next((name for name, value in instances[row].items() if isinstance(value, list | dict)), "...")
    return f"['{name[:80]}']"


def _said_of_syntax(message: str, body: bytes) -> str:
    if not body.strip():
        return "the body is empty; send a JSON object"
    found = _BYTE.search(message)
    if found is None:
        return f"the body is not JSON: {message}"
    place = int(found[1])
    text = body[place : place + 9]
    if text.startswith((b"NaN", b"-I", b"Inf", b"N", b"I")):
        message = "JSON has no NaN or Infinity; send null where a value is missing"
    return f"the body is not JSON{_near(body, place)}: {message}"


def _near(body: bytes, place: int) -> str:
    """Where that is, in words: the last key or input name before it."""
    before = body[: max(place, 0)]
    name = next(reversed(_NAME.findall(before)), None) or next(reversed(_KEY.findall(before)), None)
    return f" near '{name.decode('utf-8', 'replace')}'" if name else ""


def _too_large(max_bytes: int) -> RefusedError:
    return RefusedError(
        413, f"the body is larger than {max_bytes} bytes; send fewer rows at once", reason="too_large"
    )


def _too_deep() -> RefusedError:
    return invalid(f"the body is nested deeper than {MAX_DEPTH} levels", reason="too_deep")
