"""Where the console listens, who may enter, and which LiveKit it hands callers to: `LEADLINE_CONSOLE_…` and `LIVEKIT_…`."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

#: `make web` builds the page into this folder.
PAGE = Path(__file__).parent / "page"


class ConsoleSettings(BaseSettings):
    """The console's own section."""

    model_config = SettingsConfigDict(env_prefix="LEADLINE_CONSOLE_", env_file=".env", extra="ignore", frozen=True)

    host: str = Field(default="127.0.0.1", description="loopback needs no login; any other address does")
    port: int = Field(default=8080, ge=1, le=65535)
    logins: Path | None = Field(default=None, description="file of `leadline web login`; unset: nobody logs in")
    hosts: tuple[str, ...] = Field(default=(), description="further names by which browsers may call this server")
    livekit_url: str = Field(default="", description="livekit-server as browsers reach it, if not by LIVEKIT_URL")
    number: str = Field(default="", description="our own number, taken for the one that browsers call; E.164")
    flow_files: tuple[Path, ...] = Field(default=(), description="flow files offered beside the shipped ones")
    tls_cert: Path | None = None
    tls_key: Path | None = None
    proxy: str = Field(default="", description="address of a proxy whose X-Forwarded-For is believed")
    page: Path = PAGE

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class LiveKitSettings(BaseSettings):
    """Where livekit-server is; the ecosystem's own variable names."""

    model_config = SettingsConfigDict(env_prefix="LIVEKIT_", env_file=".env", extra="ignore", frozen=True)

    url: str = "ws://127.0.0.1:7880"
    api_key: str = ""
    api_secret: SecretStr = SecretStr("")
