"""Reading replication: lag and members of clusters always, the peers with their details only while somebody looks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aishell_core.clock import Clock
from aishell_core.engines.mysql import ServerFacts
from aishell_core.values import Cost, Failure, FailureCode, Part, ReplicationPeer, Sample, essential
from collectors.budget import Budget
from collectors.mysql.galera_rows import galera_peers, galera_samples, in_cluster, status_of
from collectors.mysql.group_replication_rows import group_peers, group_samples
from collectors.mysql.replication_channel import channel_of
from collectors.mysql.replication_lag import ChannelTimes
from collectors.mysql.replication_rows import (
    channel_peer,
    channel_samples,
    log_peer,
    replica_peers,
    replica_samples,
    start_statement,
    workers_of,
)
from collectors.mysql.slow_questions import NOTHING_ASKED, Found, SlowQuestions, grant
from collectors.mysql.warm_rows import ServerState
from collectors.mysql.warm_state import StateLook
from collectors.pieces import Piece

_WORKERS = "performance_schema.replication_applier_status_by_worker"
_MEMBERS = "mysql.wsrep_cluster_members"
_GROUP = "performance_schema.*"
_LOG_SECONDS = 60.0
"""The list of binary logs is read again after this time, also while it is watched: each of their files is looked at."""


@dataclass(frozen=True, slots=True)
class _Links:
    """Whom this server follows, who follows it and who is in its cluster, at one moment."""

    peers: tuple[ReplicationPeer, ...]
    samples: tuple[Sample, ...]
    found: tuple[Found, ...]
    failures: tuple[Failure, ...] = ()

    def __add__(self, other: _Links) -> _Links:
        return _Links(self.peers + other.peers, self.samples + other.samples, self.found + other.found, self.failures + other.failures)

    def piece(self, *, with_peers: bool, with_samples: bool) -> Piece:
        """All of it as a piece of a reading."""
        # One missing privilege may keep several statements from being run: it is told once.
        failures = {(each.code, each.message, each.hint): each for found in self.found for each in found.failures}
        return Piece(
            self.samples if with_samples else (),
            (("replication", self.peers),) if with_peers else (),
            (*failures.values(), *self.failures),
            sum((each.cost for each in self.found), Cost()),
        )


class ReplicationReader:
    """Reads what concerns replication; `times` remembers how far each channel had come, for whoever shares it."""

    def __init__(self, questions: SlowQuestions, clock: Clock, times: ChannelTimes) -> None:
        self._questions = questions
        self._clock = clock
        self._times = times
        self._log: tuple[Found, Found] | None = None
        self._log_until = 0.0

    async def samples(self, server: ServerFacts, look: StateLook, budget: Budget) -> Piece:
        """Lag, stopped threads, replicas and members as samples; raises TargetError."""
        links = await self._channels(server, budget)
        links += await self._replicas(server, look.state, budget, in_detail=False)
        links += await self._cluster(server, look.state, budget)
        return links.piece(with_peers=False, with_samples=True)

    async def peers(self, server: ServerFacts, look: StateLook, budget: Budget) -> Piece:
        """All ends of replication with their details; raises TargetError."""
        links = await self._channels(server, budget)
        links += await self._cluster(server, look.state, budget)
        links += await self._replicas(server, look.state, budget, in_detail=True)
        links += await self._own_log(server, look, budget)
        return links.piece(with_peers=True, with_samples=False)

    async def _channels(self, server: ServerFacts, budget: Budget) -> _Links:
        found = await self._ask(server, "channels", budget)
        found = replace(found, failures=essential(found.failures))
        channels = tuple(channel for channel in map(channel_of, found.rows or ()) if channel.host)
        workers = await self._workers(server, budget) if channels else NOTHING_ASKED
        at = self._clock.now()
        if found.rows is not None:
            self._times.keep(channel.name for channel in channels)
        known = workers_of(workers.rows or ())
        peers = tuple(
            channel_peer(
                channel,
                [each for each in known if each.channel == channel.name],
                self._times,
                at,
                start_statement(server, channel.name),
            )
            for channel in channels
        )
        return _Links(peers, channel_samples(channels, peers), (found, workers))

    async def _workers(self, server: ServerFacts, budget: Budget) -> Found:
        if not server.performance_schema:
            return NOTHING_ASKED
        return await self._ask(server, "workers", budget, grant(server, "SELECT", _WORKERS))

    async def _replicas(self, server: ServerFacts, state: ServerState, budget: Budget, *, in_detail: bool) -> _Links:
        if state.known and not state.binary_log:
            return _Links((), (), ())
        found = await self._ask(server, "replicas", budget, grant(server, "SELECT", _GROUP))
        if not state.sees_all and server.mariadb:
            message = "replicas that take this server's log are shown only to who sees all sessions"
            hidden = Failure(Part.REPLICATION, FailureCode.PRIVILEGE, message, grant(server, "PROCESS"), self._clock.now())
            return _Links((), (), (found,), (hidden,))
        hosts = NOTHING_ASKED
        if in_detail and found.rows:
            # It needs a privilege that also lets change things, so nobody is asked to grant it: names of replicas are a nicety.
            hosts = replace(await self._ask(server, "replica_hosts", budget), failures=())
        return _Links(replica_peers(found.rows or (), hosts.rows or ()), replica_samples(found.rows), (found, hosts))

    async def _cluster(self, server: ServerFacts, state: ServerState, budget: Budget) -> _Links:
        links = _Links((), (), ())
        if state.galera:
            links += await self._galera(server, state, budget)
        group = await self._group(server, budget)
        rows = group.rows or ()
        return links + _Links(group_peers(rows, state.server_uuid), group_samples(rows), (group,))

    async def _galera(self, server: ServerFacts, state: ServerState, budget: Budget) -> _Links:
        found = await self._ask(server, "galera", budget)
        status = status_of(found.rows or ())
        if not in_cluster(status):
            return _Links((), (), (found,))
        named = await self._ask(server, "galera_members", budget, grant(server, "SELECT", _MEMBERS))
        peers = galera_peers(status, state.galera_node, named.rows or ())
        # Without their names the members are known by their addresses.
        return _Links(peers, galera_samples(status, state.galera_expected), (found, replace(named, failures=())))

    async def _group(self, server: ServerFacts, budget: Budget) -> Found:
        if server.mariadb or not server.performance_schema:
            return NOTHING_ASKED
        return await self._ask(server, "group_members", budget, grant(server, "SELECT", _GROUP))

    async def _own_log(self, server: ServerFacts, look: StateLook, budget: Budget) -> _Links:
        if not look.state.binary_log:
            return _Links((), (), ())
        now = self._clock.steady()
        if self._log is None or now >= self._log_until:
            self._log = (await self._ask(server, "binlog_place", budget), await self._ask(server, "binlog_files", budget))
            self._log_until = now + _LOG_SECONDS
            place, files = self._log
        else:
            place, files = (replace(each, cost=Cost()) for each in self._log)
        return _Links(log_peer(place.row, files.rows, look.variables, look.state.retention_seconds), (), (place, files))

    async def _ask(self, server: ServerFacts, name: str, budget: Budget, hint: str = "") -> Found:
        return await self._questions.ask(server, name, Part.REPLICATION, budget, hint=hint)
