"""Every SET key people use on Flink, and what becomes of it here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from penstock.backends.local.setting_values import check_value
from penstock.errors import OptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping


SETTING_REFUSED = "setting-refused"


class Outcome(Enum):
    """What a key does here."""

    HONOURED = "honoured"
    NO_EFFECT = "no effect"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SettingOutcome:
    """What becomes of a key, and why."""

    outcome: Outcome
    reason: str = ""


_HONOURED = """
pipeline.name parallelism.default execution.checkpointing.interval
restart-strategy.type restart-strategy.fixed-delay.attempts restart-strategy.fixed-delay.delay
restart-strategy.failure-rate.max-failures-per-interval restart-strategy.failure-rate.delay
restart-strategy.failure-rate.failure-rate-interval
restart-strategy.exponential-delay.initial-backoff restart-strategy.exponential-delay.max-backoff
restart-strategy.exponential-delay.backoff-multiplier
restart-strategy.exponential-delay.reset-backoff-threshold
restart-strategy.exponential-delay.attempts-before-reset-backoff
table.local-time-zone table.dml-sync table.dynamic-table-options.enabled
table.exec.sink.not-null-enforcer table.exec.state.ttl execution.runtime-mode
table.exec.sink.upsert-materialize
"""
_NO_EFFECT = {
    "delivery is exactly once wherever the sink has transactions, and epochs pace themselves": """
execution.checkpointing.mode execution.checkpointing.timeout execution.checkpointing.min-pause""",
    "aggregations fold every batch by key before they emit, mini-batches or not": """
table.exec.mini-batch.enabled table.exec.mini-batch.allow-latency table.exec.mini-batch.size""",
    "keyed state and timers exist only for operators this version does not run": """
table.exec.source.idle-timeout table.exec.rank.topn-cache-size
table.exec.window-agg.buffer-size-limit table.exec.interval-join.min-cleanup-interval
pipeline.auto-watermark-interval table.exec.deduplicate.insert-update-after-sensitive-enabled
table.exec.async-lookup.buffer-capacity table.exec.async-lookup.timeout
table.exec.async-lookup.output-mode table.exec.async-lookup.key-ordered-enabled
table.exec.async-state.enabled""",
    "one process runs the job; there is no JVM cluster to set up": """
pipeline.object-reuse pipeline.jars pipeline.classpaths pipeline.operator-chaining.enabled
pipeline.max-parallelism table.exec.resource.default-parallelism table.exec.disabled-operators
table.exec.simplify-operator-name-enabled execution.target rest.address rest.port
jobmanager.rpc.address""",
    "checkpoints are manifests in the state directory of the job": """
execution.checkpointing.max-concurrent-checkpoints execution.checkpointing.dir
execution.checkpointing.tolerable-failed-checkpoints
execution.checkpointing.externalized-checkpoint-retention execution.checkpointing.savepoint-dir
execution.checkpointing.storage execution.checkpointing.num-retained
execution.checkpointing.incremental execution.checkpointing.unaligned.enabled
execution.checkpointing.aligned-checkpoint-timeout
execution.checkpointing.interval-during-backlog
execution.checkpointing.checkpoints-after-tasks-finish state.backend.type
execution.state-recovery.claim-mode execution.state-recovery.ignore-unclaimed-state""",
    "rows keep their order in one process, so no shuffle has to be repaired": """
table.exec.sink.keyed-shuffle
table.exec.sink.rowtime-inserter""",
    "the plan has no such choice": """
table.optimizer.agg-phase-strategy table.optimizer.distinct-agg.split.enabled
table.optimizer.distinct-agg.split.bucket-num table.optimizer.join-reorder-enabled
table.optimizer.reuse-sub-plan-enabled table.optimizer.reuse-source-enabled
table.optimizer.reuse-sink-enabled table.optimizer.multiple-input-enabled
table.optimizer.join.broadcast-threshold table.optimizer.incremental-agg-enabled
table.optimizer.non-deterministic-update.strategy table.optimizer.delta-join.strategy
table.optimizer.multi-join.enabled table.rtas-ctas.atomicity-enabled
table.column-expansion-strategy table.exec.sink.nested-constraint-enforcer""",
    "results are printed as they come": """
sql-client.execution.result-mode sql-client.verbose sql-client.display.print-time-cost
table.display.max-column-width sql-client.execution.max-table-result.rows
sql-client.display.color-schema sql-client.display.show-line-numbers""",
}
_PREFIXES = """
taskmanager. jobmanager. kubernetes. yarn. security. metrics. rest. state.backend. env. akka. pekko.
high-availability web. historyserver. s3. fs. table.plan. table.exec.uid. sql-client.
table.exec.emit.
"""
_NO_EFFECT_PREFIXES = dict.fromkeys(
    _PREFIXES.split(), "one process runs the job; there is no JVM cluster to set up"
)
_REFUSED_VALUES = {
    ("table.sql-dialect", "hive"): "only Flink's own dialect is read",
    ("table.exec.legacy-cast-behaviour", "enabled"): "casts follow the current rules",
    ("table.exec.source.cdc-events-duplicate", "true"): "sources deliver each change once",
    ("table.exec.sink.type-length-enforcer", "trim_pad"): "lengths of texts are not enforced",
    ("table.exec.sink.type-length-enforcer", "error"): "lengths of texts are not enforced",
}
_ACCEPTED = {key for key, _ in _REFUSED_VALUES} | {
    "table.builtin-catalog-name",
    "table.builtin-database-name",
}
_OLD_NAMES = {
    "state.checkpoints.dir": "execution.checkpointing.dir",
    "state.savepoints.dir": "execution.checkpointing.savepoint-dir",
    "state.checkpoint-storage": "execution.checkpointing.storage",
    "state.checkpoints.num-retained": "execution.checkpointing.num-retained",
    "state.backend.incremental": "execution.checkpointing.incremental",
    "state.backend": "state.backend.type",
    "restart-strategy": "restart-strategy.type",
    "execution.savepoint-restore-mode": "execution.state-recovery.claim-mode",
    "sql-client.display.max-column-width": "table.display.max-column-width",
    "pipeline.operator-chaining": "pipeline.operator-chaining.enabled",
    "pipeline.time-zone": "table.local-time-zone",
}
_RECOVERY = ("execution.state-recovery.path", "execution.savepoint.path")

SETTINGS: Mapping[str, SettingOutcome] = {
    **{key: SettingOutcome(Outcome.HONOURED) for key in (*_HONOURED.split(), *_ACCEPTED)},
    **{
        key: SettingOutcome(Outcome.NO_EFFECT, reason)
        for reason, keys in _NO_EFFECT.items()
        for key in keys.split()
    },
    **{
        key: SettingOutcome(
            Outcome.REFUSED, "a job resumes from its own state directory, not from a savepoint"
        )
        for key in _RECOVERY
    },
}


def current_name(key: str) -> str:
    """The name a key has today.

    Examples:
        >>> current_name("state.checkpoints.dir")
        'execution.checkpointing.dir'
    """
    return _OLD_NAMES.get(key, key)


def outcome_of(key: str, value: str = "") -> SettingOutcome:
    """What becomes of `SET 'key' = 'value'`.

    Examples:
        >>> outcome_of("pipeline.name").outcome.value
        'honoured'
        >>> outcome_of("taskmanager.memory.process.size").outcome.value
        'no effect'
    """
    name = current_name(key)
    refused = _REFUSED_VALUES.get((name, value.strip().lower()))
    if refused:
        return SettingOutcome(Outcome.REFUSED, refused)
    found = SETTINGS.get(name)
    if found is not None:
        return found
    for prefix, reason in _NO_EFFECT_PREFIXES.items():
        if name.startswith(prefix):
            return SettingOutcome(Outcome.NO_EFFECT, reason)
    return SettingOutcome(Outcome.UNKNOWN)


def nearest_setting(key: str) -> str | None:
    """The known setting whose name is nearest, None where none is near."""
    return nearest(key, (*SETTINGS, *_OLD_NAMES))


def message_for(key: str, value: str) -> str | None:
    """What the user should know about a SET, or None where it is simply honoured."""
    found = outcome_of(key, value)
    match found.outcome:
        case Outcome.HONOURED:
            return None
        case Outcome.NO_EFFECT:
            return f"'{key}' has no effect here: {found.reason}"
        case Outcome.REFUSED:
            return f"'{key}' = '{value}' is refused: {found.reason}"
        case Outcome.UNKNOWN:
            near = nearest_setting(key)
            hint = f"; did you mean '{near}'?" if near else ""
            return f"warning: unknown setting '{key}'{hint}"


def admit(key: str, value: str) -> str | None:
    """Let a setting in: what the user should know about it, or None.

    Raises:
        OptionError: It is refused, or its value is not one it can have.
    """
    found = outcome_of(key, value)
    if found.outcome is Outcome.REFUSED:
        raise OptionError(
            f"unsupported: '{key}' = '{value}' is refused",
            key=key,
            code=SETTING_REFUSED,
            detail=f"{found.reason[:1].upper()}{found.reason[1:]}.",
            hint="Remove it, or give another value.",
        )
    if found.outcome is Outcome.HONOURED:
        check_value(current_name(key), value)
    return message_for(key, value)
