"""Who may enter: a file of names, roles and password hashes, and signed cookies that say who came in."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

#: An operator sees every call with its personal data; a visitor talks to the bot and sees the calls of this browser.
Role: TypeAlias = Literal["operator", "visitor"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

SESSION_S: Final = 12 * 3600
PASSWORD_MIN: Final = 12
_NAME: Final = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_HASHER: Final = PasswordHasher()  # argon2id with the library's parameters (RFC 9106, low memory)


class LoginsUnusable(Exception):
    """The file of logins cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Login:
    """One line of the file."""

    name: str
    role: Role
    hash: str

    @property
    def mark(self) -> str:
        """Changes with the password: a session made with the old one ends."""
        return hashlib.sha256(self.hash.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who may see things."""

    name: str
    role: Role


#: Where nobody logs in, only this machine can connect: whoever does is the one who runs it.
LOCAL: Final = Who("", "operator")


def read_logins(path: Path) -> dict[str, Login]:
    """The logins of a file with lines `name:role:hash`. Raises LoginsUnusable."""
    try:
        if path.stat().st_mode & 0o077:
            raise LoginsUnusable(f"{path} can be read by others: chmod 600 {path}")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as wrong:
        raise LoginsUnusable(f"{path} cannot be read ({wrong}): make it with `leadline web login NAME`") from None
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.strip().partition(":")
        role, _, hash_ = rest.partition(":")
        if not _NAME.fullmatch(name) or role not in ROLES or not hash_.startswith("$argon2"):
            raise LoginsUnusable(
                f"{path}:{number} is not `name:role:hash`: make the line with `leadline web login NAME`"
            )
        found[name] = Login(name, role, hash_)
    return found


def line_of(name: str, role: Role, password: str) -> str:
    """A line for the file. Raises LoginsUnusable for a name or password that will not do."""
    if not _NAME.fullmatch(name):
        raise LoginsUnusable("a name has up to 64 letters, digits or . _ @ -")
    if len(password) < PASSWORD_MIN:
        raise LoginsUnusable(f"a password has at least {PASSWORD_MIN} characters")
    return f"{name}:{role}:{_HASHER.hash(password)}"


def put_line(path: Path, line: str) -> None:
    """Put a line into the file, in place of the one with the same name; nobody else can read the file then."""
    name = line.partition(":")[0]
    kept = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    lines = [*(old for old in kept if old.partition(":")[0] != name), line]
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
    draft.replace(path)


def check(logins: Mapping[str, Login], name: str, password: str) -> Login | None:
    """The login that fits. Takes as long for a name that does not exist. Slow on purpose: call it in a thread."""
    login = logins.get(name)
    try:
        _HASHER.verify(login.hash if login is not None else _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return None
    return login


_NOBODY: Final = _HASHER.hash("the password of nobody")


class Cookies:
    """Signs and reads what the browser carries for us. Keys are derived from LiveKit's secret: one secret to keep."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def session(self, login: Login, now: float) -> str:
        """The cookie of somebody who logged in."""
        claims = {"sub": login.name, "mark": login.mark, "exp": int(now) + SESSION_S}
        return jwt.encode(claims, self._key("session"), "HS256")

    def who(self, cookie: str, logins: Mapping[str, Login], now: float) -> Who | None:
        """Who carries this cookie; None when it is stale, forged, or the login was changed meanwhile."""
        claims = self._read("session", cookie, now)
        login = logins.get(str(claims.get("sub", "")))
        if login is None or not hmac.compare_digest(str(claims.get("mark", "")), login.mark):
            return None
        return Who(login.name, login.role)

    def seats(self, calls: tuple[str, ...], now: float) -> str:
        """The cookie of a browser that began these calls."""
        return jwt.encode({"calls": list(calls), "exp": int(now) + SESSION_S}, self._key("seats"), "HS256")

    def seated(self, cookie: str, now: float) -> tuple[str, ...]:
        """The calls that this browser began."""
        calls = self._read("seats", cookie, now).get("calls", ())
        return tuple(map(str, calls)) if isinstance(calls, list) else ()

    def _key(self, purpose: str) -> bytes:
        return hmac.digest(self._secret, f"leadline console {purpose}".encode(), "sha256")

    def _read(self, purpose: str, cookie: str, now: float) -> dict[str, object]:
        options: jwt.types.Options = {"verify_exp": False, "require": ["exp"]}
        try:
            claims: dict[str, object] = jwt.decode(cookie, self._key(purpose), ["HS256"], options=options)
        except jwt.InvalidTokenError:
            return {}
        expires = claims.get("exp")
        return claims if isinstance(expires, int) and expires > now else {}
