"""The token: what a client shows to be let in, given by a setting or made anew at each start."""

import hashlib
import hmac
import secrets

from fourfold_config.settings import SettingsError

_LEAST_CHARS = 16  # of a token that somebody chose: too many to be tried out
_BYTES = 32  # of a made one


def settled_token(given: str) -> tuple[str, bool]:
    """The token, and whether it was made here because none was given.

    Raises:
        SettingsError: the given one is short, or cannot stand in a header.
    """
    if not given:
        return secrets.token_urlsafe(_BYTES), True
    if len(given) < _LEAST_CHARS or not all("!" <= char <= "~" for char in given):
        told = (
            f"expected at least {_LEAST_CHARS} visible ASCII characters without spaces, got {len(given)} characters"
        )
        raise SettingsError(f"setting http.token: {told}")
    return given, False


class Token:
    """The token as it is compared: by its digest, in a time that tells nothing of what was right."""

    def __init__(self, text: str) -> None:
        self._digest = hashlib.sha256(text.encode()).digest()

    def matches(self, given: bytes) -> bool:
        return hmac.compare_digest(hashlib.sha256(given).digest(), self._digest)
