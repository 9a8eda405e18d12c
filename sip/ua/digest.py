"""SIP digest authentication, both sides (RFC 8760 and 7616, RFC 2617 for peers without qop)."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

from sip.ua.message import BadMessage, Msg

_PARAM = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_HASHES = {"MD5": "md5", "SHA-256": "sha256"}
MAX_NONCES = 256


def parse_params(value: str) -> dict[str, str]:
    """The parameters of a challenge or of credentials; names in lower case."""
    return {m[1].lower(): m[2] if m[2] is not None else m[3] for m in _PARAM.finditer(value.partition(" ")[2])}


def response(
    credentials: tuple[str, str], params: dict[str, str], method: str, uri: str, nc: str = "", cnonce: str = ""
) -> str:
    """The `response` value; with `cnonce` for qop=auth, without for RFC 2617's old form.

    `params` needs realm and nonce, and may name the algorithm. Raises BadMessage for one that we do not know."""
    name = params.get("algorithm", "MD5").upper()
    if name not in _HASHES or "realm" not in params or "nonce" not in params:
        raise BadMessage(f"cannot answer this digest challenge (algorithm {name})")

    def h(text: str) -> str:
        return hashlib.new(_HASHES[name], text.encode(), usedforsecurity=False).hexdigest()

    user, password = credentials
    secret, what = h(f"{user}:{params['realm']}:{password}"), h(f"{method}:{uri}")
    middle = f"{params['nonce']}:{nc}:{cnonce}:auth" if cnonce else params["nonce"]
    return h(f"{secret}:{middle}:{what}")


def authorization(credentials: tuple[str, str], challenge: str, method: str, uri: str) -> str:
    """The (Proxy-)Authorization value that answers a challenge. Raises BadMessage when we cannot."""
    params = parse_params(challenge)
    qop = "auth" in [q.strip() for q in params.get("qop", "").split(",")]
    nc, cnonce = ("00000001", secrets.token_hex(8)) if qop else ("", "")
    value = response(credentials, params, method, uri, nc, cnonce)
    out = [
        f'Digest username="{credentials[0]}"',
        f'realm="{params["realm"]}"',
        f'nonce="{params["nonce"]}"',
        f'uri="{uri}"',
        f'response="{value}"',
        f"algorithm={params.get('algorithm', 'MD5')}",
    ]
    if qop:
        out += ["qop=auth", f"nc={nc}", f'cnonce="{cnonce}"']
    if "opaque" in params:
        out.append(f'opaque="{params["opaque"]}"')
    return ", ".join(out)


@dataclass(slots=True)
class Challenger:
    """Server side: gives out nonces and checks what comes back; each nonce is good for one request."""

    _nonces: dict[str, None] = field(default_factory=dict)

    def challenge(self, realm: str) -> str:
        """A Proxy-Authenticate value."""
        nonce = secrets.token_hex(12)
        while len(self._nonces) >= MAX_NONCES:
            del self._nonces[next(iter(self._nonces))]
        self._nonces[nonce] = None
        return f'Digest realm="{realm}", nonce="{nonce}", algorithm=MD5'

    def accepts(self, request: Msg, realm: str, credentials: tuple[str, str]) -> bool:
        """Whether the request carries the right credentials for a nonce of ours."""
        params = parse_params(request.get("proxy-authorization") or request.get("authorization"))
        nonce = params.get("nonce", "")
        if nonce not in self._nonces or params.get("username") != credentials[0]:
            return False
        del self._nonces[nonce]
        ours = {"realm": realm, "nonce": nonce, "algorithm": params.get("algorithm", "MD5")}
        cnonce = params.get("cnonce", "") if params.get("qop") else ""
        try:
            want = response(credentials, ours, request.method, params.get("uri", ""), params.get("nc", ""), cnonce)
        except BadMessage:
            return False
        return hmac.compare_digest(want, params.get("response", ""))


def presented(request: Msg) -> bool:
    """Whether the request carries credentials at all."""
    return bool(request.get("proxy-authorization") or request.get("authorization"))
