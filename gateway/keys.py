"""API keys as HTTP shows them. Once one exists, all but the probes need one; `storage/keys.py` knows them."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.errors import RefusedError
from storage.keys import ApiKey, KnownKeys, Refusal, Right


class Keys:
    """What the gateway asks on each request: may this caller do that?"""

    def __init__(self, known: KnownKeys) -> None:
        self._known = known

    @property
    def required(self) -> bool:
        """Whether a key exists, and so every caller needs one."""
        return self._known.required

    def admit(self, headers: Mapping[bytes, bytes], right: Right | None) -> str | None:
        """The name of the caller's key; None where no key is needed.

        Raises 401 or 403. `right` None: any key will do.
        """
        found = self.admitted(headers, right)
        return None if found is None else found.name

    def admitted(self, headers: Mapping[bytes, bytes], right: Right | None) -> ApiKey | None:
        """The same, with all that is known of the key."""
        found = self._known.judge(_shown(headers), right)
        if isinstance(found, Refusal):
            raise _refused(found, right)
        return found


def labels_for_all(key: ApiKey | None) -> bool:
    """Whether it may label the rows of every key: who may label, and may read them anyway."""
    return key is None or key.rights >= {Right.LABEL, Right.READ}


def _refused(refusal: Refusal, right: Right | None) -> RefusedError:
    if refusal is Refusal.LACKING:
        return RefusedError(403, f"this API key lacks the right '{right}'", reason="permission_denied")
    return RefusedError(401, _WORDS[refusal], reason="invalid_api_key")


_WORDS = {
    Refusal.MISSING: "an API key is needed: send the header 'Authorization: Bearer <key>'",
    Refusal.UNKNOWN: "this API key is not known; ask for a new one",
    Refusal.ENDED: "this API key has expired or was revoked",
}


def _shown(headers: Mapping[bytes, bytes]) -> str | None:
    scheme, _, text = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else None
