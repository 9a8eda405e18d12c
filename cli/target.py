"""Which installation a command talks to: the environment's, or the local stack's from its run directory."""

from __future__ import annotations

from dataclasses import dataclass

from cli.settings import StackSettings
from cli.stack.problem import StackError
from cli.stack.rundir import RunDir
from sip.settings import SipSettings
from store.settings import StoreSettings

DEFAULT_STACK = "local"


@dataclass(frozen=True, slots=True)
class Target:
    """Where LiveKit, the rows and the live events are."""

    sip: SipSettings
    database_url: str
    redis_url: str = ""
    #: `host:port` of the SIP edge where it is known, as of a local stack.
    sip_edge: str = ""


def find_target(stack: str | None = None) -> Target:
    """The target of a command. A stack named by the person wins; then what is set in the environment or `.env`; then
    the stack `local`, if there is one here.

    Raises StackError if the named stack was never started here.
    """
    sip, rows = SipSettings(), StoreSettings()
    kept = RunDir((StackSettings().run_dir / (stack or DEFAULT_STACK)).resolve()).env()
    if stack and not kept:
        raise StackError(f"there is no stack called {stack}", f"start it with `leadline up --name {stack}`")
    if kept and (stack or not sip.api_key):
        sip = sip.model_copy(
            update={
                "livekit_url": kept.get("LIVEKIT_URL", sip.livekit_url),
                "api_key": kept.get("LIVEKIT_API_KEY", ""),
                "api_secret": kept.get("LIVEKIT_API_SECRET", ""),
            }
        )
    by_hand = rows.model_fields_set if not stack else set()
    url = rows.database_url if "database_url" in by_hand else kept.get("LEADLINE_DATABASE_URL", rows.database_url)
    redis = rows.redis_url if "redis_url" in by_hand else kept.get("LEADLINE_REDIS_URL", rows.redis_url)
    ours = kept.get("LIVEKIT_URL") == sip.livekit_url
    edge = f"{kept['LEADLINE_SIP_IP']}:{kept['LEADLINE_SIP_PORT']}" if ours and "LEADLINE_SIP_PORT" in kept else ""
    return Target(sip, url, redis, edge)
