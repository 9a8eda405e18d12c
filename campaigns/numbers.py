"""What kind of telephone number this is, by Google's libphonenumber data and by rules of our own where it is silent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType


class NumberKind(StrEnum):
    """Kinds of numbers, as far as they matter to whoever dials."""

    FIXED = "fixed line"
    MOBILE = "mobile"
    FIXED_OR_MOBILE = "fixed line or mobile"
    VOIP = "internet telephony"
    PERSONAL = "personal number"
    TOLL_FREE = "toll-free"
    PREMIUM = "premium rate"
    SHARED_COST = "shared cost"
    PAGER = "pager"
    ACCESS = "company access or voicemail number"
    SATELLITE = "satellite or international network"
    EMERGENCY = "emergency"
    SHORT = "short code or service number"
    DIRECTORY = "directory assistance"
    INVALID = "not a telephone number"


#: A person may be at the other end, and calling costs what a call costs. Personal numbers (+44 70, +1 500) forward to
#: anywhere at a price of their own and are a classic of toll fraud: not among them.
DIALABLE = frozenset({NumberKind.FIXED, NumberKind.MOBILE, NumberKind.FIXED_OR_MOBILE, NumberKind.VOIP})


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was understood. `e164` is "" and `country` "" when it is no full number."""

    e164: str
    kind: NumberKind
    country: str  #: ISO 3166 code; "001" for the international networks
    fictional: bool = False


_KINDS = {
    PhoneNumberType.FIXED_LINE: NumberKind.FIXED,
    PhoneNumberType.MOBILE: NumberKind.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: NumberKind.FIXED_OR_MOBILE,
    PhoneNumberType.VOIP: NumberKind.VOIP,
    PhoneNumberType.PERSONAL_NUMBER: NumberKind.PERSONAL,
    PhoneNumberType.TOLL_FREE: NumberKind.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE: NumberKind.PREMIUM,
    PhoneNumberType.SHARED_COST: NumberKind.SHARED_COST,
    PhoneNumberType.PAGER: NumberKind.PAGER,
    PhoneNumberType.UAN: NumberKind.ACCESS,
    PhoneNumberType.VOICEMAIL: NumberKind.ACCESS,
}

#: 911 is North America's, 999 Britain's, 000 Australia's, 112 any mobile network's (3GPP TS 22.101).
_EMERGENCY = frozenset({"911", "112", "999", "000"})
#: NANP directory assistance is NPA-555-1212; 976 exchanges are pay-per-call (47 CFR 64.1501 speaks of such services).
_NANP_DIRECTORY = re.compile(r"\+1[2-9]\d{2}5551212")
_NANP_PREMIUM = re.compile(r"\+1[2-9]\d{2}976\d{4}")
#: Kept free for stories: NPA-555-0100…0199 by the NANP, the others by Ofcom.
_FICTIONAL = re.compile(
    r"\+1(?!555)[2-9]\d{2}55501\d{2}"
    r"|\+44(?:2079460|1632960|7700900)\d{3}"
    r"|\+44(?:11[3-8]|1[2-6]1)4960\d{3}"
    r"|\+441914980\d{3}"
)
#: How people write numbers: one plus at most, then digits with the usual marks between them. Everything else is refused
#: before it is parsed, since parsers are lenient where a dialler must not be: letters, "@", ";", "," (a pause), line
#: ends, digits of other scripts.
_WRITTEN = re.compile(r"\+?[0-9][0-9 ()./-]*|\+?\([0-9][0-9 ()./-]*")
#: What web pages and address books put into numbers unseen: marks of direction, fixed spaces, typographic hyphens.
_UNSEEN = str.maketrans(
    dict.fromkeys("\u200e\u200f\u202a\u202b\u202c\u202d\u2066\u2068\u2069\ufeff")
    | dict.fromkeys("\u00a0\u2007\u2009\u202f", " ")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-")
)
_WRITTEN_MAX = 40


@lru_cache(maxsize=4096)
def classify(number: str, region: str = "US") -> Number:
    """Understand a number as a person writes it; `region` is where one without a country code is from."""
    number = number.translate(_UNSEEN).strip(" ")
    if len(number) > _WRITTEN_MAX or not _WRITTEN.fullmatch(number):
        return Number("", NumberKind.INVALID, "")
    digits = re.sub(r"[^0-9+]", "", number)
    if digits.lstrip("+") in _EMERGENCY:
        return Number("", NumberKind.EMERGENCY, "")
    if not digits.startswith("+") and 0 < len(digits) <= 6:
        return Number("", NumberKind.SHORT, "")
    try:
        parsed = phonenumbers.parse(number, region)
    except NumberParseException:
        return Number("", NumberKind.INVALID, "")
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    country = phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(
        parsed.country_code or 0
    )
    fictional = _FICTIONAL.fullmatch(e164) is not None
    return Number(e164, _kind(parsed, e164, country, fictional), country, fictional)


def _kind(parsed: phonenumbers.PhoneNumber, e164: str, country: str, fictional: bool) -> NumberKind:
    if parsed.extension:
        return NumberKind.INVALID  # we cannot dial through a switchboard
    if _NANP_DIRECTORY.fullmatch(e164):
        return NumberKind.DIRECTORY
    if _NANP_PREMIUM.fullmatch(e164):
        return NumberKind.PREMIUM
    kind = _KINDS.get(phonenumbers.number_type(parsed), NumberKind.INVALID)
    if country == "001" and kind in DIALABLE:
        return NumberKind.SATELLITE
    if fictional and kind is NumberKind.INVALID and country == "GB":
        return NumberKind.FIXED_OR_MOBILE  # Ofcom's ranges for drama belong to nobody: some are marked unassigned
    return kind


def national_of(number: str, region: str = "US") -> tuple[str, str]:
    """A number as E.164 and as digits at home: +12025550134 and 2025550134. Two "" for what is no number."""
    try:
        parsed = phonenumbers.parse(number, region)
    except NumberParseException:
        return "", ""
    if not phonenumbers.is_possible_number(parsed):
        return "", ""
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return e164, phonenumbers.national_significant_number(parsed)
