"""`leadline doctor --sip`: whether calls could come and go: LiveKit, keys, clock, Redis, SIP edge, agent, every trunk."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from email.utils import parsedate_to_datetime

import aiohttp
from livekit import api
from redis.asyncio import Redis
from redis.exceptions import RedisError

from cli.stack.doctor import Finding, Verdict
from cli.target import Target
from sip import guards
from sip.guards import Objection
from sip.matching import Incoming, match
from sip.reach import Reached, options, transport_of
from sip.rooms import AGENT, agent_ready, room_with_agent
from sip.settings import open_api
from sip.trunk_files import Plan
from sip.trunks import stored

_SKEW_S = 5.0  #: LiveKit refuses tokens that are not valid yet; a minute is granted, this warns before
_AGENT_S = 10.0
_REDIS_S = 2.0
#: Where every SIP edge listens for calls to make (livekit/psrpc: service, method, REQ).
_EDGES = "SIPInternal|CreateSIPParticipant|REQ"


async def examine_sip(target: Target, edge: str) -> AsyncIterator[Finding]:
    """Yield findings one by one; `edge` is `host:port` of the SIP edge, "" when it is not known.

    Raises SipSettingsError when LiveKit's keys are missing.
    """
    async with open_api(target.sip) as lk:
        yield await _clock(target.sip.livekit_url)
        try:
            there = await stored(lk)
        except (api.ServerError, aiohttp.ClientError, TimeoutError) as wrong:
            fix = "is livekit-server up with Redis, and are URL and keys those of LIVEKIT_URL, LIVEKIT_API_KEY and _SECRET?"
            yield Finding("livekit", Verdict.MISSING, f"{target.sip.livekit_url}: {wrong or 'no answer in time'}", fix)
            return
        counts = f"{len(there.inbound)} inbound, {len(there.outbound)} outbound trunks, {len(there.rules)} rules"
        yield Finding("livekit", Verdict.OK, f"{target.sip.livekit_url}: {counts}")
        yield await _edges(target.redis_url)
        if edge:
            yield _reached("sip edge", await options(edge))
            yield _address(edge, there)
        yield await _agent(lk)
        for finding in (*_inbound(there), *_rules(there), *_called_back(there)):
            yield finding
        answers = await asyncio.gather(*(options(t.address, transport_of(t.transport)) for t in there.outbound))
        for trunk, answer in zip(there.outbound, answers, strict=True):
            yield _reached(f"trunk {trunk.name or trunk.sip_trunk_id}", answer)
            for objection in guards.of_outbound(trunk):
                yield _objected(f"trunk {trunk.name}", objection)


async def _clock(url: str) -> Finding:
    """Compare the clocks by the server's Date header: tokens carry times, and a token from the future is refused."""
    http = url.replace("ws://", "http://", 1).replace("wss://", "https://", 1)
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session,
            session.get(http) as answer,
        ):
            theirs = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (aiohttp.ClientError, TimeoutError, KeyError, ValueError) as wrong:
        return Finding("clock", Verdict.OPTIONAL, f"cannot be compared ({wrong or 'no answer'})", "see the next line")
    skew = time.time() - theirs  # the header has whole seconds
    if abs(skew) > _SKEW_S:
        fix = "run chrony or systemd-timesyncd on both machines: tokens are refused when clocks differ"
        return Finding("clock", Verdict.MISSING, f"{skew:+.0f} s from livekit-server's", fix)
    return Finding("clock", Verdict.OK, "within a second or two of livekit-server's")


async def _edges(redis_url: str) -> Finding:
    """Count who listens for outbound calls: the server hands a call to whoever claims it first."""
    redis = Redis.from_url(redis_url, socket_connect_timeout=_REDIS_S, socket_timeout=_REDIS_S)
    try:
        ((_, count),) = await redis.pubsub_numsub(_EDGES)
    except (RedisError, OSError) as away:
        fix = "livekit-server, the SIP edge and LEADLINE_REDIS_URL must name the same Redis and database"
        return Finding("sip edges", Verdict.MISSING, f"Redis cannot be asked: {away}", fix)
    finally:
        await redis.aclose()
    if count == 0:
        fix = "start livekit-sip (or `leadline up`) with livekit-server's Redis; until then every call out fails"
        return Finding("sip edges", Verdict.MISSING, "none is registered with this Redis", fix)
    return Finding("sip edges", Verdict.OK, f"{count} registered")


async def _agent(lk: api.LiveKitAPI) -> Finding:
    """Give the agent a job in a room that is deleted at once: the one way to know that a worker has room."""
    begun = time.monotonic()
    try:
        async with room_with_agent(lk, f"probe-{secrets.token_hex(8)}", "{}", AGENT) as (room, _):
            if await agent_ready(lk, room, _AGENT_S):
                return Finding("agent", Verdict.OK, f"{AGENT} took a trial job in {time.monotonic() - begun:.1f} s")
    except (api.ServerError, aiohttp.ClientError, TimeoutError) as wrong:
        return Finding("agent", Verdict.MISSING, f"cannot be asked: {wrong}", "see livekit-server's log")
    fix = "start `leadline worker`, or give it room; phones ring unanswered until then"
    return Finding("agent", Verdict.MISSING, f"no worker of {AGENT} took a trial job within {_AGENT_S:g} s", fix)


def _address(edge: str, there: Plan) -> Finding:
    """Whether the edge's address can be what it announces to the trunks that there are."""
    host = edge.rpartition(":")[0].strip("[]")
    far = [trunk.address for trunk in there.outbound if not _is_local(trunk.address)]
    far += [address for trunk in there.inbound for address in trunk.allowed_addresses if not _is_local(address)]
    if far and _is_local(host):
        fix = "livekit-sip needs `use_external_ip: true` or `nat_1_to_1_ip`, and its SIP and RTP ports forwarded"
        return Finding("addresses", Verdict.OPTIONAL, f"{host} is private, {far[0]} is not", fix)
    return Finding("addresses", Verdict.OK, f"{host} suits the trunks")


def _inbound(there: Plan) -> Iterator[Finding]:
    for trunk in there.inbound:
        what = f"trunk {trunk.name or trunk.sip_trunk_id}"
        caller = next(iter(trunk.allowed_numbers), "")
        lost = [number for number in trunk.numbers if match(there, Incoming(number, caller)).rule is None]
        if lost:
            fix = f"`leadline dispatch test --to {lost[0]}` says why"
            yield Finding(what, Verdict.MISSING, f"no rule takes calls to {', '.join(lost)}", fix)
        else:
            yield Finding(what, Verdict.OK, f"every number has a rule ({len(trunk.numbers) or 'any number'})")
        for objection in guards.of_inbound(trunk):
            yield _objected(what, objection)
    for _, wrong, fix in guards.trunk_conflicts(there.inbound):
        yield Finding("trunks", Verdict.MISSING, wrong, fix)


def _rules(there: Plan) -> Iterator[Finding]:
    known = {trunk.sip_trunk_id for trunk in there.inbound}
    for rule in there.rules:
        what = f"rule {rule.name or rule.sip_dispatch_rule_id}"
        if rule.trunk_ids and not known & set(rule.trunk_ids):
            yield Finding(
                what, Verdict.OPTIONAL, "all of its trunks are gone", "delete it, or `leadline sip apply` your files"
            )
        for objection in guards.of_rule(rule):
            yield _objected(what, objection)


def _called_back(there: Plan) -> Iterator[Finding]:
    """Who calls a number that we show has to reach us: US law wants opt-outs taken there (47 CFR 64.1601(e))."""
    for trunk in there.outbound:
        shown = [number for number in trunk.numbers if number != "*"]
        deaf = [number for number in shown if match(there, Incoming(number, "")).rule is None]
        if deaf:
            found = f"calls back to {', '.join(deaf)} reach nobody"
            yield Finding(f"trunk {trunk.name}", Verdict.OPTIONAL, found, "give the number an inbound trunk and a rule")


def _objected(what: str, objection: Objection) -> Finding:
    return Finding(what, Verdict.OPTIONAL, objection.wrong, objection.fix)


def _reached(what: str, answer: Reached) -> Finding:
    where = f"{answer.address} ({answer.transport})"
    if answer.status is None:
        return Finding(what, Verdict.MISSING, f"{where}: {answer.wrong}", answer.fix)
    said = f"answered OPTIONS with {answer.status} after {answer.ms} ms"
    return Finding(what, Verdict.OK, f"{where} {said} {answer.product}".rstrip())


def _is_local(address: str) -> bool:
    host = address.partition("/")[0]
    host = host.rpartition(":")[0] if host.count(":") == 1 else host
    try:
        return ipaddress.ip_address(host.strip("[]")).is_private
    except ValueError:
        return host == "localhost"
