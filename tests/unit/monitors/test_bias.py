"""What the bias monitor says of groups: when it alarms, when it does not know, and what is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.manifest import ModelSpec
from monitors import build
from monitors.base import ModelContext
from monitors.bias import Bias
from monitors.errors import MonitorSettingsError
from monitors.frames import Frame, frame_of_columns, frames_of_changes
from storage.records import Arm, LabelChange, Measurement, Value
from storage.summary import Summary
from tests.helpers.monitoring import NOON, PANE, model, with_every_group

SHOP = model(protected=["race"])
Table = tuple[int, int, int, int]
# TN, FP, FN, TP of scores of 5 and more, as ProPublica published them in 2016
COMPAS: Mapping[str, Table] = {"African-American": (990, 805, 532, 1369), "Caucasian": (1139, 349, 461, 505)}
Said = Mapping[tuple[str, str | None], Measurement]


def rows_of(groups: Mapping[str, Table], *, labelled: bool = True, score: float = 0.7) -> Frame:
    """So many rows of each cell of each group."""
    cells = [("0", "0"), ("1", "0"), ("0", "1"), ("1", "1")]  # predicted, label
    rows = [
        (race, *cell)
        for race, counts in groups.items()
        for cell, n in zip(cells, counts, strict=True)
        for _ in range(n)
    ]
    frame = frame_of_columns(
        {"class": [row[1] for row in rows], "score": [score] * len(rows)},
        SHOP,
        labels=[row[2] for row in rows] if labelled else None,
        tags={"race": [row[0] for row in rows]},
    )
    return with_every_group(frame, SHOP)


def said_of(groups: Mapping[str, Table] | Summary, **options: object) -> Said:
    bias = build("bias", options, ModelContext(manifest=SHOP))
    summary = groups if isinstance(groups, Summary) else bias.observe(rows_of(groups))
    found = list(bias.assess(summary, None))
    by_name = {(each.metric, each.column): each for each in found}
    assert len(by_name) == len(found)
    return by_name


def of_size(rows: int, selected: float) -> Table:
    """A group of which a share is selected, rightly."""
    positive = round(rows * selected)
    return rows - positive, 0, 0, positive


def test_the_gaps_of_compas_are_breached() -> None:
    said = said_of(COMPAS)

    breached = {metric for (metric, column), each in said.items() if each.breached and column == "race"}
    assert breached == {
        "demographic_parity_difference",
        "demographic_parity_ratio",
        "equalized_odds_difference",
        "equalized_odds_ratio",
    }
    # of 1,901 and 966 rows: .1974 less margins of some .040 and .062 is below .1, so it may be chance
    assert said["equal_opportunity_difference", "race"].value == pytest.approx(0.1974, abs=5e-5)


def test_a_group_has_its_rates_in_a_column_of_its_own() -> None:
    said = said_of(COMPAS)

    rate = said["false_positive_rate", "race=Caucasian"]
    assert rate.value == 349 / 1488
    assert rate.n == 1488
    assert rate.interval is not None
    assert rate.interval[0] < 349 / 1488 < rate.interval[1]
    assert not rate.breached


def test_a_difference_that_may_be_chance_is_not_breached() -> None:
    said = said_of({"A": of_size(120, 0.5), "B": of_size(120, 0.3)})

    parity = said["demographic_parity_difference", "race"]
    assert parity.value == pytest.approx(0.2)
    assert parity.bounds.upper == 0.1
    assert parity.interval is not None
    assert parity.interval[0] <= 0.1
    assert not parity.breached


def test_the_same_difference_of_many_rows_is_breached() -> None:
    said = said_of({"A": of_size(5_000, 0.5), "B": of_size(5_000, 0.3)})

    assert said["demographic_parity_difference", "race"].breached
    assert said["demographic_parity_ratio", "race"].breached


def test_a_tiny_group_is_unknown_and_left_out_of_every_gap() -> None:
    native = (1, 8, 3, 6)  # 18 rows, of which 14 are selected
    said = said_of({**COMPAS, "Native American": native})

    assert said["selection_rate", "race=Native American"].value is None
    assert said["selection_rate", "race=Native American"].interval is None
    assert said["selection_rate", "race=Native American"].n == 18
    for metric in ("demographic_parity_difference", "equalized_odds_difference", "equalized_odds_ratio"):
        assert said[metric, "race"].value == said_of(COMPAS)[metric, "race"].value
    assert not any("Native" in (column or "") for (_, column), each in said.items() if each.breached)


def test_the_least_cell_counts_rows_of_the_rate_and_not_of_the_group() -> None:
    said = said_of({**COMPAS, "C": (400, 100, 10, 15)})  # 525 rows, 25 of them with a positive label

    assert said["true_positive_rate", "race=C"].value is None
    assert said["false_positive_rate", "race=C"].value == 0.2


def test_of_a_small_group_only_the_interval_is_shown() -> None:
    said = said_of({**COMPAS, "Asian": of_size(32, 0.25)})

    rate = said["selection_rate", "race=Asian"]
    assert (rate.value, rate.n) == (None, 32)
    assert rate.interval is not None
    assert rate.interval[0] < 0.25 < rate.interval[1]


def test_one_group_alone_has_unknown_gaps() -> None:
    said = said_of({"Caucasian": COMPAS["Caucasian"]})

    parity = said["demographic_parity_difference", "race"]
    assert (parity.value, parity.interval, parity.breached) == (None, None, False)


def test_without_labels_the_selection_rate_is_known_and_no_more() -> None:
    bias = build("bias", {}, ModelContext(manifest=SHOP))

    said = said_of(bias.observe(rows_of(COMPAS, labelled=False)))

    known = {metric for (metric, column), each in said.items() if each.value is not None and column == "race"}
    assert known == {"demographic_parity_difference", "demographic_parity_ratio", "group_coverage"}


def test_labels_that_come_later_say_the_same_as_labels_that_were_there() -> None:
    groups = {"A": (40, 10, 5, 45), "B": (30, 20, 15, 35)}
    frame, bias = rows_of(groups), build("bias", {}, ModelContext(manifest=SHOP))

    later = bias.observe(rows_of(groups, labelled=False))
    for change in frames_of_changes(chain.from_iterable(map(arrivals, [frame])), SHOP, PANE):
        after, before = (with_every_group(each, SHOP) for each in (change.after, change.before))
        later += bias.observe(after) - bias.observe(before)

    assert later == bias.observe(frame)


def test_a_group_whose_labels_were_counted_before_its_rows_is_unknown_until_then() -> None:
    frame, bias = rows_of({"A": (400, 100, 50, 450)}), build("bias", {}, ModelContext(manifest=SHOP))
    (change,) = frames_of_changes(arrivals(frame), SHOP, PANE)
    after, before = (with_every_group(each, SHOP) for each in (change.after, change.before))

    said = said_of(bias.observe(after) - bias.observe(before))

    assert {each.value for (_, column), each in said.items() if column == "race=A"} == {None}


def test_two_groups_are_compared_by_themselves_and_never_alarm_there() -> None:
    said = said_of({**COMPAS, "Hispanic": (320, 87, 130, 100)})

    pair = "race=African-American | race=Caucasian"
    assert said["demographic_parity_difference", pair].value == pytest.approx(0.2402, abs=5e-5)
    assert said["demographic_parity_ratio", pair].value == pytest.approx(0.5916, abs=5e-5)
    assert said["equalized_odds_difference", pair].value == pytest.approx(0.2139, abs=5e-5)
    assert not said["demographic_parity_difference", pair].breached


def test_only_so_many_pairs_of_the_largest_groups_are_compared() -> None:
    groups = {f"g{n}": of_size(100 + n, 0.5) for n in range(8)}

    def pairs(most: int) -> list[str]:
        return sorted({str(column) for _, column in said_of(groups, most_pairs=most) if "|" in str(column)})

    assert pairs(3) == ["race=g5 | race=g6", "race=g5 | race=g7", "race=g6 | race=g7"]
    assert len(pairs(6)) == 6
    assert pairs(2) == ["race=g6 | race=g7"]
    assert pairs(0) == []


def test_disparate_impact_is_measured_against_the_group_that_is_named() -> None:
    said = said_of(COMPAS, reference_groups=["race=African-American", "sex=Male"])

    found = said["disparate_impact", "race=Caucasian"]
    assert found.value == pytest.approx(0.5916, abs=5e-5)
    assert found.bounds.lower == 0.8
    assert found.breached
    assert ("disparate_impact", "race=African-American") not in said


def test_disparate_impact_beside_a_group_that_is_not_there_is_unknown() -> None:
    said = said_of(COMPAS, reference_groups=["race=White"])

    assert said["disparate_impact", "race=Caucasian"].value is None


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"alpha": 0}, "alpha is 0"),
        ({"min_rows": 0}, "min_rows and min_shown are 1 or more"),
        ({"most_pairs": -1}, "most_pairs 0 or more"),
        ({"reference_groups": ["race=A", "race=B"]}, "name one of each grouping"),
    ],
)
def test_settings_with_which_nothing_can_be_judged_are_refused(options: dict[str, object], why: str) -> None:
    with pytest.raises(MonitorSettingsError, match=why):
        said_of(COMPAS, **options)


def test_what_is_demanded_can_be_chosen() -> None:
    said = said_of(COMPAS, demanded=["predictive_parity"], max_difference=0.001)

    bounded = {metric for (metric, _), each in said.items() if each.bounds.upper is not None}
    assert bounded == {"predictive_parity_difference"}
    with pytest.raises(MonitorSettingsError, match="demographic_parity"):
        said_of(COMPAS, demanded=["fairness"])


def test_equalized_odds_can_be_the_mean_of_its_two_rates() -> None:
    said = said_of(COMPAS, equalized_odds="mean")

    assert said["equalized_odds_difference", "race"].value == pytest.approx(0.2056, abs=5e-5)


def test_scores_have_a_mean_and_a_calibration_error_by_group() -> None:
    said = said_of(COMPAS)  # every score is .7

    assert said["mean_score", "race=Caucasian"].value == pytest.approx(0.7, abs=1e-7)
    assert said["calibration_error", "race=Caucasian"].value == pytest.approx(0.7 - 966 / 2454, abs=1e-7)


def test_how_many_rows_are_in_a_group_is_told() -> None:
    columns: dict[str, list[Value]] = {"class": ["1", "1", "0", None], "score": [0.7] * 4}
    frame = frame_of_columns(columns, SHOP, tags={"race": ["A", None, "B", "A"]})
    bias = build("bias", {}, ModelContext(manifest=SHOP))

    coverage = said_of(bias.observe(with_every_group(frame, SHOP)))["group_coverage", "race"]

    assert (coverage.value, coverage.n) == (0.5, 4)


@pytest.mark.parametrize(
    ("spec", "applies"),
    [
        (SHOP, True),
        (model(), False),
        (model(classes=("a", "b", "c")), False),
        (model(task="regression"), False),
    ],
)
def test_it_watches_models_of_two_classes_that_protect_something(spec: ModelSpec, applies: bool) -> None:
    assert Bias.applies(ModelContext(manifest=spec)) is applies


@given(
    tables=st.lists(st.tuples(*[st.integers(0, 60)] * 4), min_size=2, max_size=4),
    names=st.permutations(["A", "B", "C", "D"]),
)
@settings(max_examples=30, deadline=None)
def test_everything_lies_between_0_and_1_and_no_name_of_a_group_matters(
    tables: Sequence[Table], names: Sequence[str]
) -> None:
    one = said_of(dict(zip("ABCD", tables, strict=False)))
    other = said_of(dict(zip(names, tables, strict=False)))

    renamed = dict(zip("ABCD", names, strict=True))
    for (metric, column), measured in one.items():
        assert all(
            0 <= each <= 1 for each in (measured.value, *(measured.interval or ())) if each is not None
        )
        if column is not None and "|" not in column:
            name = f"race={renamed[column[-1]]}" if "=" in column else column
            assert other[metric, name] == Measurement(
                metric=metric,
                column=name,
                value=measured.value,
                n=measured.n,
                interval=measured.interval,
                bounds=measured.bounds,
                significant=measured.significant,
            )


def arrivals(frame: Frame) -> list[LabelChange]:
    """The labels of a frame's rows, each as it comes."""
    rows = zip(frame.column("class"), frame.tag("race"), frame.labels or [], strict=True)
    return [
        LabelChange(
            event="p-1-0",
            row=0,
            at=NOON,
            labelled_at=NOON,
            model=SHOP.name,
            version=SHOP.version,
            arm=Arm.STABLE,
            inputs={},
            outputs={"class": [predicted], "score": [0.7]},
            tags={"race": [race]},
            before=None,
            after=label,
        )
        for predicted, race, label in rows
    ]
