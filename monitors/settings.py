"""What the operator chooses for counting, judging and telling. Every default is a working one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Scalar = str | int | float | bool | list[str] | list[float]
Address = Annotated[str, Field(pattern=r"^[^@\s<>,;:\"()\[\]\\]+@[A-Za-z0-9.-]+$", max_length=254)]


class Section(BaseModel):
    """A part of the settings: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Security(StrEnum):
    """How the connection to the mail server is kept private."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class EmailSettings(Section):
    """The mail server, and who hears of alerts. Each recipient gets a mail of their own."""

    host: str = Field(description="name of the SMTP server")
    port: int = Field(default=587, ge=1, le=65535)
    security: Security = Field(
        default=Security.STARTTLS, description="starttls, tls (from the first byte), or none"
    )
    ca_file: str | None = Field(
        default=None, description="certificates to trust, as PEM; the system's if not given"
    )
    username: str | None = Field(default=None, description="no login without one")
    password: SecretStr | None = None
    sender: Address = Field(description="address in From")
    to: tuple[Address, ...] = Field(min_length=1, max_length=100)
    timeout_s: float = Field(default=15.0, gt=0, le=300)

    @model_validator(mode="after")
    def _login_is_private(self) -> EmailSettings:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password come together; give both or neither")
        if self.username is not None and self.security is Security.NONE:
            raise ValueError("a password would travel unencrypted; set security to starttls or tls")
        return self


class AlertSettings(Section):
    """Who is told, and what the mail points to."""

    email: EmailSettings | None = Field(
        default=None, description="alerts are kept and shown, but not mailed, without it"
    )
    dashboard_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s\"'<>]+$",
        description="where the dashboard is, for the link in mails",
    )


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
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(
        default=8081, ge=0, le=65535, description="/metrics of the monitor process; null: none"
    )
