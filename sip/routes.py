"""The way out: a stored outbound trunk by name, or a SIP peer by its address."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

import aiohttp
from livekit import api
from livekit.protocol.sip import ListSIPOutboundTrunkRequest, SIPOutboundConfig, SIPTransport

_PEER = re.compile(r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):(?P<port>\d{1,5})")


class RouteError(Exception):
    """There is no such way out; the message says what there is."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where INVITEs go. `trunk_id` is empty for a peer, which needs no stored trunk. `numbers` are those of the trunk
    that may be shown; none are listed for a peer, and "*" stands for any."""

    address: str
    trunk_id: str = ""
    name: str = ""
    numbers: tuple[str, ...] = ()

    @property
    def is_loopback(self) -> bool:
        """Whether calls stay on this machine, where fictional numbers may be dialled."""
        host = self.address.rpartition(":")[0] if _PEER.fullmatch(self.address) else self.address
        try:
            return ipaddress.ip_address(host.strip("[]")).is_loopback
        except ValueError:
            return host == "localhost"

    def inline(self) -> SIPOutboundConfig | None:
        """The trunk to send along, None for a stored one."""
        if self.trunk_id:
            return None
        return SIPOutboundConfig(hostname=self.address, transport=SIPTransport.SIP_TRANSPORT_UDP)


async def find_route(lk: api.LiveKitAPI, wanted: str) -> Route:
    """The route for what was asked: `host:port`, a stored trunk's name or id, or "" when only one trunk is stored.

    Raises:
        RouteError: no such trunk, or nothing was asked and there is not exactly one.
    """
    if _PEER.fullmatch(wanted):
        return Route(wanted)
    try:
        stored = (await lk.sip.list_outbound_trunk(ListSIPOutboundTrunkRequest())).items
    except (api.ServerError, aiohttp.ClientError, TimeoutError) as away:
        raise RouteError(f"cannot ask LiveKit for its outbound trunks: {away or 'no answer in time'}") from None
    matching = [trunk for trunk in stored if not wanted or wanted in (trunk.name, trunk.sip_trunk_id)]
    if len(matching) == 1:
        (trunk,) = matching
        return Route(trunk.address, trunk.sip_trunk_id, trunk.name, tuple(trunk.numbers))
    there = ", ".join(sorted(trunk.name or trunk.sip_trunk_id for trunk in stored)) or "none"
    wrong = f"there is no outbound trunk called {wanted!r}" if wanted else "name the outbound trunk to call over"
    raise RouteError(f"{wrong} (stored: {there}); give --trunk NAME, --trunk host:port, or set LEADLINE_TRUNK")
