"""What the operator chooses for counting, judging and telling. Every default is a working one."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from monitors.rule_settings import (
    DEFAULT_INHIBITIONS,
    InhibitionSettings,
    MuteSettings,
    RuleSettings,
    Span,
    check_labels,
    effective_rules,
)
from storage.records import Severity

Scalar = str | int | float | bool | list[str] | list[float] | dict[str, float]
_WEB_ADDRESS = re.compile(r"^https?://[^\s/?#@]+(?:[/?][^\s#]*)?$")
GATEWAY_URL = "http://localhost:8080"
Address = Annotated[str, Field(pattern=r"^[^@\s<>,;:\"()\[\]\\]+@[A-Za-z0-9.-]+$", max_length=254)]


class Section(BaseModel):
    """A part of the settings: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Security(StrEnum):
    """How the connection to the mail server is kept private."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class ChannelSettings(Section):
    """What every way of telling has."""

    min_severity: Severity = Field(
        default=Severity.WARNING, description="tells only of groups with an alert of this severity, or above"
    )
    timeout_s: float = Field(
        default=15.0, gt=0, le=300, description="how long the other side may take to say something"
    )


class EmailSettings(ChannelSettings):
    """The mail server, and who hears of alerts. Each recipient gets a mail of their own."""

    host: str = Field(description="name of the SMTP server")
    port: int = Field(default=587, ge=1, le=65535, description="465 for tls")
    security: Security = Field(
        default=Security.STARTTLS, description="starttls, tls (from the first byte), or none"
    )
    ca_file: str | None = Field(
        default=None, description="certificates to trust, as PEM; the system's if not given"
    )
    username: str | None = Field(default=None, description="no login without one")
    password: SecretStr | None = Field(default=None, description="best as ${NAME}, from the environment")
    sender: Address = Field(description="address in From")
    to: tuple[Address, ...] = Field(min_length=1, max_length=100, description="who gets the mails")
    per_hour: int = Field(
        default=20, ge=1, le=1000, description="mails an hour to one person; beyond that a digest"
    )

    @model_validator(mode="after")
    def _login_is_private(self) -> EmailSettings:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password come together; give both or neither")
        if self.username is not None and self.security is Security.NONE:
            raise ValueError("a password would travel unencrypted; set security to starttls or tls")
        return self


class HttpSettings(ChannelSettings):
    """What every way over HTTP has. Redirects are never followed."""

    url: SecretStr = Field(
        description="where to post; kept secret, since such an address often holds a token"
    )
    name: str = Field(
        default="inferwatch",
        pattern=r"^[^\x00-\x1f\x7f]{1,64}$",
        description="what people call the receiver; shown with its messages, in place of its address",
    )
    private: bool = Field(
        default=False, description="true: the receiver may have a private or loopback address, and plain http"
    )
    ca_file: str | None = Field(
        default=None, description="certificates to trust, as PEM; the public ones if not given"
    )

    @model_validator(mode="after")
    def _address_is_safe(self) -> HttpSettings:
        url = self.url.get_secret_value()
        if not _WEB_ADDRESS.match(url):  # not quoted: it may be a secret
            raise ValueError("url is no web address; one looks like https://host/path")
        if url.startswith("http:") and not self.private:
            raise ValueError("alerts would travel unencrypted; use https, or set private to true")
        return self


class WebhookSettings(HttpSettings):
    """A receiver of Alertmanager's JSON (version 4)."""

    secret: SecretStr | None = Field(
        default=None,
        description="signs every message (HMAC-SHA-256, Standard Webhooks); whsec_… is read as base64",
    )
    bearer: SecretStr | None = Field(default=None, description="token for the header Authorization")

    @model_validator(mode="after")
    def _token_fits_a_header(self) -> WebhookSettings:
        if self.bearer is not None and not re.fullmatch(r"[\x21-\x7e]+", self.bearer.get_secret_value()):
            raise ValueError("bearer has a blank or another character that no token has")
        return self


class SlackSettings(HttpSettings):
    """A Slack channel: `url` is that of its incoming webhook."""


class PagerDutySettings(HttpSettings):
    """A PagerDuty service, by its integration of Events API v2."""

    routing_key: SecretStr = Field(description="integration key of the service")
    url: SecretStr = Field(
        default=SecretStr("https://events.pagerduty.com/v2/enqueue"),
        description="in the EU region https://events.eu.pagerduty.com/v2/enqueue",
    )


class AlertSettings(Section):
    """Who is told, and what the messages point to."""

    email: EmailSettings | None = Field(
        default=None, description="alerts are kept and shown, but not mailed, without it"
    )
    webhook: WebhookSettings | None = Field(default=None, description="posts alerts to a service of yours")
    slack: SlackSettings | None = Field(default=None, description="posts alerts to a Slack channel")
    pagerduty: PagerDutySettings | None = Field(default=None, description="calls whoever is on call")
    dashboard_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s\"'<>]+$",
        description="where the dashboard is, for the link in messages",
    )
    gateway_url: str = Field(
        default=GATEWAY_URL,
        pattern=r"^https?://[^\s\"'<>]+$",
        description="where the gateway is, for the line in messages that silences",
    )
    rules: tuple[RuleSettings, ...] = Field(
        default=(), description="changes to the rules that `inferwatch rules list` shows, and rules of yours"
    )
    group_by: tuple[str, ...] = Field(
        default=("model", "version"), description="alerts that share these labels share a notice"
    )
    group_wait: Span = Field(
        default=timedelta(seconds=30), description="how long news waits for more of its group"
    )
    group_interval: Span = Field(
        default=timedelta(minutes=5), description="between two notices of a group, at least"
    )
    repeat_interval: Span = Field(
        default=timedelta(hours=4),
        ge=timedelta(minutes=1),
        description="what still fires is told again after so long",
    )
    send_resolved: bool = Field(default=True, description="whether to tell that an alert is over")
    no_data_after: Span | None = Field(
        default=timedelta(hours=1),
        ge=timedelta(seconds=1),
        description="a model version that had traffic and has none for so long is an alert; null: never",
    )
    database_away_after: Span | None = Field(
        default=timedelta(seconds=60),
        description="a database that is away for so long is an alert, told directly; null: never",
    )
    inhibit: tuple[InhibitionSettings, ...] = Field(
        default=DEFAULT_INHIBITIONS, description="alerts that explain others, which are then not told"
    )
    mute: tuple[MuteSettings, ...] = Field(default=(), description="times of the week without notices")

    @model_validator(mode="after")
    def _rules_fit_together(self) -> AlertSettings:
        rules = effective_rules(self.rules)
        check_labels(rules, group_by=self.group_by, inhibitions=self.inhibit, mutes=self.mute)
        return self


class ScoringSettings(Section):
    """The model that scores texts for the monitor toxicity, and how much of the machine it may take."""

    model: str | None = Field(
        default=None, description="name in the model repository; not given: the small one that is bundled"
    )
    share: float = Field(
        default=1.0, gt=0, le=1, description="share of the events whose texts are scored, chosen by event id"
    )
    device: Literal["auto", "cpu", "cuda", "mps", "xpu"] = Field(
        default="cpu", description="where it runs; an accelerator is shared with the gateway"
    )
    threads: int = Field(default=1, ge=1, description="CPU threads of one forward")
    folder: Path = Field(
        default=Path(".inferwatch/scorers"), description="where the bundled model is kept once it was added"
    )


class SamplingSettings(Section):
    """How many answers of a model people are asked to label, and may be given back by `GET /api/samples`."""

    budget_per_day: int = Field(
        default=100,
        ge=0,
        le=1_000_000,
        description="rows of each model version chosen to be labelled each day, as expected; 0: none",
    )
    models: dict[str, Annotated[int, Field(ge=0, le=1_000_000)]] = Field(
        default_factory=dict, description="the budget of a model of its own, such as {car-loan: 300}"
    )

    def budget_of(self, model: str) -> int:
        """The budget of each version of a model."""
        return self.models.get(model, self.budget_per_day)


class MonitorSettings(Section):
    """The monitor process: what it watches with, and how it goes about it."""

    monitors: dict[str, dict[str, Scalar]] = Field(
        default_factory=dict, description="options of a monitor by its name, such as quality: {min_rows: 50}"
    )
    off: tuple[str, ...] = Field(default=(), description="names of monitors that are not to run")
    segments_at_once: int = Field(
        default=64, ge=1, le=1024, description="segments counted in one transaction, at most"
    )
    events_at_once: int = Field(default=20_000, ge=1, description="events counted in one transaction, about")
    slice_values: int = Field(
        default=50, ge=1, le=1000, description="values of one slice watched apart; the rest is 'other'"
    )
    poll_s: float = Field(
        default=0.3, gt=0, le=60, description="how often to look for new work when there was none"
    )
    quiet_s: float = Field(
        default=10.0, gt=0, description="a model without events for so long has its last windows judged"
    )
    labels_waiting: int = Field(
        default=100_000, ge=0, description="labels that may wait for their event; more are dropped"
    )
    lease_s: float = Field(
        default=15.0, gt=1, description="how long a worker keeps a partition without renewing"
    )
    report_s: float = Field(
        default=300.0,
        gt=0,
        le=3600,
        description="seconds that making a report may take, in a process of its own",
    )
    scoring: ScoringSettings = ScoringSettings()
    sampling: SamplingSettings = SamplingSettings()
    metrics_host: str = Field(default="127.0.0.1", description="where the monitor process answers /metrics")
    metrics_port: int | None = Field(
        default=8081, ge=0, le=65535, description="/metrics of the monitor process; null: none"
    )
