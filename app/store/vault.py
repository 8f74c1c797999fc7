"""Secrets at rest: encrypted with the newest key, readable with any key that is still listed."""

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class WrongKey(Exception):
    """What is stored was encrypted with a key that is not among the configured ones."""


class Vault:
    """Seals and opens a connection's settings. Keys are Fernet keys, newest first."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, values: dict[str, str]) -> bytes:
        """The values, encrypted with the newest key."""
        return self._fernet.encrypt(msgspec.json.encode(values))

    def open(self, sealed: bytes) -> dict[str, str]:
        """The values. Raises WrongKey where no configured key fits."""
        try:
            return msgspec.json.decode(self._fernet.decrypt(bytes(sealed)), type=dict[str, str])
        except InvalidToken:
            raise WrongKey(
                "the stored secrets cannot be read: BATON_SECRET_KEY (or secret.key in BATON_HOME) is not the key "
                "they were written with"
            ) from None

    def reseal(self, sealed: bytes) -> bytes:
        """The same values under the newest key."""
        return self._fernet.rotate(bytes(sealed))
