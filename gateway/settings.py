"""Everything an operator chooses: the sections of `inferwatch.yaml`. Read by `settings_file.py`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from inference.manifest import Detector
from inference.settings import EngineSettings
from monitors.settings import AlertSettings, MonitorSettings
from storage.settings import DatabaseSettings, JournalSettings, RetentionSettings


class GatewaySettings(BaseModel):
    """Where apps and people reach inferwatch, and what it refuses of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(
        default="127.0.0.1", description="address to listen on; other than loopback only once a key exists"
    )
    port: int = Field(default=8080, ge=1, le=65535, description="and the port")
    keys_file: Path = Field(
        default=Path(".inferwatch/keys.json"), description="API keys, hashed (inferwatch keys create)"
    )
    detect: tuple[Detector, ...] = Field(
        default=(),
        description="looked for in kept texts: email, phone, card, iban, ip; a model may name others",
    )
    privacy_key_file: Path = Field(
        default=Path(".inferwatch/privacy.key"),
        description="what hashed values are keyed with, made when first needed; keep a copy",
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="names by which browsers may reach it, beside its address and localhost"
    )
    capture: bool = Field(
        default=True, description="false: nothing is recorded or watched; for benchmarks only"
    )
    max_body_bytes: int = Field(
        default=1024 * 1024, ge=1024, description="larger requests are refused with 413"
    )
    max_connections: int = Field(default=4096, ge=1, description="open connections in all")
    max_connections_per_address: int = Field(
        default=1024,
        ge=1,
        description="open connections from one address; loopback counts in `max_connections` alone",
    )
    header_timeout_s: float = Field(
        default=10.0, gt=0, description="the head of a request must be there by then"
    )
    body_timeout_s: float = Field(default=30.0, gt=0, description="and its body by then")
    keep_alive_s: float = Field(
        default=75.0, gt=0, description="an idle connection is closed after this time"
    )
    shutdown_s: float = Field(default=20.0, gt=0, description="how long requests may finish after SIGTERM")


class DashboardSettings(BaseModel):
    """Where people reach the dashboard. Once a key exists they log in with one that may read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(
        default="127.0.0.1", description="address to listen on; other than loopback only once a key exists"
    )
    port: int = Field(default=8501, ge=1, le=65535, description="and the port")
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="names by which browsers may reach it, beside its address and localhost"
    )


class Settings(BaseModel):
    """The whole of `inferwatch.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gateway: GatewaySettings = GatewaySettings()
    engine: EngineSettings = EngineSettings()
    journal: JournalSettings = JournalSettings()
    database: DatabaseSettings = DatabaseSettings()
    retention: RetentionSettings = RetentionSettings()
    monitor: MonitorSettings = MonitorSettings()
    alerts: AlertSettings = AlertSettings()
    dashboard: DashboardSettings = DashboardSettings()
