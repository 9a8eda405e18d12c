"""What a person may set about the local stack, from `LEADLINE_…` variables, `.env` or `leadline.toml`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource


class StackSettings(BaseSettings):
    """The local stack's section: ports are free ones and keys are generated unless they are set here."""

    model_config = SettingsConfigDict(
        env_prefix="LEADLINE_",
        env_file=".env",
        toml_file="leadline.toml",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    #: Where run directories are made, one a stack: logs, keys, database, state.
    run_dir: Path = Path("run")
    #: The address of the SIP edge. A softphone on another machine needs this machine's own address here.
    sip_ip: str = "127.0.0.1"
    sip_port: int | None = Field(default=None, ge=1, le=65535)
    livekit_port: int | None = Field(default=None, ge=1, le=65535)
    rtc_port: int | None = Field(default=None, ge=1, le=65535)
    redis_port: int | None = Field(default=None, ge=1, le=65535)
    #: Of the page and its API, `leadline up --web`.
    console_port: int | None = Field(default=None, ge=1, le=65535)
    #: A livekit-server binary of your own; unset: the one on PATH if its version fits, else built once.
    livekit_server: Path | None = None
    redis_server: Path | None = None
    cache_home: Path = Field(default=Path.home() / ".cache", validation_alias="XDG_CACHE_HOME")
    #: LiveKit's own names, so that one `.env` serves its tools as well.
    api_key: str | None = Field(default=None, validation_alias="LIVEKIT_API_KEY")
    api_secret: str | None = Field(default=None, validation_alias="LIVEKIT_API_SECRET", repr=False)
    database_url: str | None = None

    @property
    def cache(self) -> Path:
        """Where things are kept that are made once for this machine."""
        return self.cache_home / "leadline"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over `.env`, which wins over `leadline.toml`."""
        return (init_settings, env_settings, dotenv_settings, TomlConfigSettingsSource(settings_cls))


def isolated() -> StackSettings:
    """Return the settings of a stack that must not touch anything of the user's: the binaries are theirs, nothing else is."""
    own = {"sip_ip": "127.0.0.1", "sip_port": None, "livekit_port": None, "rtc_port": None}
    own |= {"redis_port": None, "console_port": None}
    return StackSettings().model_copy(update={**own, "api_key": None, "api_secret": None, "database_url": None})
