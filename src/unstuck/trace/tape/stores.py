"""What stands for an object, or for a part of it, in the instrumented form of an assignment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class Stores(Protocol):
    """The hooks that do the storing."""

    def set(self, site: int, value: Any, owner: Any, index: Any, /) -> None: ...

    def set_attribute(self, site: int, owner: Any, name: str, value: Any, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an object that is about to be updated: an attribute or an item, and its old value."""

    owner: Any
    key: Any
    kind: str
    value: Any


class Owner:
    """Stands for an object in `object[index] = value` and `object.shape = value`."""

    __slots__ = ("_owner", "_recorder", "_site")

    def __init__(self, recorder: Stores, site: int, owner: Any) -> None:
        object.__setattr__(self, "_recorder", recorder)
        object.__setattr__(self, "_site", site)
        object.__setattr__(self, "_owner", owner)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._recorder.set(self._site, value, self._owner, index)

    def __setattr__(self, name: str, value: Any) -> None:
        self._recorder.set_attribute(self._site, self._owner, name, value)

    _recorder: Stores
    _site: int
    _owner: Any
