"""`inferwatch rules`: the alert rules in force, and what they would have told of stored history."""

# ruff: noqa: PLC0415
# Imports inside of commands: they take longer than `--help`.
from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.command_options import CONFIG, Config

if TYPE_CHECKING:
    from gateway.settings import Settings
    from monitors.alerts.groups import Notice
    from monitors.rulebook import Rule
    from storage.records import Alert, Judgement

rules_app = typer.Typer(help="The rules that make alerts of measurements.", no_args_is_help=True)

Moment = Annotated[str | None, typer.Option(help="2026-03-01, 2026-03-01T12:00, or 7d: so long ago")]


@rules_app.command("list")
def rules_list(config: Config = CONFIG) -> None:
    """The rules in force: those that come with inferwatch, as the settings change them, and your own."""
    from gateway.settings_file import load_settings
    from monitors.rule_settings import effective_rules

    for rule in effective_rules(load_settings(config).alerts.rules):
        typer.echo(_rule(rule))


@rules_app.command("test")
def rules_test(
    model: Annotated[str | None, typer.Option(help="of one model; all if not given")] = None,
    since: Moment = None,
    until: Moment = None,
    config: Config = CONFIG,
) -> None:
    """Say what the rules would have told of the measurements that are stored. Nothing is sent."""
    from gateway.settings_file import load_settings
    from monitors.alerts.policy import policy_of
    from monitors.alerts.rehearsal import Rehearsal

    settings = load_settings(config)
    now = datetime.now(UTC)
    begin, end = _moment(since, "--since", now), _moment(until, "--until", now)
    judgements = list(_judgements(settings, model, begin, end))
    rehearsal = Rehearsal(policy=policy_of(settings.alerts))
    for notice in rehearsal.run(judgements, until=end):
        for line in _lines(notice):
            typer.echo(line)
    windows = len({(each.scope.model, each.scope.version, each.window) for each in judgements})
    typer.echo(
        f"{windows:,} windows, {len(judgements):,} measurements with bounds: {rehearsal.fired:,} alerts "
        f"would have fired, and {rehearsal.told:,} notices gone out. Nothing was sent."
    )


def _judgements(
    settings: Settings, model: str | None, since: datetime | None, until: datetime | None
) -> Iterator[Judgement]:
    """Stored measurements on which a rule can look."""
    from storage.database import open_reader
    from storage.reading import MeasurementFilter, measurements
    from storage.records import Bounds

    asked = MeasurementFilter(model=model, start=since, end=until)
    database = open_reader(settings.database)
    cursor: str | None = None
    try:
        while True:
            with database.read() as connection:
                page = measurements(connection, asked, limit=10_000, cursor=cursor)
            yield from (each for each in page.judgements if each.measurement.bounds != Bounds())
            if (cursor := page.next) is None:
                return
    finally:
        database.close()


def _rule(rule: Rule) -> str:
    from monitors.rule_settings import duration_text
    from monitors.rulebook import DATABASE, NO_DATA

    what = " ".join(
        f"{name}={value}"
        for name, value in (
            ("metric", rule.metric), ("column", rule.column), ("slice", rule.slice),
            ("arm", rule.arm.value if rule.arm else None),
        )
        if value is not None
    )  # fmt: skip
    when = "by the clock" if rule.name in {NO_DATA, DATABASE} else f"{rule.breached} of {rule.of} windows"
    if rule.wait:
        when += f", for {duration_text(rule.wait)}"
    if rule.keep_firing_for:
        when += f", kept for {duration_text(rule.keep_firing_for)}"
    labels = " ".join(f"{name}={value}" for name, value in rule.labels.items())
    return "\t".join(
        part
        for part in (rule.name, rule.severity.value, rule.monitor, what or "all metrics", when, labels)
        if part
    )


def _lines(notice: Notice) -> Iterator[str]:
    yield f"{_at(notice.at)}  {notice.reason.value}  {notice.subject}"
    marked: tuple[tuple[str, tuple[Alert, ...]], ...] = (("+", notice.fired), ("-", notice.resolved))
    for mark, alerts in marked:
        for alert in alerts:
            yield f"    {mark} {alert.severity.value}, since {_at(alert.starts_at)}: {alert.summary}"


def _at(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _moment(text: str | None, option: str, now: datetime) -> datetime | None:
    from inference.manifest import parse_duration

    if text is None:
        return None
    try:
        if text[-1:].isalpha() and text[:1].isdigit() and "T" not in text:
            return now - parse_duration(text)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as exc:
        words = f"'{text}' is no time; write 2026-03-01, 2026-03-01T12:00 or 7d"
        raise typer.BadParameter(words, param_hint=option) from exc
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
