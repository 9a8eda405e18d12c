"""Where rows and live events are kept: the `LEADLINE_DATABASE_URL` and `LEADLINE_REDIS_URL` section of the settings."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def default_data_dir() -> Path:
    """The user's data directory for Leadline (XDG base directory layout)."""
    return Path.home() / ".local" / "share" / "leadline"


class StoreSettings(BaseSettings):
    """Addresses of the database and of Redis, and where writes wait when the database is away."""

    model_config = SettingsConfigDict(env_prefix="LEADLINE_", env_file=".env", extra="ignore")

    #: SQLAlchemy URL with an async driver: `sqlite+aiosqlite:///file` or `postgresql+asyncpg://user@host/name`.
    database_url: str = Field(default_factory=lambda: f"sqlite+aiosqlite:///{default_data_dir() / 'leadline.db'}")
    redis_url: str = "redis://127.0.0.1:6379/0"
    #: One JSON-lines file per writer, only while the database cannot be written.
    journal_dir: Path = Field(default_factory=lambda: default_data_dir() / "journal")
    #: Stereo WAV files of calls whose flow records them, one folder a call, 3.8 MB a minute.
    recordings_dir: Path = Field(default_factory=lambda: default_data_dir() / "recordings")
