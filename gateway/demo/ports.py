"""Where the demo listens: five ports of loopback, which can be moved together."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import StartError
from gateway.settings import Settings
from gateway.supervisor import port_problem
from monitors.settings import EmailSettings

LOOPBACK = "127.0.0.1"
_INBOX_ABOVE_SMTP = 7000


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPorts:
    """One for each of those who listen."""

    gateway: int = 8080
    dashboard: int = 8501
    metrics: int = 8081
    smtp: int = 1025
    inbox: int = 8025

    @classmethod
    def moved(cls, offset: int) -> DemoPorts:
        """All of them, so much higher."""
        usual = cls()
        return cls(
            gateway=usual.gateway + offset,
            dashboard=usual.dashboard + offset,
            metrics=usual.metrics + offset,
            smtp=usual.smtp + offset,
            inbox=usual.inbox + offset,
        )

    @classmethod
    def of(cls, settings: Settings) -> DemoPorts:
        """Those that the settings of a demo name; the inbox lies a fixed distance above its mail server."""
        email = settings.alerts.email
        if not isinstance(email, EmailSettings) or settings.monitor.metrics_port is None:
            raise StartError("the settings name no mail server of the demo; start it without --keep")
        return cls(
            gateway=settings.gateway.port,
            dashboard=settings.dashboard.port,
            metrics=settings.monitor.metrics_port,
            smtp=email.port,
            inbox=email.port + _INBOX_ABOVE_SMTP,
        )

    def check(self, *, mend: str) -> None:
        """Raises `StartError` that says which port is taken, by whom, and what to do."""
        wanted = {
            "gateway": self.gateway, "dashboard": self.dashboard, "metrics of the monitor": self.metrics,
            "mail catcher": self.smtp, "inbox": self.inbox,
        }  # fmt: skip
        for who, port in wanted.items():
            problem = port_problem(who, LOOPBACK, port, mend=mend)
            if problem is not None:
                raise StartError(problem)

    @property
    def gateway_url(self) -> str:
        return f"http://{LOOPBACK}:{self.gateway}"

    @property
    def dashboard_url(self) -> str:
        return f"http://{LOOPBACK}:{self.dashboard}"

    @property
    def inbox_url(self) -> str:
        return f"http://{LOOPBACK}:{self.inbox}"


def settings_text(ports: DemoPorts) -> str:
    """The settings of a demo, as YAML."""
    return _SETTINGS.format(ports=ports)


_SETTINGS = """\
# Made by `inferwatch demo`. Everything it serves and sends is SIMULATED.
# A demo that starts afresh writes this file anew; with --keep it stays as it is.
# `inferwatch init` shows all settings.
gateway:
  port: {ports.gateway}
dashboard:
  port: {ports.dashboard}
monitor:
  metrics_port: {ports.metrics}
  monitors:
    accuracy: {{tolerance: 0.06}}  # windows are small here: ten minutes of traffic, in ten seconds
alerts:
  dashboard_url: {ports.dashboard_url}
  gateway_url: {ports.gateway_url}
  group_by: [model, version, rule]  # a mail for each kind of trouble
  group_wait: 2s  # hours pass in minutes here; the defaults are made for people
  group_interval: 30s
  email:  # the demo's own mail catcher; nothing leaves this machine
    host: 127.0.0.1
    port: {ports.smtp}
    security: none
    sender: simulated-alerts@demo.invalid
    to: [you@demo.invalid]
    per_hour: 1000
"""
