"""What kind of telephone number this is, by Google's libphonenumber data and by rules of our own where it is silent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

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


#: A person may be at the other end, and calling costs what a call costs.
DIALABLE = frozenset(
    {NumberKind.FIXED, NumberKind.MOBILE, NumberKind.FIXED_OR_MOBILE, NumberKind.VOIP, NumberKind.PERSONAL}
)


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


def classify(number: str, region: str = "US") -> Number:
    """Understand a number as a person writes it; `region` is where one without a country code is from."""
    digits = re.sub(r"[^\d+]", "", number)
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
    if fictional and kind is NumberKind.INVALID:
        return NumberKind.FIXED_OR_MOBILE  # fiction's ranges are free of meaning; some of them are marked unassigned
    return kind
