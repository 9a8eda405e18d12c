"""What may be dialled: the gate's section of the settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class GateSettings(BaseSettings):
    """`LEADLINE_DIAL_COUNTRIES=US,CA,GB` and `LEADLINE_REGION=US`: ISO 3166 two-letter codes."""

    model_config = SettingsConfigDict(env_prefix="LEADLINE_", env_file=".env", extra="ignore")

    dial_countries: Annotated[frozenset[str], NoDecode] = frozenset({"US", "CA", "GB"})
    #: How numbers without a country code are read.
    region: str = Field(default="US", pattern=r"^[A-Z]{2}$")

    @field_validator("dial_countries", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            value = frozenset(code.strip().upper() for code in value.split(",") if code.strip())
        return value

    @field_validator("dial_countries")
    @classmethod
    def _two_letters(cls, codes: frozenset[str]) -> frozenset[str]:
        for code in codes:
            if len(code) != 2 or not code.isalpha():
                raise ValueError(f"{code!r} is no ISO country code; write them like US,CA,GB")
        return codes
