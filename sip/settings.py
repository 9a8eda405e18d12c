"""How we reach LiveKit's API, and what we send over the telephone network unless told otherwise."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from dotenv import dotenv_values
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from livekit import api

# LiveKit's client is imported where it is opened: settings are read by commands that never ask it anything.

#: One API request; dialling sets its own, longer limit.
API_S = 5.0


class SipSettingsError(Exception):
    """A setting is missing or wrong; the message says which and how to set it."""


class SipSettings(BaseSettings):
    """LiveKit's address and keys under LiveKit's own names, and the defaults of outbound calls."""

    model_config = SettingsConfigDict(env_prefix="LEADLINE_", env_file=".env", extra="ignore", populate_by_name=True)

    livekit_url: str = Field(default="ws://127.0.0.1:7880", validation_alias="LIVEKIT_URL")
    api_key: str = Field(default="", validation_alias="LIVEKIT_API_KEY")
    api_secret: str = Field(default="", validation_alias="LIVEKIT_API_SECRET", repr=False)
    #: Name of a stored outbound trunk, or `host:port` of a SIP peer that needs none.
    trunk: str = ""
    #: The number shown to whom we call; one that we own and answer.
    caller_id: str = ""
    #: livekit-server waits for an answer for at most 80 s. US rules want at least 15 s of ringing (16 CFR 310.4(b)(4)).
    ringing_s: int = Field(default=30, ge=15, le=75)
    #: LiveKit's own default is 24 hours.
    max_call_s: int = Field(default=600, ge=30, le=7200)


@asynccontextmanager
async def open_api(settings: SipSettings) -> AsyncIterator[api.LiveKitAPI]:
    """LiveKit's API. Raises SipSettingsError when the keys are missing or the address is none."""
    if not settings.api_key or not settings.api_secret:
        raise SipSettingsError(
            "LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not set: take them from your livekit.yaml, "
            "or start a local stack with `leadline up`"
        )
    if not settings.livekit_url.startswith(("ws://", "wss://", "http://", "https://")):
        raise SipSettingsError(f"LIVEKIT_URL is {settings.livekit_url!r}: write it as ws://host:port or wss://host")
    import aiohttp
    from livekit import api

    timeout = aiohttp.ClientTimeout(total=API_S)
    async with api.LiveKitAPI(settings.livekit_url, settings.api_key, settings.api_secret, timeout=timeout) as lk:
        yield lk


def environment() -> Mapping[str, str]:
    """What `${NAME}` in trunk files may stand for: the environment, and `.env` where the environment says nothing."""
    from_file = {name: value for name, value in dotenv_values(".env").items() if value}
    return {**from_file, **os.environ}  # noqa: TID251 -- this is where they are read
