"""The hot tier: INFO each second in one question, the clients with it while somebody looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aishell_core import catalogue
from aishell_core.clock import Clock
from aishell_core.deadline import Left
from aishell_core.engines.redis import Lane, RedisSession
from aishell_core.engines.redis_text import Fields, clients_of, epoch_of, info_of, number
from aishell_core.processes import process_samples
from aishell_core.targets import Target
from aishell_core.values import Cost, Facts, Failure, FailureCode, Part, Reading, Sample, Session, Tier
from collectors.contract import Demand
from collectors.redis.clients_rows import ClientStarts, counts_of, sessions_of, waits_of
from collectors.redis.cluster_rows import Node, node_peers, nodes_of
from collectors.redis.info_rows import Sums, command_sums, hit_ratio, info_samples, mean_milliseconds, rdb_age_samples
from collectors.redis.processes import ServerProcess
from collectors.redis.progress_rows import progress_of
from collectors.redis.questions import Found, Question, Questions
from collectors.redis.replication_rows import primary_of, replicas_of, replication_samples, watched_of, watched_samples
from collectors.redis.statements import StatementsLook, StatementsReader
from collectors.redis.statements_rows import statement_samples

DEADLINE_SECONDS = 1.6
"""Less than the poller gives, so that a server that hangs is named as the reason."""

_SECTIONS = (
    "server",
    "clients",
    "memory",
    "persistence",
    "stats",
    "replication",
    "cpu",
    "commandstats",
    "errorstats",
    "cluster",
    "keyspace",
    "sentinel",
)
_KNOWS_SECTIONS = 7
_CLIENTS_SHARE = 20.0
"""A list of many clients is asked for again no sooner than so many times as long as the last one took."""

SENTINEL = "sentinel"
_QUICK_SECONDS = 0.05
_NODES_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Look:
    """INFO, the clients where they were wanted and could be had, and what was refused."""

    info: Fields
    sessions: tuple[Session, ...] | None = None
    slow: object = None
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)


class HotTier:
    """Reads one server each second, and remembers what the next reading needs to compare."""

    def __init__(self, session: RedisSession, questions: Questions, target: Target, clock: Clock) -> None:
        self._session = session
        self._questions = questions
        self._target = target
        self._clock = clock
        self._statements = StatementsReader(questions, clock)
        self._process = ServerProcess()
        self._starts = ClientStarts()
        self._info: Fields | None = None
        self._sums: Sums | None = None
        self._started: tuple[str, float] | None = None
        self._sessions: tuple[Session, ...] = ()
        self._clients_again_at = 0.0
        self._nodes: tuple[Node, ...] = ()
        self._nodes_again_at = 0.0
        self._known: Mapping[str, str] = {}

    @property
    def of_sentinel(self) -> bool:
        """Whether the server keeps no data and watches over others."""
        return mode_of(self._info or {}) == SENTINEL

    def learn(self, settings: Mapping[str, str]) -> None:
        """Settings that the meaning of some figures depends on."""
        self._known = settings

    async def read(self, demand: Demand) -> Reading:
        """One reading; raises RedisError when the server cannot be read."""
        look = await self._look(demand)
        at, info = self._clock.now(), look.info
        if self._session.by_sentinel and info.get("role") == "slave":
            self._session.look_again()
        counted = await self._counted(look, demand)
        before, self._info = self._info, info
        if before is not None and before.get("run_id") != info.get("run_id"):
            before, self._sums = None, None
        facts = facts_of(info, self._started_at(info, at))
        peers = (*filter(None, (primary_of(info),)), *replicas_of(info), *watched_of(info), *node_peers(self._nodes, at))
        return Reading(
            self._target.name,
            Tier.HOT,
            at,
            (*self._samples(look, before, at), *statement_samples(counted.statements)),
            facts,
            sessions=look.sessions,
            statements=counted.statements if Part.STATEMENTS in demand else None,
            replication=peers if Part.REPLICATION in demand else None,
            progress=progress_of(info) if Part.PROGRESS in demand else None,
            waits=waits_of(info, look.sessions),
            failures=(*look.failures, *counted.failures, *_states(info, at)),
            cost=look.cost + counted.cost,
        )

    async def _look(self, demand: Demand) -> _Look:
        asked: dict[str, Question] = {"slow": self._statements.question()} if Part.STATEMENTS in demand else {}
        asked["info"] = self._info_question()
        wanted = Part.SESSIONS in demand
        fresh = wanted and self._clock.steady() >= self._clients_again_at
        if fresh:
            asked["clients"] = ("CLIENT", "LIST")
        if Part.REPLICATION in demand and self._clock.steady() >= self._nodes_again_at and (self._info or {}).get("cluster_enabled") != "0":
            asked["nodes"] = ("CLUSTER", "NODES")
            self._nodes_again_at = self._clock.steady() + _NODES_SECONDS
        found = await self._questions.ask(asked, Lane.QUICK, DEADLINE_SECONDS)
        if "info" not in found.values:
            raise found.refused["info"]
        at = self._clock.now()
        info = info_of(found.values["info"])
        failures = found.failures({"clients": Part.SESSIONS, "slow": Part.STATEMENTS}, at)
        if info.get("cluster_enabled") == "1":
            self._nodes = nodes_of(found.values["nodes"]) if "nodes" in found.values else self._nodes
            failures += found.failures({"nodes": Part.REPLICATION}, at)
        sessions = self._listed(found, at) if fresh else (self._sessions if wanted else None)
        return _Look(info, sessions, found.values.get("slow"), failures, found.cost)

    def _info_question(self) -> tuple[str, ...]:
        """All in one: the newer servers are told which sections, so that they need not make the others."""
        known = (self._info or {}).get("redis_version", "")
        major = known.partition(".")[0]
        return ("INFO", *_SECTIONS) if major.isdecimal() and int(major) >= _KNOWS_SECTIONS else ("INFO", "all")

    def _listed(self, found: Found, at: float) -> tuple[Session, ...] | None:
        if "clients" not in found.values:
            return None
        self._starts.begin()
        self._sessions = sessions_of(clients_of(found.values["clients"]), at, self._starts.of, self._session.own_ids)
        if found.cost.seconds > _QUICK_SECONDS:
            self._clients_again_at = self._clock.steady() + _CLIENTS_SHARE * found.cost.seconds
        return self._sessions

    async def _counted(self, look: _Look, demand: Demand) -> StatementsLook:
        if Part.STATEMENTS not in demand:
            return StatementsLook(())
        left = Left(max(0.1, DEADLINE_SECONDS - look.cost.seconds), DEADLINE_SECONDS)
        major = look.info.get("redis_version", "").partition(".")[0]
        return await self._statements.read(look.info, look.slow, left, histograms=major.isdecimal() and int(major) >= _KNOWS_SECTIONS)

    def _samples(self, look: _Look, before: Fields | None, at: float) -> tuple[Sample, ...]:
        info = look.info
        now = command_sums(info)
        mean, self._sums = mean_milliseconds(now, self._sums), now
        ratio = hit_ratio(info, before)
        counts = counts_of(info)
        watched = watched_of(info)
        return (
            *info_samples(info),
            *rdb_age_samples(info, self._known.get("save"), at),
            *replication_samples(info),
            *(() if mean is None else (Sample(catalogue.QUERY_LATENCY, mean),)),
            *(() if ratio is None else (Sample(catalogue.CACHE_HIT_RATIO, ratio),)),
            *(Sample(catalogue.SESSIONS_BY_STATE, value, (("state", state),)) for state, value in counts.items()),
            *(watched_samples(watched) if "sentinel_masters" in info else ()),
            *self._limits(info),
            *process_samples(self._process.of(info, self._session.socket, self._started[1] if self._started else None)),
        )

    def _limits(self, info: Fields) -> tuple[Sample, ...]:
        """The limit of connections where INFO does not tell it, as before 6.2."""
        told = self._known.get("maxclients", "")
        if "maxclients" in info or not told.isdecimal() or int(told) <= 0:
            return ()
        used = number(info, "connected_clients")
        usage = () if used is None else (Sample(catalogue.POOL_USAGE, used / int(told)),)
        return (Sample(catalogue.CONNECTIONS_MAX, float(told)), *usage)

    def _started_at(self, info: Fields, at: float) -> float | None:
        """When this life of the server began; settled at the first look where the server does not tell its own clock."""
        run, uptime = info.get("run_id", ""), number(info, "uptime_in_seconds")
        told = epoch_of(info)
        if told is None and self._started is not None and self._started[0] == run:
            told = self._started[1]
        if told is None and uptime is not None:
            told = at - uptime
        self._started = None if told is None else (run, told)
        return told


def mode_of(info: Fields) -> str:
    """How the server was started: standalone, cluster or sentinel; "" where it does not tell."""
    return info.get("server_mode") or info.get("redis_mode") or ""


def facts_of(info: Fields, started_at: float | None) -> Facts:
    """What the server says of itself."""
    valkey = info.get("valkey_version")
    mode = mode_of(info)
    role = {"master": "primary", "slave": "replica"}.get(info.get("role", ""), info.get("role", ""))
    details = (
        ("server", f"{'Valkey' if valkey else 'Redis'}{' Sentinel' if mode == SENTINEL else ''}"),
        ("product", "Valkey" if valkey else ""),
        ("mode", mode),
        ("process", info.get("process_id", "")),
        ("port", info.get("tcp_port", "")),
        ("eviction", info.get("maxmemory_policy", "")),
        ("configuration", info.get("config_file", "")),
        ("system", info.get("os", "")),
        ("allocator", info.get("mem_allocator", "")),
    )
    # A Valkey tells the version of the Redis that it is like as well.
    version = valkey or info.get("redis_version", "")
    known = tuple((name, value) for name, value in details if value)
    return Facts("redis", version, SENTINEL if mode == SENTINEL else role, started_at, known)


def _states(info: Fields, at: float) -> tuple[Failure, ...]:
    """What the matter is with a server that answers."""
    found = []
    if info.get("loading") == "1":
        done = info.get("loading_loaded_perc", "")
        told = f", {done} % so far" if done else ""
        found.append(
            Failure(
                "data", FailureCode.LOCKED, f"the server is loading its data into memory{told}", "clients are answered when it is done", at
            )
        )
    if info.get("rdb_last_bgsave_status") == "err":
        hint = "its log says why: mostly the disk is full or the folder may not be written; until then it refuses writes"
        found.append(Failure("data", FailureCode.REFUSED, "the last save of the data failed", hint, at))
    return tuple(found)
