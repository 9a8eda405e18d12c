"""Every knob of the voice, read once from the environment (`LEADLINE_BOT_…`, `.env`) into one frozen model."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Modality: TypeAlias = Literal["stt", "tts", "llm", "vad", "turn_detector"]


_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_DESTINATION = re.compile(r"\+[1-9]\d{6,14}|sips?:[^@\s<>,]+@[^@\s<>,]+")


class LiveKitSettings(BaseSettings):
    """Where livekit-server is; the ecosystem's own variable names."""

    model_config = SettingsConfigDict(env_prefix="LIVEKIT_", env_file=".env", extra="ignore", frozen=True)

    url: str = "ws://127.0.0.1:7880"
    api_key: str = ""
    api_secret: SecretStr = SecretStr("")


class BotSettings(BaseSettings):
    """The voice: speech providers, limits, capacity."""

    model_config = SettingsConfigDict(env_prefix="LEADLINE_BOT_", env_file=".env", extra="ignore", frozen=True)

    agent_name: str = "leadline"
    flow: str = Field(default="b2b-software", description="the flow of a call whose dispatch names none")
    stt: str = "local"
    tts: str = "local"
    stt_base_url: str = Field(default="", description="a server of one's own with the provider's protocol")
    tts_base_url: str = Field(default="", description="a server of one's own with the provider's protocol")
    intents: Literal["minilm", "none"] = Field(
        default="minilm", description="guesses at wishes that no rule knows: minilm, or none"
    )
    llm: str = Field(default="none", description="openai/MODEL, or none: rules only")
    llm_base_url: str = Field(default="", description="an OpenAI-compatible server instead of the provider's own")
    vad: str = "builtin"
    turn_detector: str = Field(
        default="v1-mini",
        description="who tells an end where words do not: v1-mini listens to the voice; patience: nobody",
    )
    calls_max: int = Field(default=12, ge=1, le=500, description="calls at once on this worker")
    cpu_share: float = Field(
        default=0.6, gt=0, le=1, description="of this machine's processors for calls; how many fit is measured"
    )
    idle_processes: int = Field(default=2, ge=0, le=64, description="warm job processes kept ready")
    call_max_s: float = Field(default=600.0, gt=0, description="longest conversation, seconds")
    human_max_s: float = Field(default=3600.0, gt=0, description="longest talk with a person who took the call over")
    destinations: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict, description="who takes transfers, by name: sales=+12025550177,support=+12025550178"
    )
    caller_wait_s: float = Field(
        default=90.0, gt=0, description="how long the bot waits in a room for the caller's leg"
    )
    drain_s: int = Field(default=600, ge=0, description="how long running calls may go on after SIGTERM")
    health_port: int = Field(default=0, ge=0, le=65535, description="0 = any free port")
    memory_limit_mb: int = Field(default=1500, ge=100, description="a job process that grows by more is ended")
    prompt_cache: Path = Path("~/.cache/leadline/prompts")

    @field_validator("destinations", mode="before")
    @classmethod
    def _read_destinations(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=")[::2] for part in value.split(",") if part.strip()]
        found = {name.strip(): to.strip() for name, to in pairs}
        for name, to in found.items():
            if not _NAME.fullmatch(name) or not _DESTINATION.fullmatch(to):
                raise ValueError(f"{name}={to} is no destination; write them like sales=+12025550177")
        return found

    def providers(self) -> dict[Modality, str]:
        """What is chosen for each modality."""
        return {
            "stt": self.stt,
            "tts": self.tts,
            "llm": self.llm,
            "vad": self.vad,
            "turn_detector": self.turn_detector,
        }

    def base_url(self, modality: Modality) -> str:
        """The server of one's own that a modality uses; "" for the provider's."""
        return {"stt": self.stt_base_url, "tts": self.tts_base_url, "llm": self.llm_base_url}.get(modality, "")

    @property
    def prompt_folder(self) -> Path:
        """Where rendered prompts are kept."""
        return self.prompt_cache.expanduser()


def plugin_key(variable: str) -> SecretStr | None:
    """A provider's API key under the name that its plugin documents; None when unset."""
    value = os.environ.get(variable)  # noqa: TID251 - this file is where the environment is read
    return SecretStr(value) if value else None
