"""What the gateway is told: addresses by arguments, the API key and secret by environment only."""

from dataclasses import dataclass

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class MissingKeys(Exception):
    """The API key or secret is not set; the message says what to do."""


class ApiKeys(BaseSettings):
    """LIVEKIT_API_KEY and LIVEKIT_API_SECRET: never arguments, as everybody can read those."""

    model_config = SettingsConfigDict(env_prefix="LIVEKIT_", hide_input_in_errors=True)

    api_key: str = Field(min_length=1)
    api_secret: str = Field(min_length=1)


def read_keys() -> ApiKeys:
    """Raises MissingKeys."""
    try:
        return ApiKeys()  # type: ignore[call-arg]  # pydantic-settings fills it from the environment
    except ValidationError:
        raise MissingKeys(
            "LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not both set; "
            "export the pair that is in livekit-server's configuration"
        ) from None


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds."""

    ringing: float = 180.0  # when the trunk sets none
    call: float = 86_400.0
    media: float = 15.0  # without RTP; twice that before the first packet
    room_lost: float = 7.0  # a lost room connection may come back for so long
    outage: float = 60.0  # and for so long while Redis is away, without which livekit-server serves nobody
    outage_over: float = 15.0  # after Redis is back: the server's and the SDK's own attempts come seconds apart
    join: float = 6.0
    leave: float = 2.0


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """One gateway."""

    redis_url: str
    ws_url: str
    ip: str
    sip_port: int
    keys: ApiKeys
    limits: Limits = Limits()
