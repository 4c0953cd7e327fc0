"""How a metric is declared, and which engines there are to declare it for."""

from __future__ import annotations

from aishell_core.values import Kind, Metric, Thresholds, Unit

SERVERS = ("postgres", "mysql", "mongodb", "redis", "oracle")
DATABASES = (*SERVERS, "sqlite")
HOST = ("host",)
SQLITE = ("sqlite",)
POSTGRES = ("postgres",)
MYSQL = ("mysql",)
MONGODB = ("mongodb",)
REDIS = ("redis",)
ORACLE = ("oracle",)
PGBOUNCER = ("pgbouncer",)
POOLED = (*SERVERS, *PGBOUNCER)
SERVED = (*DATABASES, *PGBOUNCER)
TRANSACTED = ("postgres", "mysql", "oracle")
"""Servers on which every change is a transaction, so that their number says what a server does."""
ANY = (*DATABASES, *PGBOUNCER, "host")

DECLARED: dict[str, Metric] = {}


def _declare(
    name: str,
    unit: Unit,
    kind: Kind,
    engines: tuple[str, ...],
    help: str,
    *,
    warning: float | None = None,
    critical: float | None = None,
    falling: bool = False,
    sustained_seconds: float = 0.0,
    by_engine: tuple[tuple[str, Thresholds], ...] = (),
    highest: float = 1.0,
) -> Metric:
    if name in DECLARED:
        raise ValueError(f"metric {name} is declared twice")
    metric = Metric(name, unit, kind, help, engines, Thresholds(warning, critical, falling, sustained_seconds), by_engine, highest)
    DECLARED[name] = metric
    return metric


def gauge(
    name: str,
    unit: Unit,
    engines: tuple[str, ...],
    help: str,
    warning: float | None = None,
    critical: float | None = None,
    *,
    falling: bool = False,
    sustained_seconds: float = 0.0,
) -> Metric:
    """Declare a figure that is shown as it is read."""
    return _declare(
        name, unit, Kind.GAUGE, engines, help, warning=warning, critical=critical, falling=falling, sustained_seconds=sustained_seconds
    )


def ratio(
    name: str,
    engines: tuple[str, ...],
    help: str,
    warning: float | None = None,
    critical: float | None = None,
    *,
    falling: bool = False,
    sustained_seconds: float = 0.0,
    by_engine: tuple[tuple[str, Thresholds], ...] = (),
    highest: float = 1.0,
) -> Metric:
    """Declare a share, 0 to 1, or to `highest` where a limit can be passed.

    `by_engine` has thresholds for engines for which it means another thing.
    """
    return _declare(
        name,
        Unit.RATIO,
        Kind.RATIO,
        engines,
        help,
        warning=warning,
        critical=critical,
        falling=falling,
        sustained_seconds=sustained_seconds,
        by_engine=by_engine,
        highest=highest,
    )


def rate(name: str, unit: Unit, engines: tuple[str, ...], help: str, warning: float | None = None, critical: float | None = None) -> Metric:
    """Declare a counter, by the unit of its rate."""
    return _declare(name, unit, Kind.COUNTER, engines, help, warning=warning, critical=critical)
