"""Five hundred numbers that must never be dialled and five hundred that must, through the gate, INVITEs counted."""

from __future__ import annotations

import itertools

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from campaigns.gate import DialRequest, FlowRef, GatePolicy, Leg, Refused, dial, permit
from sip.routes import Route
from store.memory_calls import MemoryCalls
from tests.fake_livekit import FakeLiveKit, fake_api

CARRIER = Route("sip.example.invalid", "ST_1", "carrier", ("+12025550199",))
#: Fiction is allowed as callee here, so that refusals are for other reasons; real ranges are never really dialled.
POLICY = GatePolicy(allow_fictional=True, spend_per_day=None)
FORMATS = (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL)
GOOD_TYPES = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
BAD_TYPES = (
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.PERSONAL_NUMBER,
    PhoneNumberType.PAGER,
    PhoneNumberType.UAN,
    PhoneNumberType.VOICEMAIL,
)
HOSTILE = (
    *("", " ", "+", "++12025550134", "+1+2025550134", "12025550134+", "+0", "0", "00", "-1", "None", "null", "nan"),
    *("2.02555E+09", "2025550134.0x", "=HYPERLINK(1)", "0x4820", "1e10", "+1 202 555", "+1202555013", "+120255501345"),
    *("anonymous", "unknown", "unavailable", "restricted", "+266696687", "1-800-FLOWERS", "+1-202-CALL-NOW"),
    *("+1202555O134", "+12O25550134", "l2025550134", "+1 202 555 0134 ext. 5", "+12025550134x5", "+12025550134;ext=5"),
    *("+12025550134,,123#", "+12025550134p9", "+12025550134w9", "*67+12025550134", "*672025550134", "#31#2025550134"),
    *(
        "sip:+12025550134@carrier.example",
        "sips:lee@evil.example",
        "+12025550134@evil.example",
        "tel:+1900;phone-context=+1",
    ),
    *(
        "+12025550134;user=phone",
        "+12025550134?Replaces=1",
        "+12025550134>;tag=1",
        "<sip:+12025550134@x>",
        "+12025550134%40x",
    ),
    *(
        "+12025550134\r\nVia: x",
        "+12025550134\n",
        "\n+12025550134",
        "+1202\t5550134",
        "+12025550134\x00",
        "+1202555\u00000134",
    ),
    *(
        "+1\u0662\u0660\u06625550134",
        "\uff0b12025550134",
        "\uff11\uff12\uff10\uff12\uff15\uff15\uff15\uff10\uff11\uff13\uff14",
    ),
    *(
        "+1\u09e8\u09e6\u09e85550134",
        "+1\u00b2025550134",
        "+1\u2460025550134",
        "+\U0001d7cf2025550134",
        "+1202555013\u0664",
    ),
    *(
        "${NUMBER}",
        "{{phone}}",
        "+1202555013?",
        "+1202555013*",
        "'; drop table calls; --",
        "../../etc/passwd",
        "a" * 5000,
        "9" * 5000,
    ),
    *(
        "911",
        "9-1-1",
        "+911",
        "1911",
        "9911",
        "112",
        "+112",
        "999",
        "000",
        "110",
        "118",
        "119",
        "15",
        "17",
        "18",
        "+1 911",
        "+44999",
    ),
    *(
        "+1 112",
        "211",
        "311",
        "411",
        "511",
        "611",
        "711",
        "811",
        "988",
        "+1211",
        "+1411",
        "+1611",
        "1411",
        "555-1212",
        "5551212",
    ),
    *(
        "22000",
        "46645",
        "118500",
        "118118",
        "+12025551212",
        "+12125551212",
        "+18005551212",
        "+12029760000",
        "+14169761234",
    ),
    *(
        "+19005550134",
        "900-555-0134",
        "+449098790123",
        "+448712345678",
        "+447012345678",
        "+443001234567",
        "+15005550134",
    ),
    *(
        "+881612345678",
        "+8816 2345 6789",
        "+870773123456",
        "+882161234567",
        "+88299123456",
        "+8835100012345678",
        "+888123456",
    ),
    *(
        "+9991234567",
        "+21012345678",
        "+10000000000",
        "+11111111111",
        "+15555550100",
        "+1 000 555 0134",
        "+1 202 055 0134",
    ),
    *(
        "+1 202 155 0134",
        "+1 911 555 0134",
        "+1 811 555 0134",
        "+44",
        "+4420",
        "+440000000000",
        "0044 20 7946 0123 9",
        "01144",
    ),
    *("+18765550134", "+18095550134", "+12845550134", "+17875550134", "+16715550134", "+447781960123", "+447624000000"),
)


def by_region(types: tuple[int, ...], regions: list[str]) -> list[str]:
    found = []
    for region, kind in itertools.product(regions, types):
        example = phonenumbers.example_number_for_type(region, kind)
        if example is not None and phonenumbers.number_type(example) == kind:
            found += [phonenumbers.format_number(example, how) for how in FORMATS]
    return found


def bad() -> list[str]:
    """Hostile strings, then what the world's numbering plans call special, then ordinary numbers of other countries."""
    regions = sorted(phonenumbers.SUPPORTED_REGIONS)
    special = by_region(BAD_TYPES, regions)
    abroad = by_region(GOOD_TYPES, [region for region in regions if region not in POLICY.countries])
    return list(dict.fromkeys([*HOSTILE, *special[:250], *abroad]))[:500]


def good() -> list[str]:
    """Numbers of the three countries allowed, as people write them: valid by the plan, many of them fictional."""
    written = [
        "+1{a}555{n}",
        "+1 {a}-555-{n}",
        "({a}) 555-{n}",
        "{a}.555.{n}",
        "1-{a}-555-{n}",
        "\u202a+1\u00a0{a}\u2011555\u2011{n}\u202c",
    ]
    areas = (
        "202",
        "212",
        "305",
        "312",
        "415",
        "617",
        "702",
        "206",
        "416",
        "604",
        "514",
        "613",
        "303",
        "404",
        "503",
        "713",
    )
    numbers = [
        how.format(a=area, n=f"01{n:02}") for n, (area, how) in enumerate(itertools.product(areas, written)) if n < 100
    ]
    drama = (
        "+44 20 7946 0{n:03}",
        "+442079460{n:03}",
        "+44 7700 900{n:03}",
        "+44 1632 960{n:03}",
        "011 44 20 7946 0{n:03}",
    )
    numbers += [how.format(n=n) for n, how in itertools.product(range(0, 1000, 13), drama)]
    numbers += by_region(GOOD_TYPES, sorted(POLICY.countries))
    numbers += [f"+1{area}5550{n}" for area, n in itertools.product(areas, range(100, 120))]
    return [number for number in dict.fromkeys(numbers) if number != CARRIER.numbers[0]][:500]


async def invites(numbers: list[str]) -> tuple[int, dict[str, str]]:
    """How many INVITEs LiveKit was asked for, and what was refused with which rule."""
    fake, calls, refused = FakeLiveKit(), MemoryCalls(), {}
    async with fake_api(fake) as lk:
        for n, number in enumerate(numbers):
            request = DialRequest(f"c{n}", number, FlowRef("b2b-software", "h"), CARRIER, "")
            outcome = await dial(lk, request, POLICY, calls, lambda: 1000.0)
            if isinstance(outcome, Refused):
                refused[number] = outcome.rule
    return len(fake.dialled), refused


async def test_five_hundred_bad_ones_send_no_invite() -> None:
    numbers = bad()
    assert len(set(numbers)) == 500
    sent, refused = await invites(numbers)
    assert (sent, len(refused)) == (0, 500), [number for number in numbers if number not in refused]


async def test_five_hundred_good_ones_are_all_let_through() -> None:
    numbers, calls = good(), MemoryCalls()
    assert len(set(numbers)) == 500
    said = {number: await permit(Leg(number, number, CARRIER), POLICY, calls, 1.0) for number in numbers}
    assert {number: no.why for number, no in said.items() if isinstance(no, Refused)} == {}
    assert await invites(numbers[::20]) == (25, {})
