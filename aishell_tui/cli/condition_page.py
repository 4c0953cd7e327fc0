"""The page about the language of conditions: what is written by hand, and the functions from their own table."""

from __future__ import annotations

from aishell_tui.cli.markdown import page, table
from alerts.language.checker import KEPT
from alerts.language.functions import AGGREGATIONS, FUNCTIONS, Result, Sort
from alerts.language.names import SHORT_NAMES

_INTRO = """\
The `condition` of a rule says when it fires. It is a comparison of figures, and it is judged for each instance: for
`host.disk.usage > 90%` that is each file system of each host, each with an alert of its own. `aishell alerts check` and the
Alerts screen show everything that is wrong with a condition, at its place, before it is ever judged; a rule that is wrong
is left out and the others run.

```text
pool.usage > 90%
avg(pool.usage, 5m) > 90% and sessions.active > 20
rate(deadlocks, 5m) > 0.1/s
predict_linear(disk.free, 3h, 24h) < 0
query.latency > 2 * avg(query.latency, 1h offset 7d) and queries.rate > 10/s
replication.lag{role="replica"} > if($status >= $warning, 20s, 30s)
sum(connections.used) by (environment) > 800
absent(up, 1m)
```
"""
_FIGURES = """\
## Figures

A figure is a metric by its name in [metrics.md](metrics.md): its newest value, for as long as that stands (two and a half
intervals, 5 seconds at least). A counter goes by its rate, `deadlocks.rate`; without the ending, `deadlocks`, it is the
counter itself, which only `rate`, `increase`, `changes` and `resets` take.

A selector chooses instances by their labels: `host.disk.free{mount="/srv"}`, `replication.lag.bytes{peer=~"eu-.*", role="primary"}`.
`target`, `engine`, `role` and `environment` are labels of every figure. `=~` and `!~` compare with a pattern that has to match
the whole label; patterns that could take long are refused. A label that is missing is an empty one.

Some figures have a short name too:
"""
_NUMBERS = """\
## Numbers and units

Times are written as `200ms`, `30s`, `5m`, `1h30m` or `7d`, sizes as `64MiB` or `1.5GB`, shares as `90%` or `0.9`, what happens
per second as `5/s` or `10MiB/s`. A plain number takes the unit of what it stands beside, which is the metric's:
`query.duration > 5000` is in milliseconds, and the same as `query.duration > 5s`. Both sides of a comparison have to count the
same: bytes are not compared with seconds, nor a count with a share.
"""
_OPERATORS = """\
## Operators

From those that bind most: `offset`; unary `-`; `* / %`; `+ -`; `< <= > >= == !=`; `not`; `and` and `unless`; `or`. Parentheses
group. Comparisons do not chain: `1 < x and x < 5`. A `%` right behind a number is per cent, elsewhere the remainder of a division.

`a unless b` is `a and not b`. `x offset 1d` is what `x` was a day ago; it goes for figures, for windows, and for all inside
of parentheses.

`$status` is the level at which the alert of the instance stands now: `$clear` (0), `$info` (1), `$warning` (2) or `$critical`
(3). With it a condition can hold on to an alert that it would not begin: `pool.usage > if($status >= $warning, 75%, 85%)`.

Two figures stand beside each other where all that one says of itself the other says too: the same target and the same
labels. A figure without labels stands beside each labelled one of its target, a sum by `environment` beside each figure of
each target there, a number beside all.
"""
_MISSING = """\
## What is not known

A value that is missing, a division by zero and a result beyond all numbers are *no data*, which is neither true nor false. So
`false and no data` is false, `true or no data` is true, and all else with no data is no data. No data does not fire and does
not resolve; what else it does is said by `no_data` of the rule. Only a figure that its target answers without for a minute or longer is
no missing one: it is gone, and its alert is over (docs/alerts-life.md), unless the rule has `no_data: alert`: then that it is gone is
what the alert tells.
"""
_WINDOWS = """\
## Windows

A window looks at the readings of the last so many minutes: `avg(pool.usage, 5m)`. It is taken over a figure, not over a computed
value. One that is not full is taken as it is; `min_samples` of the rule says how many readings it needs.
"""
_MINUTES = f"{KEPT.raw_seconds / 60:.0f}"
_LONG = f"""\
Functions that speak of the whole window have no data before they have seen the most of it, 90 % (avg, min, quantile and p50 to p99, stddev,
rate) or half (deriv, predict_linear), however rarely the target is read: the first seconds after a start are no ten minutes, and one
reading is no window full of them. A window of a target that does not answer has no
data either, but for `last` and for what is asked of an earlier time by `offset`.

A window that reaches back {_MINUTES} minutes or less is made of single readings. A longer one is made of figures of ten
seconds each (the mean; for `min`, `max` and `last` the lowest, the highest and the last), beyond two hours of a minute, beyond
26 hours of five minutes. They are its readings then, and those from before the start are taken from the disk, where figures are
kept for {KEPT.stored_seconds / 86_400:.0f} days.

A counter that falls has begun again at 0. Nothing is counted across a restart or across a time in which nobody looked.
"""
_GROUPS = """\
## Groups

`sum(x) by (label, ...)` makes one value of all instances that agree in the labels; without `by`, of all of each target. Without
`target` among the labels a group goes across all targets that the rule is for; `by ()` is one value of all.
"""
_RESULTS = {
    Result.SAME: "that of the value",
    Result.COUNT: "a count",
    Result.PER_SECOND: "that of the value, per second",
    Result.NUMBER: "a plain number",
    Result.TRUTH: "true or false",
}


def conditions_page() -> str:
    """The language of conditions as a page."""
    return page(
        "Conditions of alerts",
        _INTRO,
        _FIGURES + "\n" + table(("short name", "figure"), ((f"`{short}`", f"`{full}`") for short, full in SHORT_NAMES.items())),
        _NUMBERS,
        _OPERATORS,
        _MISSING,
        _WINDOWS + "\n" + _functions(Sort.WINDOW, Sort.COUNTER),
        _LONG,
        "## Values of now\n\n" + _functions(Sort.INSTANT, Sort.ABSENCE),
        _GROUPS + "\n" + table(("written as", "meaning"), ((f"`{each.usage}`", each.help) for each in AGGREGATIONS.values())),
    )


def _functions(*sorts: Sort) -> str:
    rows = (
        (f"`{function.usage}`", function.help + _restriction(function.is_raw_only), _RESULTS[function.result])
        for function in FUNCTIONS.values()
        if function.sort in sorts
    )
    return table(("written as", "meaning", "unit"), rows)


def _restriction(is_raw_only: bool) -> str:
    return f" At most {_MINUTES} minutes." if is_raw_only else ""
