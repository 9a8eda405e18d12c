"""Kinds of numbers, in a table; only numbers reserved for fiction or for services appear here."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.numbers import DIALABLE, NumberKind, classify


@pytest.mark.parametrize(
    ("number", "region", "kind", "e164", "country"),
    [
        ("+1 202-555-0134", "US", NumberKind.FIXED_OR_MOBILE, "+12025550134", "US"),
        ("(202) 555-0134", "US", NumberKind.FIXED_OR_MOBILE, "+12025550134", "US"),
        ("020 7946 0123", "GB", NumberKind.FIXED, "+442079460123", "GB"),
        ("+447700900123", "US", NumberKind.FIXED_OR_MOBILE, "+447700900123", "GB"),
        ("+441632960123", "US", NumberKind.FIXED_OR_MOBILE, "+441632960123", "GB"),
        ("+14165550134", "US", NumberKind.FIXED_OR_MOBILE, "+14165550134", "CA"),
        ("+18765550134", "US", NumberKind.MOBILE, "+18765550134", "JM"),
        ("+18005550199", "US", NumberKind.TOLL_FREE, "+18005550199", "US"),
        ("+448081570123", "US", NumberKind.TOLL_FREE, "+448081570123", "GB"),
        ("+449098790123", "US", NumberKind.PREMIUM, "+449098790123", "GB"),
        ("+19005550134", "US", NumberKind.PREMIUM, "+19005550134", "US"),
        ("+12029760000", "US", NumberKind.PREMIUM, "+12029760000", "US"),
        ("+12025551212", "US", NumberKind.DIRECTORY, "+12025551212", "US"),
        ("911", "US", NumberKind.EMERGENCY, "", ""),
        ("9-1-1", "GB", NumberKind.EMERGENCY, "", ""),
        ("+911", "US", NumberKind.EMERGENCY, "", ""),
        ("112", "US", NumberKind.EMERGENCY, "", ""),
        ("999", "GB", NumberKind.EMERGENCY, "", ""),
        ("411", "US", NumberKind.SHORT, "", ""),
        ("611", "US", NumberKind.SHORT, "", ""),
        ("22000", "US", NumberKind.SHORT, "", ""),
        ("", "US", NumberKind.INVALID, "", ""),
        ("anonymous", "US", NumberKind.INVALID, "", ""),
        ("2.02556E+10", "US", NumberKind.INVALID, "", ""),
    ],
)
def test_kinds(number: str, region: str, kind: NumberKind, e164: str, country: str) -> None:
    known = classify(number, region)
    assert (known.kind, known.e164, known.country) == (kind, e164, country)


@pytest.mark.parametrize(
    "number", ["+15555550100", "+1202555013", "+120255501345", "+1 202 555 0134 ext. 5", "+99912345"]
)
def test_what_cannot_be_dialled(number: str) -> None:
    assert classify(number).kind is NumberKind.INVALID


@pytest.mark.parametrize("network", [870, 881, 882, 883])
def test_satellites_and_international_networks(network: int) -> None:
    example = phonenumbers.example_number_for_non_geo_entity(network)
    assert example is not None
    known = classify(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164))
    assert (known.kind, known.country) == (NumberKind.SATELLITE, "001")


@pytest.mark.parametrize(
    ("number", "fictional"),
    [
        ("+12025550100", True),
        ("+12025550199", True),
        ("+12025550200", False),
        ("+12025551212", False),
        ("+442079460999", True),
        ("+442079461000", False),
        ("+441134960123", True),
        ("+441914980123", True),
        ("+447700900999", True),
        ("+447700901000", False),
    ],
)
def test_fiction(number: str, fictional: bool) -> None:
    assert classify(number).fictional is fictional


@given(st.text(max_size=30), st.sampled_from(["US", "GB", "CA"]))
def test_anything_typed_is_understood_or_refused(number: str, region: str) -> None:
    known = classify(number, region)
    assert known.kind not in DIALABLE or known.e164.startswith("+")


@given(st.text("0123456789", min_size=1, max_size=6))
def test_nothing_short_is_ever_dialled(digits: str) -> None:
    assert classify(digits).kind not in DIALABLE
    assert classify("+" + digits).kind not in DIALABLE
