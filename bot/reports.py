"""The SIP edge's reports of its calls, kept beside the rows: a call that no agent took leaves nothing else."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from sip.call_reports import CallReport, overhear
from sip.gateway.bus import BusDown
from store.calls import Calls, StoreError
from store.happenings import Happening

log = logging.getLogger("leadline.worker")

_AGAIN_S: Final = 5.0


async def keep_reports(redis_url: str, calls: Calls) -> None:
    """Until cancelled. Neither Redis nor the database being away ends it; what is missed is only missing in explanations."""
    while True:
        try:
            async for report in overhear(redis_url):
                await _keep(calls, report)
        except (BusDown, StoreError, SQLAlchemyError, OSError) as away:
            log.warning("the SIP edge's reports cannot be kept (%s); trying again in %g s", away, _AGAIN_S)
        await asyncio.sleep(_AGAIN_S)


async def _keep(calls: Calls, report: CallReport) -> None:
    await calls.note(report.call_id, Happening(report.at, "sip", report.state, report.facts))
    if error := report.facts.get("error"):
        log.warning("call %s never came to be: %s; `leadline calls rca %s`", report.call_id, error, report.call_id)
