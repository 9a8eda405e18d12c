"""What may be dialled: the gate's section of the settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from campaigns.guard import GatePolicy


class GateSettings(BaseSettings):
    """`LEADLINE_DIAL_COUNTRIES=US,CA,GB`, `LEADLINE_REGION=US` and so on: ISO 3166 two-letter codes."""

    model_config = SettingsConfigDict(env_prefix="LEADLINE_", env_file=".env", extra="ignore")

    dial_countries: Annotated[frozenset[str], NoDecode] = frozenset({"US", "CA", "GB"})
    #: How numbers without a country code are read.
    region: str = Field(default="US", pattern=r"^[A-Z]{2}$")
    dial_toll_free: bool = False
    #: Hosts of the `sip:` addresses that calls may be put through to.
    transfer_hosts: Annotated[frozenset[str], NoDecode] = frozenset()
    #: What all calls of a day (UTC) may cost, in the unit of your carrier's bill; 0 forbids every call, -1 is no limit.
    spend_per_day: float = 50.0
    #: What a minute costs where `LEADLINE_RATES` (`US:0.01,GB:0.02`) says nothing else.
    rate: float = Field(default=0.05, ge=0)
    rates: Annotated[dict[str, float], NoDecode] = Field(default_factory=dict)

    @property
    def policy(self) -> GatePolicy:
        """What the gate is asked with."""
        return GatePolicy(
            countries=self.dial_countries,
            region=self.region,
            toll_free=self.dial_toll_free,
            sip_hosts=self.transfer_hosts,
            spend_per_day=None if self.spend_per_day < 0 else self.spend_per_day,
            rate=self.rate,
            rates=self.rates,
        )

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

    @field_validator("transfer_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            value = frozenset(host.strip().lower() for host in value.split(",") if host.strip())
        return value

    @field_validator("rates", mode="before")
    @classmethod
    def _split_rates(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            pairs = [part.split(":") for part in value.split(",") if part.strip()]
            return {country.strip().upper(): float(rate) for country, rate in pairs}
        except ValueError:
            raise ValueError(f"{value!r} is no list of rates; write them like US:0.01,GB:0.02") from None
