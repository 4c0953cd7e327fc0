"""Which command prints which shape under --json."""

from __future__ import annotations

from aishell_tui.cli.alert_shapes import (
    AlertActReport,
    AlertHistoryReport,
    AlertReport,
    AlertsReport,
    BuiltinRulesReport,
    ChannelsReport,
    ChannelTestReport,
    SilenceReport,
    SilencesReport,
)
from aishell_tui.cli.alert_trying_shapes import AlertCheckReport, AlertTestReport, BacktestReport
from aishell_tui.cli.audit_shapes import AuditReport, AuditVerifyReport
from aishell_tui.cli.backup_shapes import (
    BackupMade,
    BackupMarked,
    BackupPlanned,
    BackupReport,
    BackupRestored,
    BackupsDeleted,
    BackupsReport,
    BackupStep,
    BackupTested,
    BackupVerified,
    PruneReport,
    RestorePlanned,
)
from aishell_tui.cli.setup_shapes import ConnectReport, EffectiveReport, ValidateReport
from aishell_tui.cli.shapes import (
    CatalogueReport,
    ConnectionsReport,
    ErrorReport,
    HealthReport,
    MetricsReport,
    QueryReport,
    SessionActReport,
    SessionsReport,
    StatementsReport,
    StatusReport,
    WarningReport,
)

REPORTS: tuple[tuple[str, type], ...] = (
    ("aishell status --json", StatusReport),
    ("aishell health-check --json", HealthReport),
    ("aishell slow-queries --json", StatementsReport),
    ("aishell sessions --json", SessionsReport),
    ("aishell sessions cancel ID --json", SessionActReport),
    ("aishell query COMMAND --json", QueryReport),
    ("aishell connections --json", ConnectionsReport),
    ("aishell metrics --json", MetricsReport),
    ("aishell metrics --catalogue --json", CatalogueReport),
    ("aishell connect URL --json", ConnectReport),
    ("aishell alerts list --json", AlertsReport),
    ("aishell alerts show ALERT --json", AlertReport),
    ("aishell alerts history --json", AlertHistoryReport),
    ("aishell alerts ack ALERT --json", AlertActReport),
    ("aishell alerts silence MATCHER --json", SilenceReport),
    ("aishell alerts silences --json", SilencesReport),
    ("aishell alerts channels --json", ChannelsReport),
    ("aishell alerts channels test --json", ChannelTestReport),
    ("aishell alerts builtin --json", BuiltinRulesReport),
    ("aishell alerts check --json", AlertCheckReport),
    ("aishell alerts test --json", AlertTestReport),
    ("aishell alerts backtest --json", BacktestReport),
    ("aishell backup list --json", BackupsReport),
    ("aishell backup info ID --json", BackupReport),
    ("aishell backup create --json, the last line", BackupMade),
    ("aishell backup create --dry-run --json", BackupPlanned),
    ("aishell backup verify ID --json, the last line", BackupVerified),
    ("aishell backup restore ID --json, the last line", BackupRestored),
    ("aishell backup restore ID --dry-run --json", RestorePlanned),
    ("aishell backup test ID --json, the last line", BackupTested),
    ("the other lines of those four", BackupStep),
    ("aishell backup delete ID --json", BackupsDeleted),
    ("aishell backup pin ID --json", BackupMarked),
    ("aishell backup prune --json", PruneReport),
    ("aishell audit show --json", AuditReport),
    ("aishell audit verify --json", AuditVerifyReport),
    ("aishell config validate --json", ValidateReport),
    ("aishell config show --json", EffectiveReport),
    ("any command that fails, on standard error", ErrorReport),
    ("any command that warns, on standard error, one line each", WarningReport),
)
"""What prints what; the docs page follows this order."""
