"""Protected groups: which there are, what they are called, and how many at most."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from inference.manifest import ModelSpec
from monitors.frames import Frame, frame_of_columns
from monitors.groupings import MOST_IN_FILES, label_of_pair, names_in, of_file, with_protected_groups
from tests.helpers.monitoring import model, with_every_group

SHOP = model(protected=["race", ["race", "member"]])


def rows(manifest: ModelSpec, race: list[str | None], member: list[bool | None] | None = None) -> Frame:
    return frame_of_columns({"member": member or [None] * len(race)}, manifest, tags={"race": race})


def groups_of(frame: Frame, grouping: str) -> list[str | None]:
    found = frame.groupings[grouping]
    return [found.names[code] if code >= 0 else None for code in found.codes]


def test_groups_are_values_of_tags_and_inputs_and_their_intersections() -> None:
    frame = with_every_group(rows(SHOP, ["A", "B", None], [True, False, True]), SHOP)

    assert groups_of(frame, "race") == ["race=A", "race=B", None]
    assert groups_of(frame, "race & member") == ["race=A & member=true", "race=B & member=false", None]


def test_a_row_that_lacks_one_value_is_in_no_intersection() -> None:
    frame = with_every_group(rows(SHOP, ["A", None], [None, True]), SHOP)

    assert groups_of(frame, "race & member") == [None, None]


def test_what_is_not_admitted_is_other() -> None:
    admitted = {"race": {"A", "other"}, "member": {"true"}, "race & member": {"race=A & member=true"}}
    frame = rows(SHOP, ["A", "B", "A", "other"], [True, True, False, True])

    bounded = with_protected_groups(frame, SHOP, lambda name, values: frozenset(admitted[name]))

    assert groups_of(bounded, "race") == ["race=A", "race=other", "race=A", "race=other"]
    rest = "race & member=other"
    assert groups_of(bounded, "race & member") == ["race=A & member=true", rest, rest, rest]


def test_values_that_no_page_can_show_are_other() -> None:
    frame = with_every_group(rows(SHOP, ["x" * 101, "a\nb", "\u202e", ""]), SHOP)

    assert set(groups_of(frame, "race")) == {"race=other"}


def test_an_intersection_of_long_values_stands_alone() -> None:
    names = ["marital-status", "native-country", "race", "sex"]  # as Adult has them
    spec = model(protected=[names])
    values = ["Married-civ-spouse", "Outlying-US(Guam-USVI-etc)", "Amer-Indian-Eskimo", "Female"]
    tags: dict[str, list[str | None]] = {name: [value] for name, value in zip(names, values, strict=True)}

    (groups,) = with_every_group(frame_of_columns({"age": [1.0]}, spec, tags=tags), spec).groupings.values()

    assert groups.names == (
        "marital-status=Married-civ-spouse & native-country=Outlying-US(Guam-USVI-etc) & "
        "race=Amer-Indian-Eskimo & sex=Female",
    )


def test_an_intersection_too_long_for_an_index_is_other() -> None:
    names = ["a", "b", "c", "d"]
    spec = model(protected=[names])
    tags: dict[str, list[str | None]] = {name: ["x" * 100] for name in names}

    (groups,) = with_every_group(frame_of_columns({"age": [1.0]}, spec, tags=tags), spec).groupings.values()

    assert groups.names == ("a & b & c & d=other",)


def test_the_most_frequent_values_are_offered_first() -> None:
    offered: dict[str, list[str]] = {}

    def admit(name: str, values: list[str]) -> frozenset[str]:
        offered[name] = values
        return frozenset(values)

    with_protected_groups(rows(SHOP, ["A", "B", "B", None]), SHOP, admit)  # type: ignore[arg-type]  # a list is a sequence

    assert offered["race"] == ["B", "A"]


def test_the_rows_of_a_file_have_so_many_groups_and_the_rest_is_other() -> None:
    races = [f"r{n}" for n in range(MOST_IN_FILES + 5)] + ["frequent"] * 2

    frame = of_file(rows(SHOP, [*races]), SHOP)

    found = set(groups_of(frame, "race"))
    assert len(found) == MOST_IN_FILES + 1
    assert {"race=frequent", "race=other"} <= found


def test_the_groups_of_a_part_are_those_of_its_rows() -> None:
    frame = with_every_group(rows(SHOP, ["A", "B", "A"]), SHOP)

    part = frame.where(frame.groups("race").codes == 0)

    assert groups_of(part, "race") == ["race=A", "race=A"]


def test_a_model_that_protects_nothing_has_no_groups() -> None:
    bare = model()

    assert not with_every_group(rows(bare, ["A"]), bare).groupings


@settings(deadline=None)
@given(values=st.lists(st.tuples(st.text("ab&|= ", min_size=1), st.text("ab&|= ", min_size=1)), min_size=1))
def test_no_two_groups_and_no_two_pairs_of_groups_are_called_the_same(values: list[tuple[str, str]]) -> None:
    spec = model(protected=["race", "sex", ["race", "sex"]])
    tags = {"race": [race for race, _ in values], "sex": [sex for _, sex in values]}
    frame = with_every_group(frame_of_columns({"age": [1.0] * len(values)}, spec, tags=tags), spec)

    both = groups_of(frame, "race & sex")
    singles = [*groups_of(frame, "race"), *groups_of(frame, "sex")]
    pairs = {label_of_pair(str(one), str(other)) for one in both for other in both}

    assert len(set(both)) == len(set(values))
    assert len(set(singles)) == len(set(tags["race"])) + len(set(tags["sex"]))
    assert not set(both) & set(singles)
    assert len(pairs) == len(set(both)) ** 2


def test_only_intersections_that_occur_are_groups() -> None:
    names = ["a", "b", "c", "d"]
    spec = model(protected=[names])
    values: list[str | None] = [str(n) for n in range(40)]  # 40^4 may occur
    frame = frame_of_columns({"age": [1.0] * 40}, spec, tags=dict.fromkeys(names, values))

    (groups,) = with_every_group(frame, spec).groupings.values()

    assert len(groups.names) == 40
    assert groups.names[7] == "a=7 & b=7 & c=7 & d=7"


def test_a_group_tells_what_it_differs_in() -> None:
    assert names_in("race=A & sex=f") == ("race", "sex")
    assert names_in("race & sex=other") == ("race", "sex")
    assert names_in("race=A && B") == ("race",)
