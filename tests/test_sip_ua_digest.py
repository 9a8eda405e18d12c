"""Digest authentication against the examples of its RFCs, and both sides against each other."""

import pytest

from sip.ua.digest import Challenger, authorization, parse_params, response
from sip.ua.message import BadMessage, Msg

RFC2617 = {"realm": "testrealm@host.com", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093"}
RFC7616 = {"realm": "http-auth@example.org", "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"}
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("user", "params", "cnonce", "wanted"),
    [
        # RFC 2617 3.5
        (("Mufasa", "Circle Of Life"), RFC2617, "0a4f113b", "6629fae49393a05397450978507c4ef1"),
        # RFC 7616 3.9.1
        (("Mufasa", "Circle of Life"), RFC7616, CNONCE, "8ca523f5e9506fed4657c9700eebdbec"),
        (
            ("Mufasa", "Circle of Life"),
            {**RFC7616, "algorithm": "SHA-256"},
            CNONCE,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ],
)
def test_examples_of_the_rfcs(user: tuple[str, str], params: dict[str, str], cnonce: str, wanted: str) -> None:
    assert response(user, params, "GET", "/dir/index.html", "00000001", cnonce) == wanted


def invite(value: str) -> Msg:
    return Msg("INVITE sip:a@b SIP/2.0", [("cseq", "1 INVITE"), ("proxy-authorization", value)])


def test_right_credentials_are_accepted_once() -> None:
    challenger = Challenger()
    value = authorization(("u", "p"), challenger.challenge("LiveKit"), "INVITE", "sip:a@b")
    assert challenger.accepts(invite(value), "LiveKit", ("u", "p"))
    assert not challenger.accepts(invite(value), "LiveKit", ("u", "p"))


@pytest.mark.parametrize("credentials", [("u", "wrong"), ("other", "p")])
def test_wrong_credentials_are_not(credentials: tuple[str, str]) -> None:
    challenger = Challenger()
    value = authorization(credentials, challenger.challenge("LiveKit"), "INVITE", "sip:a@b")
    assert not challenger.accepts(invite(value), "LiveKit", ("u", "p"))


@pytest.mark.parametrize(
    "value", ["", "Digest", "Basic abc", 'Digest nonce="x", username="u"', 'Digest algorithm="??"']
)
def test_nonsense_is_not_accepted(value: str) -> None:
    assert not Challenger().accepts(invite(value), "LiveKit", ("u", "p"))


def test_challenge_with_qop_is_answered_with_a_client_nonce() -> None:
    challenge = 'Digest realm="r", nonce="n", qop="auth-int, auth", opaque="o", algorithm=SHA-256'
    params = parse_params(authorization(("u", "p"), challenge, "INVITE", "sip:a@b"))
    assert (params["qop"], params["nc"], params["opaque"]) == ("auth", "00000001", "o")
    again = response(("u", "p"), params, "INVITE", "sip:a@b", params["nc"], params["cnonce"])
    assert params["response"] == again


def test_unknown_algorithm_is_refused() -> None:
    with pytest.raises(BadMessage, match="algorithm"):
        authorization(("u", "p"), 'Digest realm="r", nonce="n", algorithm=SHA3', "INVITE", "sip:a@b")
