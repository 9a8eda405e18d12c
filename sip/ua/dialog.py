"""A SIP dialog: who talks to whom, and the requests that belong to it (RFC 3261 section 12)."""

import random
import secrets
from dataclasses import dataclass, field
from typing import Self

from sip.ua.message import Addr, BadMessage, Headers, Msg, host_of, is_ipv4, new_branch, new_tag, tag_of, uri_of
from sip.ua.transactions import ALLOW


@dataclass(frozen=True, slots=True)
class LocalEnd:
    """Our side: user name and the address that we announce."""

    user: str
    ip: str
    port: int
    product: str

    @property
    def contact(self) -> str:
        return f"<sip:{self.user}@{self.ip}:{self.port}>"


@dataclass(slots=True)
class Dialog:
    """Identifiers, route and sequence number of one call."""

    local: LocalEnd
    peer: Addr  # where the first request went to or came from; numeric
    local_uri: str
    remote_uri: str
    call_id: str = field(default_factory=lambda: secrets.token_hex(12))
    local_tag: str = field(default_factory=new_tag)
    remote_tag: str = ""
    remote_target: str = ""
    routes: list[str] = field(default_factory=list)
    cseq: int = field(default_factory=lambda: random.randrange(1, 10_000))

    @classmethod
    def of_invite(cls, invite: Msg, addr: Addr, local: LocalEnd) -> Self:
        """The dialog that an incoming INVITE opens."""
        return cls(
            local,
            addr,
            local_uri=uri_of(invite.get("to")),
            remote_uri=uri_of(invite.get("from")),
            call_id=invite.get("call-id"),
            remote_tag=tag_of(invite.get("from")),
            remote_target=uri_of(invite.get("contact")),
            routes=invite.all("record-route"),
        )

    def confirm(self, final: Msg) -> None:
        """Take over what a 2xx to our INVITE says."""
        self.remote_tag = tag_of(final.get("to"))
        self.remote_target = uri_of(final.get("contact"))
        self.routes = list(reversed(final.all("record-route")))

    @property
    def target(self) -> str:
        """The request URI inside the dialog."""
        return self.remote_target or self.remote_uri

    def addr(self) -> Addr:
        """Where requests go: the first route, else the contact, else where the peer was seen.

        Only numeric addresses: looking up a name that the peer chose would block the loop."""
        for uri in [uri_of(r) for r in self.routes[:1]] or [self.remote_target]:
            try:
                host, port = host_of(uri)
            except BadMessage:
                continue
            if is_ipv4(host) and 0 < port < 65536:
                return host, port
        return self.peer

    def request(self, method: str, headers: Headers | None = None, body: str = "", uri: str = "") -> Msg:
        """The next request of this dialog (or the one that opens it)."""
        self.cseq += 1
        return Msg(f"{method} {uri or self.target} SIP/2.0", self._headers(method, self.cseq) + (headers or []), body)

    def ack(self, invite: Msg, final: Msg) -> tuple[Msg, Addr]:
        """The ACK of a final answer: in the dialog for a 2xx, in the INVITE's transaction else (17.1.1.3)."""
        headers = self._headers("ACK", invite.cseq)
        if final.status < 300:
            return Msg(f"ACK {self.target} SIP/2.0", headers), self.addr()
        swap = {"to": final.get("to"), "via": invite.get("via")}
        return Msg(f"ACK {invite.uri} SIP/2.0", [(k, swap.get(k, v)) for k, v in headers]), self.peer

    def cancel(self, invite: Msg) -> Msg:
        kept = ("via", "from", "to", "call-id", "max-forwards", "route")
        headers = [(k, v) for k, v in invite.headers if k in kept]
        return Msg(f"CANCEL {invite.uri} SIP/2.0", [*headers, ("cseq", f"{invite.cseq} CANCEL")])

    def _headers(self, method: str, cseq: int) -> Headers:
        end = self.local
        to = f"<{self.remote_uri}>" + (f";tag={self.remote_tag}" if self.remote_tag else "")
        return [
            ("via", f"SIP/2.0/UDP {end.ip}:{end.port};rport;branch={new_branch()}"),
            ("max-forwards", "70"),
            ("from", f"<{self.local_uri}>;tag={self.local_tag}"),
            ("to", to),
            ("call-id", self.call_id),
            ("cseq", f"{cseq} {method}"),
            ("contact", end.contact),
            *(("route", r) for r in self.routes),
            ("user-agent", end.product),
            ("allow", ALLOW),
        ]
