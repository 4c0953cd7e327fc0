"""The warm tier: the slow log's count, latency spikes, the cluster, and the keys while somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aishell_core import catalogue
from aishell_core.clock import Clock
from aishell_core.deadline import Left
from aishell_core.engines.redis import Lane
from aishell_core.engines.redis_text import Fields, info_of, readable
from aishell_core.targets import Target
from aishell_core.values import Cost, Failure, Part, Reading, Relation, Sample, Tier, essential
from collectors.contract import Demand
from collectors.redis.cluster_rows import cluster_samples, nodes_of
from collectors.redis.keys import KeysReader
from collectors.redis.questions import Found, Question, Questions
from collectors.redis.settings_rows import known_settings
from collectors.redis.statements_rows import slow_entries

DEADLINE_SECONDS = 3.0
"""Less than the poller gives: a server that answers at all does it in milliseconds."""

_SETTINGS = ("save", "maxclients")
_PARTS = {"slow": "slow log", "latency": "latency", "cluster": "cluster", "nodes": "cluster"}


class WarmTier:
    """Reads what is worth a look every quarter of a minute; what is refused is a Failure."""

    def __init__(
        self, questions: Questions, target: Target, clock: Clock, keys: KeysReader, learn: Callable[[Mapping[str, str]], None]
    ) -> None:
        """`learn` is told the settings that the meaning of other figures depends on."""
        self._questions = questions
        self._target = target
        self._clock = clock
        self._keys = keys
        self._learn = learn

    async def read(self, demand: Demand) -> Reading:
        """One reading; raises RedisError when the server cannot be read."""
        began = self._clock.steady()
        found = await self._questions.ask(self._asked(), Lane.SLOW, DEADLINE_SECONDS)
        if "info" not in found.values:
            raise found.refused["info"]
        info, cost = info_of(found.values["info"]), found.cost
        self._learn(known_settings({name: found.values[name] for name in _SETTINGS if name in found.values}))
        more = Found({})
        if info.get("cluster_enabled") == "1":
            asked: dict[str, Question] = {"cluster": ("CLUSTER", "INFO"), "nodes": ("CLUSTER", "NODES")}
            more = await self._questions.ask(asked, Lane.SLOW, self._left(began))
            cost += more.cost
        relations: tuple[Relation, ...] | None = None
        failures: tuple[Failure, ...] = ()
        if Part.RELATIONS in demand:
            relations, failures, spent = await self._keys.read(info, self._left(began))
            cost += spent
        at = self._clock.now()
        return Reading(
            self._target.name,
            Tier.WARM,
            at,
            (*_slow_samples(found, info), *_latency_samples(found), *_cluster_samples(more)),
            relations=relations,
            failures=(*found.failures(_PARTS, at), *essential(more.failures(_PARTS, at)), *failures),
            cost=cost if cost.queries else Cost(),
        )

    def _asked(self) -> dict[str, Question]:
        return {
            "info": ("INFO",),
            "slow": ("SLOWLOG", "GET", 1),
            "latency": ("LATENCY", "LATEST"),
            **{name: ("CONFIG", "GET", name) for name in _SETTINGS},
        }

    def _left(self, began: float) -> float:
        return Left(max(0.1, DEADLINE_SECONDS - (self._clock.steady() - began)), DEADLINE_SECONDS)


def _slow_samples(found: Found, info: Fields) -> tuple[Sample, ...]:
    """How many commands the slow log has ever taken: its entries are numbered from 0."""
    if "slow" not in found.values or "slowlog_commands_count" in info:
        return ()
    newest = max((entry.number for entry in slow_entries(found.values["slow"])), default=None)
    return () if newest is None else (Sample(catalogue.REDIS_SLOW_RATE, float(newest + 1)),)


def _latency_samples(found: Found) -> tuple[Sample, ...]:
    """The latest spike of each event that the latency monitor saw."""
    rows = found.values.get("latency")
    if not isinstance(rows, list):
        return ()
    samples = []
    for row in rows:
        match row:
            case [event, int(), int(milliseconds), *_]:
                samples.append(Sample(catalogue.REDIS_LATENCY_WORST, float(milliseconds), (("event", readable(event)),)))
    return tuple(samples)


def _cluster_samples(found: Found) -> tuple[Sample, ...]:
    if "cluster" not in found.values:
        return ()
    nodes = nodes_of(found.values["nodes"]) if "nodes" in found.values else ()
    return cluster_samples(info_of(found.values["cluster"]), nodes)
