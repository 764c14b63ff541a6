"""What the operator chose about being told, ready for use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from monitors.alerts.suppression import Inhibition, Mute
from monitors.rule_settings import effective_rules
from monitors.rulebook import Rule
from monitors.settings import AlertSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the operator chose. The fields are those of `alerts` in `inferwatch.yaml`."""

    group_by: tuple[str, ...] = ("model", "version")
    group_wait: timedelta = timedelta(seconds=30)
    group_interval: timedelta = timedelta(minutes=5)
    repeat_interval: timedelta = timedelta(hours=4)
    send_resolved: bool = True
    inhibitions: tuple[Inhibition, ...] = ()
    mutes: tuple[Mute, ...] = ()
    rules: Mapping[str, Rule] = field(default_factory=dict)  # by name: for their words


def policy_of(settings: AlertSettings) -> Policy:
    """The policy that the settings ask for."""
    return Policy(
        group_by=settings.group_by,
        group_wait=settings.group_wait,
        group_interval=settings.group_interval,
        repeat_interval=settings.repeat_interval,
        send_resolved=settings.send_resolved,
        inhibitions=tuple(Inhibition.of(each) for each in settings.inhibit),
        mutes=tuple(Mute.of(each) for each in settings.mute),
        rules={rule.name: rule for rule in effective_rules(settings.rules)},
    )
