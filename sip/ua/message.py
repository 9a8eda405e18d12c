"""SIP messages: parse, build and read header fields (RFC 3261 sections 7, 20 and 25)."""

import ipaddress
import re
import secrets
from dataclasses import dataclass, field
from typing import Self

Addr = tuple[str, int]
Headers = list[tuple[str, str]]

MAGIC = "z9hG4bK"  # RFC 3261 8.1.1.7: every branch starts with it
_COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "r": "refer-to",
    "o": "event",
    "s": "subject",
    "k": "supported",
}
_WIRE_NAMES = {"call-id": "Call-ID", "cseq": "CSeq", "www-authenticate": "WWW-Authenticate"}
_LISTS = frozenset({"via", "route", "record-route"})
_MANDATORY = ("via", "from", "to", "call-id", "cseq")
_REQUEST = re.compile(r"([A-Za-z0-9.!%*_+`'~-]+) (\S+) SIP/2\.0")
_ANY_REQUEST = re.compile(r"([A-Za-z0-9.!%*_+`'~-]{1,32})\s.*?(?:SIP/(\d{1,3}\.\d{1,3}))?\s*$", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_RESPONSE = re.compile(r"SIP/2\.0 ([1-6]\d\d)(?: (.*))?")
_CSEQ = re.compile(r"(\d{1,10})\s+([A-Za-z0-9.!%*_+`'~-]+)")
_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_HOST = re.compile(r"sips?:(?:[^@>]*@)?([^:;?>\s]+)(?::(\d{1,5}))?", re.IGNORECASE)
_USER = re.compile(r"sips?:([^@;>:]+)(?::[^@]*)?@", re.IGNORECASE)
_VIA = re.compile(r"SIP\s*/\s*2\.0\s*/\s*\w+\s+([^;:\s,]+)(?::(\d{1,5}))?", re.IGNORECASE)


class BadMessage(ValueError):
    """Text that is not the SIP or SDP it should be; the message says what is wrong with it."""


def split_list(value: str) -> list[str]:
    """Parts of a comma-separated header value; commas inside quotes or <> do not separate."""
    parts, start, depth, quoted = [], 0, 0, False
    for i, c in enumerate(value):
        if c == '"':
            quoted = not quoted
        elif not quoted:
            depth += (c == "<") - (c == ">" and depth > 0)
            if c == "," and depth == 0:
                parts.append(value[start:i].strip())
                start = i + 1
    parts.append(value[start:].strip())
    return [p for p in parts if p]


@dataclass(slots=True)
class Msg:
    """One SIP request or response; header names are lower-case and in order of appearance."""

    start: str
    headers: Headers = field(default_factory=list)
    body: str = ""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one datagram. Raises BadMessage, and nothing else, when it is not a SIP message."""
        head, blank, rest = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
        if not blank:
            raise BadMessage("no empty line after the headers")
        lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "replace")).split("\r\n")
        if not (_REQUEST.fullmatch(lines[0]) or _RESPONSE.fullmatch(lines[0])):
            raise BadMessage("the first line is neither a request nor a status line")
        msg = cls(lines[0], _headers(lines[1:]))
        for name in _MANDATORY:
            if not msg.get(name):
                raise BadMessage(f"no {name} header")
        cseq = _CSEQ.fullmatch(msg.get("cseq"))
        if not cseq or (not msg.is_response and cseq[2].upper() != msg.method):
            raise BadMessage("the CSeq does not fit the request")
        if not _VIA.match(msg.get("via")):
            raise BadMessage("the Via names no sender")
        msg.body = _body(msg.get("content-length"), rest)
        return msg

    def __bytes__(self) -> bytes:
        body = self.body.encode()
        lines = [self.start]
        lines += [f"{_WIRE_NAMES.get(k, k.title())}: {v}" for k, v in self.headers if k != "content-length"]
        lines.append(f"Content-Length: {len(body)}")
        if any("\r" in line or "\n" in line for line in lines):
            raise BadMessage("a line break inside a header")  # or a header value could add headers of its own
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def get(self, name: str, default: str = "") -> str:
        """The first value of a header, by its lower-case name."""
        return next((v for k, v in self.headers if k == name), default)

    def all(self, name: str) -> list[str]:
        return [v for k, v in self.headers if k == name]

    def set(self, name: str, value: str) -> None:
        """Replace the first header of that name, or add it."""
        for i, (k, _) in enumerate(self.headers):
            if k == name:
                self.headers[i] = (name, value)
                return
        self.headers.append((name, value))

    @property
    def is_response(self) -> bool:
        return self.start.startswith("SIP/2.0 ")

    @property
    def status(self) -> int:
        return int(self.start.split(" ", 2)[1])

    @property
    def reason(self) -> str:
        parts = self.start.split(" ", 2)
        return parts[2] if len(parts) > 2 else ""

    @property
    def method(self) -> str:
        return self.get("cseq").split()[1].upper() if self.is_response else self.start.split(" ", 1)[0].upper()

    @property
    def cseq(self) -> int:
        return int(self.get("cseq").split()[0])

    @property
    def uri(self) -> str:
        """The request URI."""
        return self.start.split(" ", 2)[1]

    @property
    def branch(self) -> str:
        return param_of(self.get("via"), "branch")


def refusal(data: bytes) -> tuple[Msg, int, str] | None:
    """Of a datagram that `Msg.parse` refuses: the request to answer, with status and phrase; None to drop it.

    RFC 3261 wants an answer wherever there is enough to send one (21.4.1, 21.5.6, 18.3); a response is dropped, and an
    ACK is never answered. Only header fields that an answer needs are kept.
    """
    head = data.lstrip(b"\r\n").partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
    start = _ANY_REQUEST.match(lines[0])
    if start is None or start[1].upper() == "ACK":
        return None
    found: Headers = []
    for line in lines[1:]:
        name, _, value = line.partition(":")
        name = _COMPACT.get(name.strip().lower(), name.strip().lower())
        if name in _MANDATORY and not _CONTROL.search(value):
            values = split_list(value) if name in _LISTS else [value.strip()]
            found += [(name, v) for v in values if v]
    request = Msg(f"{start[1].upper()} sip:unknown SIP/2.0", found)
    if any(not request.get(name) for name in _MANDATORY) or not _VIA.match(request.get("via")):
        return None
    if _CSEQ.fullmatch(request.get("cseq")) is None:
        return None
    if start[2] and start[2] != "2.0":
        return request, 505, "Version Not Supported"
    return request, 400, "Bad Request"


def _headers(lines: list[str]) -> Headers:
    out: Headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon or not _TOKEN.fullmatch(name):
            raise BadMessage("a header line without a name")
        name = _COMPACT.get(name, name)
        values = split_list(value) if name in _LISTS else [value.strip()]
        out += [(name, v) for v in values]
    return out


def _body(length: str, rest: bytes) -> str:
    if length:
        if not (length.isascii() and length.isdigit()) or len(length) > 6:
            raise BadMessage("Content-Length is not a number")
        if int(length) > len(rest):  # RFC 3261 18.3
            raise BadMessage("the datagram is shorter than its Content-Length")
        rest = rest[: int(length)]
    return rest.decode("utf-8", "replace")


def param_of(header: str, name: str) -> str:
    """A ;name=value parameter of a header, "" when it is missing or has no value."""
    outside = _QUOTED.sub("", header).rpartition(">")[2]
    m = re.search(rf";\s*{re.escape(name)}\s*=\s*([^;,\s>]+)", outside, re.IGNORECASE)
    return m[1] if m else ""


def tag_of(header: str) -> str:
    return param_of(header, "tag")


def uri_of(header: str) -> str:
    """The URI of a name-addr or addr-spec, without display name and header parameters."""
    bare = _QUOTED.sub("", header)
    m = re.search(r"<([^>]*)>", bare)
    return m[1] if m else bare.split(";")[0].strip()


def user_of(header: str) -> str:
    m = _USER.match(uri_of(header))
    return m[1] if m else ""


def host_of(uri: str) -> Addr:
    """Host and port (5060 when not given) of a SIP URI. Raises BadMessage for another URI."""
    m = _HOST.match(uri)
    if not m:
        raise BadMessage("not a SIP URI")
    return m[1], int(m[2] or 5060)


def is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def reply_addr(via: str) -> Addr:
    """Where a response goes: received and rport before the sent-by (RFC 3261 18.2.2, RFC 3581)."""
    m = _VIA.match(via)
    if not m:
        raise BadMessage("the Via names no sender")
    port = param_of(via, "rport") or m[2] or "5060"
    return param_of(via, "received") or m[1], int(port)


def note_source(request: Msg, addr: Addr) -> None:
    """Write into the topmost Via where the request really came from (RFC 3581)."""
    via = re.sub(r";\s*(?:received|rport)\s*=[^;,]*", "", request.get("via"), flags=re.IGNORECASE)
    via = re.sub(r";\s*rport(?=[;,]|$)", "", via, flags=re.IGNORECASE)
    request.set("via", f"{via};received={addr[0]};rport={addr[1]}")


def new_branch() -> str:
    return MAGIC + secrets.token_hex(8)


def new_tag() -> str:
    return secrets.token_hex(6)
