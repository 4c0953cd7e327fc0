"""What a value counts: how units go through arithmetic, and what one is in another. All pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aishell_core.values import Unit


class Sort(StrEnum):
    """What kind of number one without bytes and seconds is; `NUMBER` is a plain literal and fits everything."""

    NUMBER = "a plain number"
    COUNT = "a count"
    RATIO = "a ratio"


@dataclass(frozen=True, slots=True)
class Quantity:
    """The powers of bytes and seconds in a value, and how much of those bases one of it is (0.001 for milliseconds)."""

    bytes: int = 0
    seconds: int = 0
    scale: float = 1.0
    sort: Sort = Sort.COUNT

    @property
    def is_plain(self) -> bool:
        """Whether it takes the unit of whatever it stands beside."""
        return self.sort is Sort.NUMBER

    @property
    def is_bare(self) -> bool:
        """Whether neither bytes nor seconds are in it."""
        return not self.bytes and not self.seconds

    def __str__(self) -> str:
        for unit, quantity in _OF_UNIT.items():
            if quantity == self:
                return unit.value
        return _composed(self)


PLAIN = Quantity(sort=Sort.NUMBER)
COUNT = Quantity()
RATIO = Quantity(sort=Sort.RATIO)
SECONDS = Quantity(seconds=1)
BYTES = Quantity(bytes=1)
_OF_UNIT = {
    Unit.COUNT: COUNT,
    Unit.RATIO: RATIO,
    Unit.SECONDS: SECONDS,
    Unit.MILLISECONDS: Quantity(seconds=1, scale=0.001),
    Unit.BYTES: BYTES,
    Unit.PER_SECOND: Quantity(seconds=-1),
    Unit.BYTES_PER_SECOND: Quantity(bytes=1, seconds=-1),
    # Time spent per time: a share by its nature, as of one core.
    Unit.MILLISECONDS_PER_SECOND: Quantity(scale=0.001, sort=Sort.RATIO),
}
RAW_UNITS = {
    Unit.PER_SECOND: Unit.COUNT,
    Unit.BYTES_PER_SECOND: Unit.BYTES,
    Unit.MILLISECONDS_PER_SECOND: Unit.MILLISECONDS,
}
"""What a counter counts, by the unit of its rate."""


def quantity_of(unit: Unit | None) -> Quantity:
    """The quantity of a metric's unit; a plain number's for None."""
    return PLAIN if unit is None else _OF_UNIT[unit]


def words(quantity: Quantity) -> str:
    """How a message calls it: "bytes", "seconds", "a count"."""
    if quantity.is_bare:
        return quantity.sort.value
    return {(1, 0): "bytes", (0, 1): "a time", (0, -1): "per second", (1, -1): "bytes per second"}.get(
        (quantity.bytes, quantity.seconds), f"in {quantity}"
    )


def fits(one: Quantity, other: Quantity) -> bool:
    """Whether the two can be compared, added and subtracted."""
    if one.is_plain or other.is_plain:
        return True
    return (one.bytes, one.seconds) == (other.bytes, other.seconds) and (not one.is_bare or one.sort is other.sort)


def factor(one: Quantity, other: Quantity) -> float:
    """What a value of `one` is multiplied by to be in the unit of `other`; 1 when either is a plain number."""
    return 1.0 if one.is_plain or other.is_plain else one.scale / other.scale


def product(one: Quantity, other: Quantity) -> Quantity:
    """What one times the other counts."""
    if one.is_plain:
        return other
    if other.is_plain:
        return one
    return Quantity(one.bytes + other.bytes, one.seconds + other.seconds, one.scale * other.scale, _sort(one, other))


def quotient(one: Quantity, other: Quantity) -> Quantity:
    """What one divided by the other counts; a share when both count the same."""
    if other.is_plain:
        return one
    if one.is_plain:
        one = COUNT
    powers = one.bytes - other.bytes, one.seconds - other.seconds
    same = (one.bytes, one.seconds) == (other.bytes, other.seconds) and one.sort is other.sort
    return Quantity(*powers, one.scale / other.scale, Sort.RATIO if same else _sort(one, other))


def per_second(quantity: Quantity) -> Quantity:
    """What a slope of such a value counts."""
    return quotient(quantity, SECONDS)


def _sort(one: Quantity, other: Quantity) -> Sort:
    """Of shares alone a share comes; as soon as something is counted, a count."""
    return Sort.RATIO if one.is_bare and other.is_bare and Sort.COUNT not in (one.sort, other.sort) else Sort.COUNT


def _composed(quantity: Quantity) -> str:
    """A unit that no metric has, such as bytes/s^2; the scale stands before it where it is not 1."""
    if quantity.is_plain:
        return ""
    above = [_power(name, power) for name, power in (("bytes", quantity.bytes), ("s", quantity.seconds)) if power > 0]
    below = [_power(name, -power) for name, power in (("bytes", quantity.bytes), ("s", quantity.seconds)) if power < 0]
    text = "*".join(above) or "1"
    if below:
        text += "/" + "/".join(below)
    elif not above:
        text = quantity.sort.name.lower()
    return text if quantity.scale == 1.0 else f"{quantity.scale:g} {text}"


def _power(name: str, power: int) -> str:
    return name if power == 1 else f"{name}^{power}"
