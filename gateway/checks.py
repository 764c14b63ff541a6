"""`inferwatch check`: what is wrong with settings, models, database and machine, and how to mend it."""

from __future__ import annotations

import importlib.util
import smtplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import GatewayError
from gateway.privacy_key import PrivacyKey
from gateway.redaction import Redaction, described
from gateway.server import loop_name
from gateway.settings import Settings
from gateway.supervisor import is_ours, port_problem
from inference.errors import InferenceError
from inference.repository import Repository
from monitors import MONITORS
from monitors.alerts.posting import Poster
from monitors.errors import MonitorError
from monitors.rule_settings import effective_rules
from monitors.settings import EmailSettings
from storage.database import open_reader, open_writer
from storage.errors import DatabaseUnavailableError, StorageError
from storage.keys import KeyFile, check_exposure

PACKAGES = ("gateway", "inference", "monitors", "storage", "dashboard")
_MAIL_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    well: bool
    words: str  # what is there, or what is wrong and how to mend it


def findings(settings: Settings) -> Iterator[Finding]:
    """Everything, in the order in which one would mend it."""
    checks: list[tuple[str, Callable[[Settings], str]]] = [
        ("packages", _packages),
        ("server", _server),
        ("keys", _keys),
        ("models", _models),
        ("privacy", _privacy),
        ("monitors", _monitors),
        ("toxicity", _toxicity),
        ("bias", _bias),
        ("journal", _journal),
        ("database", _database),
        ("rules", _rules),
        ("mail", _mail),
        ("channels", _channels),
        ("ports", _ports),
    ]
    for what, check in checks:
        try:
            yield Finding(what=what, well=True, words=check(settings))
        except (_WrongError, GatewayError, InferenceError, MonitorError, StorageError, OSError) as exc:
            yield Finding(what=what, well=False, words=str(exc))


class _WrongError(Exception):
    """Something is wrong; the message says how to mend it."""


def _packages(settings: Settings) -> str:
    """The names are generic: a package of the same name elsewhere would be imported in place of ours."""
    here = Path(__file__).resolve().parent.parent
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin is None or origin.parent.parent != here:
            raise _WrongError(
                f"package '{name}' comes from {origin}, not from {here}: install inferwatch into an "
                "environment of its own"
            )
    return f"all five lie in {here}"


def _server(settings: Settings) -> str:
    if importlib.util.find_spec("httptools") is None:
        raise _WrongError(
            "httptools is not installed, so requests cost 4.6 times as much: pip install httptools"
        )
    if loop_name() != "uvloop":
        raise _WrongError("uvloop is not installed, so requests cost 1.8 times as much: pip install uvloop")
    return "uvicorn on uvloop and httptools"


def _keys(settings: Settings) -> str:
    keys = KeyFile(settings.gateway.keys_file).read()
    check_exposure("gateway.host", settings.gateway.host, has_keys=bool(keys))
    check_exposure("dashboard.host", settings.dashboard.host, has_keys=bool(keys))
    return (
        f"{len(keys)} in {settings.gateway.keys_file}" if keys else "none: everybody on this machine may ask"
    )


def _models(settings: Settings) -> str:
    repository = Repository(settings.engine.repository)
    manifests = repository.manifests()
    for manifest in manifests:
        repository.verify(manifest)
    if not manifests:
        raise _WrongError(f"none in {settings.engine.repository}: run `inferwatch models add FOLDER`")
    return ", ".join(f"{manifest.name} {manifest.version}" for manifest in manifests)


def _toxicity(settings: Settings) -> str:
    """Which model scores texts, as the monitor process would find it."""
    from monitors.process.scoring_model import classes_of, scoring_model, words_of  # noqa: PLC0415  only where it is asked for

    repository = Repository(settings.engine.repository)
    found = scoring_model(settings.monitor.scoring, repository)
    found.repository.verify(found.manifest)
    if "toxicity" in settings.monitor.off:
        return "texts are not scored: it is switched off (monitor.off)"
    options = settings.monitor.monitors.get("toxicity", {}).values()
    named = {name for option in options if isinstance(option, dict) for name in option}
    classes = classes_of(found.manifest)
    if unknown := sorted(named - set(classes)):
        raise _WrongError(
            f"monitor.monitors.toxicity: {found.manifest.name} has no class '{unknown[0]}'; it has "
            f"{', '.join(classes)}"
        )
    return f"texts are scored by {words_of(found)}"


def _monitors(settings: Settings) -> str:
    """Names and options as the monitor process would take them at its start."""
    from monitors.process.watched import check_monitors  # noqa: PLC0415  as above

    check_monitors(settings.monitor)
    running = [name for name in MONITORS if name not in settings.monitor.off]
    return f"{len(running)} run: {', '.join(running)}" if running else "all are switched off (monitor.off)"


def _bias(settings: Settings) -> str:
    """What must not matter to a model; and whether a reference group is of something else."""
    from monitors.groupings import AND, names_in  # noqa: PLC0415  only where it is asked for

    manifests = Repository(settings.engine.repository).manifests()
    protected = list(dict.fromkeys(names for manifest in manifests for names in manifest.groupings))
    listed = ", ".join(AND.join(names) for names in protected)
    groups = settings.monitor.monitors.get("bias", {}).get("reference_groups", [])
    for group in map(str, groups if isinstance(groups, list) else []):
        if names_in(group) not in protected:
            raise _WrongError(
                f"monitor.monitors.bias.reference_groups: no model protects what '{group}' is a group of; "
                f"protected in model.yaml: {listed or 'nothing'}"
            )
    return f"compared are the groups of {listed}" if listed else "no model names what is protected"


def _privacy(settings: Settings) -> str:
    """What becomes of each model's columns before they are kept."""
    repository = Repository(settings.engine.repository)
    newest = {manifest.name: manifest for manifest in repository.manifests()}
    told = [f"{name}: {described(manifest, settings.gateway.detect)}" for name, manifest in newest.items()]
    key = PrivacyKey(settings.gateway.privacy_key_file)
    if any(Redaction(manifest, settings.gateway.detect, key) for manifest in newest.values()):
        key.hash("")  # made, or read, as the gateway would
        told.append(f"hashes are keyed with {key.path}")
    return "; ".join(told) or "no model yet"


def _journal(settings: Settings) -> str:
    folder = settings.journal.folder
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".check"
    probe.write_bytes(b"")
    probe.unlink()
    return f"{folder}, up to {settings.journal.budget_bytes // 2**20} MiB, then {settings.journal.policy}"


def _database(settings: Settings) -> str:
    """Opens it as the monitor would, so that its tables are made where they are not there yet."""
    url = settings.database.url.rpartition("@")[2]  # the part without a password
    try:
        open_writer(settings.database).close()
        database = open_reader(settings.database)
    except DatabaseUnavailableError as exc:
        raise _WrongError(f"{url}: {exc}") from exc
    try:
        with database.read():
            pass
    finally:
        database.close()
    return f"{url} answers"


def _rules(settings: Settings) -> str:
    """What is wrong with a rule is found when the settings are read."""
    rules = effective_rules(settings.alerts.rules)
    return f"{len(rules)} in force: {', '.join(rule.name for rule in rules)}"


def _mail(settings: Settings) -> str:
    email = settings.alerts.email
    if email is None:
        return "no mail server is set (alerts.email): alerts are kept and shown, but not mailed"
    try:
        _greet(email)
    except (OSError, smtplib.SMTPException) as exc:
        raise _WrongError(
            f"{email.host}:{email.port} does not answer ({exc}); mend alerts.email.host and port"
        ) from exc
    return f"{email.host}:{email.port} answers"


def _channels(settings: Settings) -> str:
    """Connects to each, but sends nothing: `inferwatch channels test` does."""
    alerts = settings.alerts
    sections = {"webhook": alerts.webhook, "slack": alerts.slack, "pagerduty": alerts.pagerduty}
    given = {name: section for name, section in sections.items() if section is not None}
    if not given:
        return "none but mail is set (alerts.webhook, alerts.slack, alerts.pagerduty)"
    hosts = {
        name: Poster(settings=section, where=f"alerts.{name}").knock() for name, section in given.items()
    }
    reached = ", ".join(f"{name} at {host}" for name, host in hosts.items())
    return f"{reached} can be reached; `inferwatch channels test` sends a test"


def _greet(email: EmailSettings) -> None:
    kind = smtplib.SMTP_SSL if email.security == "tls" else smtplib.SMTP
    with kind(email.host, email.port, timeout=_MAIL_TIMEOUT_S) as server:
        server.ehlo()
        if email.security == "starttls" and not server.has_extn("starttls"):
            raise smtplib.SMTPNotSupportedError("it does not offer STARTTLS; set alerts.email.security")


def _ports(settings: Settings) -> str:
    words, wrong = [], []
    for setting, (host, port) in ports(settings).items():
        problem = port_problem(setting, host, port)
        if problem is None:
            words.append(f"{port} ({setting}) is free")
        elif is_ours(port):
            words.append(f"{port} ({setting}) is held by an inferwatch that runs")
        else:
            wrong.append(problem)
    if wrong:
        raise _WrongError("; ".join(wrong))
    return ", ".join(words)


def ports(settings: Settings) -> dict[str, tuple[str, int]]:
    """Every port that `inferwatch up` listens on, by its setting."""
    wanted = {
        "gateway.port": (settings.gateway.host, settings.gateway.port),
        "dashboard.port": (settings.dashboard.host, settings.dashboard.port),
    }
    if settings.monitor.metrics_port:
        wanted["monitor.metrics_port"] = (settings.monitor.metrics_host, settings.monitor.metrics_port)
    return wanted
