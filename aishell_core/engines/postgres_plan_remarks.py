"""Why a step of PostgreSQL's plan is worth looking at, in words, from what the plan says and nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aishell_core.engines.postgres_plan_step import Step, number
from aishell_core.units import format_bytes, format_count, format_duration

_LARGE_SHARE = 0.2
_SMALL_SHARE = 0.02
_NOTABLE_COST = 100.0
_NOTABLE_MILLISECONDS = 1.0
_MANY_RUNS = 1000.0
_MANY_ROWS = 1000.0
_MOST = 0.5
_BLOCK_BYTES = 8192
_LONG_PLANNING_SHARE = 0.3


def reasons(step: Step, share: float, runs: float) -> tuple[str, ...]:
    """Why a step is costly; empty when it is not. `runs` is how often it is expected to run where that was not measured."""
    found = list(_spills(step)) if share >= _SMALL_SHARE else []
    if share >= _LARGE_SHARE and _is_notable(step, runs):
        found += [*_reads(step), *_repeats(step, runs)]
        found = found or [f"{share * 100:.0f} % of the {'cost' if step.milliseconds is None else 'time'}"]
    return tuple(found)


def _is_notable(step: Step, runs: float) -> bool:
    """Whether it takes long enough that one would care: a look into an index costs about 8."""
    if step.milliseconds is not None:
        return step.milliseconds >= _NOTABLE_MILLISECONDS
    return (step.cost or 0.0) * runs >= _NOTABLE_COST


def _reads(step: Step) -> Iterator[str]:
    if step.kind in {"Seq Scan", "Sample Scan"}:
        yield _full_read(step)
        return
    removed = _in_all(step, "Rows Removed by Filter")
    if removed and step.actual_rows is not None and removed >= _MANY_ROWS and removed > step.actual_rows:
        yield f"finds {_rows(removed + step.actual_rows)}, and the filter removes {_percent(removed, step.actual_rows)}"
    unmatched = _in_all(step, "Rows Removed by Join Filter")
    if unmatched and step.actual_rows is not None and unmatched >= _MANY_ROWS:
        removes = _percent(unmatched, step.actual_rows)
        yield f"compares {format_count(unmatched + step.actual_rows)} pairs of rows, and the join filter removes {removes}"
    fetched = step.number("Heap Fetches")
    if fetched and fetched >= _MANY_ROWS and fetched >= _MOST * (step.actual_rows or 0.0):
        yield f"visits the table for {_rows(fetched)} of the index: it was not vacuumed since they changed"
    lossy, exact = step.number("Lossy Heap Blocks"), step.number("Exact Heap Blocks")
    if lossy:
        pages = f"{format_count(lossy)} of {format_count(lossy + (exact or 0.0))} pages"
        yield f"the bitmap does not fit into work_mem: {pages} are read in full"


def _full_read(step: Step) -> str:
    """A table that is read from end to end; how many rows that is is known only after a run."""
    table = str(step.fields.get("Relation Name") or "the table")
    filtered = isinstance(step.fields.get("Filter"), str)
    if step.actual_rows is None:
        # Of a table that processes share the planner's number is for one of them.
        each = " in each process" if step.fields.get("Parallel Aware") is True else ""
        kept = f"; the filter is to leave {_rows(step.rows)}{each}" if filtered and step.rows is not None else ""
        amount = f" {_rows(step.rows)}" if not filtered and not each and step.rows is not None else ""
        return f"reads all{amount} of {table}{kept}"
    removed = _in_all(step, "Rows Removed by Filter") or 0.0
    passed = f"; the filter removes {_percent(removed, step.actual_rows)}" if removed else ""
    times = f", {format_count(step.loops)} times" if step.loops and step.loops > 1 and "Parallel" not in step.text else ""
    once = step.loops if times and step.loops else 1.0
    return f"reads all {_rows((removed + step.actual_rows) / once)} of {table}{times}{passed}"


def _repeats(step: Step, runs: float) -> Iterator[str]:
    times = step.loops if step.loops is not None else runs
    if times >= _MANY_RUNS:
        yield f"runs {'' if step.loops is not None else 'about '}{format_count(times)} times"


def _spills(step: Step) -> Iterator[str]:
    """Work that did not fit into memory (the plan counts kilobytes, and blocks of temporary files)."""
    space = step.number("Sort Space Used")
    if step.fields.get("Sort Space Type") == "Disk" and space is not None:
        yield f"the sort does not fit into work_mem: {format_bytes(space * 1024)} on disk"
    batches = step.number("Hash Batches")
    if batches is not None and batches > 1:
        yield f"the hash table does not fit into work_mem: {format_count(batches)} batches on disk"
    disk = step.number("Disk Usage")
    if disk:
        yield f"the groups do not fit into work_mem: {format_bytes(disk * 1024)} on disk"
    if step.fields.get("Storage") == "Disk":
        yield f"what is kept does not fit into work_mem: {format_bytes((step.number('Maximum Storage') or 0.0) * 1024)} on disk"
    written = (step.number("Temp Written Blocks") or 0.0) - sum(child.number("Temp Written Blocks") or 0.0 for child in step.children)
    if written > 0 and not any((space is not None, batches, disk, step.fields.get("Storage"))):
        yield f"writes {format_bytes(written * _BLOCK_BYTES)} to temporary files"


def _in_all(step: Step, name: str) -> float | None:
    """A count of all runs: the plan gives the average of one."""
    value = step.number(name)
    return None if value is None else value * (1.0 if step.loops is None else step.loops)


def _percent(removed: float, kept: float) -> str:
    share = 100 * removed / (removed + kept) if removed + kept > 0 else 0.0
    # 100 % is all of them and nothing less.
    return f"{share:.0f} %" if share < 99 or kept <= 0 else f"{min(share, 99.99):.4g} %"


def _rows(count: float | None) -> str:
    return f"{format_count(count or 0.0)} row{'' if count == 1 else 's'}"


def whole_remarks(plan: Mapping[str, Any]) -> Iterator[str]:
    """What the plan says beside its steps: planning that takes long, triggers, compilation, workers that did not come."""
    planning, execution = number(plan, "Planning Time"), number(plan, "Execution Time")
    if planning is not None and execution is not None and planning >= _LONG_PLANNING_SHARE * (planning + execution) and planning >= 1:
        yield f"planning took {format_duration(planning / 1000)} of {format_duration((planning + execution) / 1000)}"
    triggers = plan.get("Triggers")
    for trigger in triggers if isinstance(triggers, list) else []:
        if isinstance(trigger, Mapping) and (time := number(trigger, "Time")):
            name = trigger.get("Constraint Name") or trigger.get("Trigger Name") or "?"
            yield f"trigger {name} took {format_duration(time / 1000)}"
    workers = _missing_workers(plan.get("Plan"))
    if workers:
        yield workers


def _missing_workers(step: object) -> str:
    if not isinstance(step, Mapping):
        return ""
    planned, launched = number(step, "Workers Planned"), number(step, "Workers Launched")
    if planned and launched is not None and launched < planned:
        return f"only {launched:.0f} of {planned:.0f} parallel workers were free"
    nested = step.get("Plans")
    return next((found for child in (nested if isinstance(nested, list) else []) if (found := _missing_workers(child))), "")
