"""Which numbers each monitor gives, found by letting it look at every kind of model."""

from __future__ import annotations

from monitors import build, kinds
from monitors.base import ModelContext
from monitors.reference import reference_of
from tests.helpers.monitoring import MODELS, SCORER, tame_frame, with_every_group


def measured() -> dict[str, list[str]]:
    """The metrics of every monitor, in the order in which it gives them."""
    found: dict[str, dict[str, None]] = {kind: {} for kind in kinds()}
    for manifest in MODELS.values():
        rows = tame_frame(manifest)
        reference = reference_of(rows, manifest, "the documentation", kinds(), SCORER)
        context = ModelContext(manifest=manifest, reference=reference, scorer=SCORER)
        for kind, type_ in kinds().items():
            if not type_.applies(context):
                continue
            monitor = build(kind, {}, context)
            summary = monitor.observe(with_every_group(rows, manifest))
            said = monitor.assess(summary, reference.summaries.get(kind))
            found[kind] |= dict.fromkeys(each.metric for each in said)
    return {kind: list(metrics) for kind, metrics in found.items()}
