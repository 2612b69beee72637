"""Telephone numbers and SIP URIs in the one form in which all carriers must agree on them.

A label is made of the caller, the called number and the second. Two carriers of one call find each other's
records only if both write these in the same form, so a source states its number plan, nothing is guessed,
and whether a number exists is judged by its length alone: that judgement does not change with the release
of a numbering database.
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Literal, Self
from urllib.parse import unquote

import phonenumbers
from pydantic import BaseModel, ConfigDict, Field, model_validator

from trunkline.errors import NumberError

_FIELD_LIMIT = 512
_VALUE_LIMIT = 255
_NANP_COUNTRY_CODE = 1
_NANP_NATIONAL_LENGTH = 10
_NANP_LENGTH = len("+1") + _NANP_NATIONAL_LENGTH

_DIALABLE = re.compile(r"\+?[0-9(][0-9()./\- ]{1,39}")
_SEPARATORS = re.compile(r"[()./\- ]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ONE_AND_TEN = re.compile(r"1[0-9]{10}")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?")
# RFC 3261 section 25.1: the characters that may stand unescaped in the user part of a SIP URI.
_USER_UNESCAPED = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()&=+$,;?/",
)


class PartyKind(IntEnum):
    """What stands at one end of a call; the values are part of the call-details encoding."""

    WITHHELD = 0
    E164 = 1
    URI = 2


@dataclass(frozen=True, slots=True, repr=False)
class Party:
    """One end of a call in canonical form.

    Attributes:
        kind: Telephone number, SIP URI, or withheld.
        value: `+` and digits, or `user@host`, or the empty string. Never shown by `repr`.
    """

    kind: PartyKind
    value: str

    @property
    def text(self) -> str:
        """The canonical form itself; empty for a withheld party. For protocol use, never for logs."""
        return self.value

    def __repr__(self) -> str:
        return f"Party({self.kind.name})"


WITHHELD = Party(PartyKind.WITHHELD, "")


class NumberPlan(BaseModel):
    """How a source writes telephone numbers. A number with a leading + is E.164 under every plan.

    Attributes:
        style: `e164` (+ and digits), `e164-without-plus`, `national` (as dialled in the region, with or
            without its trunk prefix), or `1+national` (North America: 1 and ten digits).
        region: The region of national numbers, as two letters (ISO 3166).
        international_prefix: Digits that stand before a foreign number, such as 011 or 00; may be empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    style: Literal["e164", "e164-without-plus", "national", "1+national"]
    region: str = Field(pattern=r"^[A-Z]{2}$")
    international_prefix: str = Field(default="", pattern=r"^[0-9]{0,6}$")

    @model_validator(mode="after")
    def _check_region(self) -> Self:
        if phonenumbers.country_code_for_region(self.region) == 0:
            raise ValueError("region: not a region with telephone numbers; state two letters such as US")
        if self.style == "1+national" and not _is_nanp(self.region):
            raise ValueError("style 1+national exists only in regions with country code 1")
        return self


def normalise_caller(raw: str | None, plan: NumberPlan) -> Party:
    """Bring a caller field into canonical form; what is neither number nor URI with a domain is withheld.

    Never raises: a caller can put any word into this field, and a call must not vanish because of it.

    Args:
        raw: The field as the switch wrote it: a number, a SIP or tel URI, a name-addr, or any word.
        plan: The number plan of the source.

    Returns:
        The caller, or `WITHHELD`.
    """
    if raw is None or len(raw) > _FIELD_LIMIT:
        return WITHHELD
    return _normalise(raw, plan) or WITHHELD


def normalise_called(raw: str, plan: NumberPlan) -> Party:
    """Bring a called number or URI into canonical form.

    Args:
        raw: The field as the switch wrote it.
        plan: The number plan of the source.

    Returns:
        A party that is never withheld.

    Raises:
        NumberError: It is neither a number under the plan nor a URI with a domain.
    """
    party = _normalise(raw, plan) if len(raw) <= _FIELD_LIMIT else None
    if party is None:
        raise NumberError("the called number is none under the source's number plan: check number_plan")
    return party


@lru_cache(maxsize=16_384)
def _normalise(raw: str, plan: NumberPlan) -> Party | None:
    text = raw.strip()
    if text.endswith(">") or ">;" in text:
        text = text.rpartition("<")[2].partition(">")[0].strip()
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() == "tel":
        return _number(_global_number(rest), plan)
    if colon and scheme.lower() in ("sip", "sips"):
        text = rest
    user, at, host = text.rpartition("@")
    if not at:
        return None if colon else _number(text, plan)
    user = unquote(user.partition(":")[0])
    return _number(user.partition(";")[0], plan) or _uri(user, host)


def _global_number(subscriber: str) -> str:
    """Put a tel URI's global phone-context before its local number (RFC 3966)."""
    number, *parameters = subscriber.split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.lower() == "phone-context" and value.startswith("+") and not number.startswith("+"):
            return value + number
    return number


def _number(text: str, plan: NumberPlan) -> Party | None:
    if not text.isascii() or not _DIALABLE.fullmatch(text):
        return None
    digits = _SEPARATORS.sub("", text)
    region = None
    if not digits.startswith("+"):
        prefix = plan.international_prefix
        if prefix and digits.startswith(prefix):
            digits = "+" + digits.removeprefix(prefix)
        elif plan.style == "national" and len(digits) == _NANP_NATIONAL_LENGTH and _is_nanp(plan.region):
            digits = "+1" + digits
        elif plan.style == "national":
            region = plan.region
        elif plan.style == "e164-without-plus" or (
            plan.style == "1+national" and _ONE_AND_TEN.fullmatch(digits)
        ):
            digits = "+" + digits
        else:
            return None
    if digits.startswith("+1") and len(digits) == _NANP_LENGTH:
        # Most numbers, and the library finds all of them possible, at fifty times the price.
        return Party(PartyKind.E164, digits)
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    if region is not None and number.country_code != phonenumbers.country_code_for_region(region):
        # The library read the region's own international prefix, which the source did not state.
        return None
    return Party(PartyKind.E164, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


@lru_cache(maxsize=512)
def _is_nanp(region: str) -> bool:
    return phonenumbers.country_code_for_region(region) == _NANP_COUNTRY_CODE


def _uri(user: str, rest: str) -> Party | None:
    """Canonicalise a SIP URI that is no number (RFC 3261, 19.1.4); None if it names nobody (RFC 3323)."""
    address = re.split(r"[;?>]", rest, maxsplit=1)[0].strip().lower()
    host, colon, port = address.partition(":")
    if (
        not user
        or _SURROGATE.search(user)
        or not _HOST.fullmatch(host)
        or host.endswith(".invalid")
        or (colon and not port.isdecimal())
    ):
        return None
    if user.lower() == "anonymous":
        return None
    escaped = "".join(
        character if character in _USER_UNESCAPED else "".join(f"%{byte:02X}" for byte in character.encode())
        for character in user
    )
    value = f"{escaped}@{address}"
    return Party(PartyKind.URI, value) if len(value) <= _VALUE_LIMIT else None
