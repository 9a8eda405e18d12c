"""A stack's trunks and dispatch rules: applied from files at the start, and again whenever Redis comes back empty."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator

import aiohttp
from livekit import api

from cli.stack.config import Endpoints, StackConfig
from cli.stack.problem import StackError
from sip.settings import API_S, environment
from sip.trunks import Plan, PlanConflict, TrunkFileError, apply, keep_applied, load_files, with_overrides

#: RFC 1918: who may call when the SIP edge listens on the local network.
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


@contextlib.asynccontextmanager
async def trunks_kept(config: StackConfig, at: Endpoints) -> AsyncIterator[None]:
    """Apply the files' trunks and rules, and keep them applied inside.

    Raises StackError if a file is wrong or the server refuses what it says.
    """
    plan = _plan(config, at)
    timeout = aiohttp.ClientTimeout(total=API_S)
    async with api.LiveKitAPI(at.livekit_url, at.api_key, at.api_secret, timeout=timeout) as server:
        try:
            await apply(server, plan)
        except PlanConflict as conflict:
            raise StackError(str(conflict), f"see {config.trunk_file}") from None
        except (api.ServerError, aiohttp.ClientError, TimeoutError) as error:
            raise StackError(
                f"livekit-server refuses the trunks and rules ({error})", f"see {config.trunk_file}"
            ) from None
        keeping = asyncio.create_task(keep_applied(server, plan), name="stack.trunks")
        try:
            yield
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping


def _plan(config: StackConfig, at: Endpoints) -> Plan:
    assert config.trunk_file is not None, "asked for trunks without a file"
    try:
        plan = load_files([config.trunk_file, *config.rule_files], environment())
    except TrunkFileError as error:
        raise StackError(f"{error.path}:{error.line}: {error.wrong}", error.fix) from None
    if ipaddress.ip_address(at.sip_ip).is_loopback:
        return plan
    own = [address for trunk in plan.inbound for address in trunk.allowed_addresses]
    return with_overrides(plan, allowed_addresses=[*own, *_PRIVATE])
