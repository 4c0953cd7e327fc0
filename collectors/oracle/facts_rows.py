"""What is shown of a server, its instance and its database. Pure."""

from __future__ import annotations

from aishell_core.engines.oracle import Row, ServerFacts
from aishell_core.values import Facts


def facts_of(server: ServerFacts, instance: Row | None, database: Row | None) -> Facts:
    """What is shown; `instance` and `database` are the rows of those statements, None where they may not be read."""
    found = [
        ("container", server.container),
        ("database", server.unique_name or server.database),
        ("instance", server.instance_name),
        ("host", server.host),
        ("service", server.service),
        ("user", server.user),
        ("encrypted", "yes" if server.encrypted else ""),
        ("Diagnostics Pack", "licensed, as the configuration says" if server.licensed else ""),
    ]
    if instance is not None:
        found += [
            ("cluster", "yes" if instance["parallel"] == "YES" else ""),
            ("status", str(instance["status"] or "").lower() if instance["status"] != "OPEN" else ""),
            ("logins", str(instance["logins"] or "").lower() if instance["logins"] != "ALLOWED" else ""),
            ("archiver", str(instance["archiver"] or "").lower() if instance["archiver"] == "FAILED" else ""),
        ]
    if database is not None:
        found += [
            ("open mode", str(database["open_mode"] or "").lower()),
            ("redo is archived", "yes" if database["log_mode"] == "ARCHIVELOG" else "no"),
            ("protection", str(database["protection_mode"] or "").lower()),
            ("flashback", str(database["flashback_on"] or "").lower() if database["flashback_on"] != "NO" else ""),
            ("platform", str(database["platform_name"] or "")),
        ]
    version = str(instance["version"]) if instance is not None and instance["version"] else server.version
    started_at = server.epoch(instance["startup_local"]) if instance is not None else None
    role = "replica" if server.is_standby else "primary"
    return Facts("oracle", version, role, started_at, tuple(each for each in found if each[1]))
