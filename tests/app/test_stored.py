"""Every field of every stored value goes to JSON and comes back equal; what is not understood is refused by name."""

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.session.edits import Edits
from app.session.origin import Origin
from app.session.session import Display
from app.session.stored import from_plain, to_plain
from fast3dis_core.errors import SessionError
from fast3dis_core.interventions import AnchorPrompt, Interventions
from fast3dis_core.reconstruction import AnchorOverride

EDITS = Edits(
    objectness_threshold=0.41,
    minimum_points=7,
    confidence_percentile=12.5,
    depth_edge=0.03,
    duplicate_overlap=0.6,
    hidden=frozenset({3, 1}),
    merged=((5, 4), (7, 6, 2)),
    names={1: "große Vase", 2: ""},
    colors={4: (1, 2, 255)},
    overrides=(AnchorOverride(query=9, position=(0.1, -2.0, 3.0), pinned=True),),
    mask_threshold=0.55,
    interventions=Interventions(
        prompts=(
            AnchorPrompt(position=(1.0, 2.0, 3.0), content=7),
            AnchorPrompt(position=(0.0, 0.0, 1.0), removed=True),
        ),
        muted_queries=frozenset({8}),
        muted_views=frozenset({0, 2}),
        cut_links=frozenset({(1, 2), (0, 5)}),
        self_attention=False,
    ),
    scale=0.37,
)
ORIGIN = Origin(folder=Path("/photos/küche"), model="nano · CPU", seconds=3.25, notes=("one", "two"), masks="stopped")
DISPLAY = Display(view=3, selection=frozenset({4, 2}), isolated=frozenset({4}), hovered=None, layer=2)


@pytest.mark.parametrize("value", [EDITS, ORIGIN, DISPLAY, Edits(), Display()], ids=lambda value: type(value).__name__)
def test_values_survive_the_way_through_json(value):
    plain = json.loads(json.dumps(to_plain(value)))
    assert set(plain) == {field.name for field in dataclasses.fields(value)}
    assert from_plain(type(value), plain) == value


def test_the_example_sets_every_field_of_the_edits():
    same = [
        field.name for field in dataclasses.fields(Edits) if getattr(EDITS, field.name) == getattr(Edits(), field.name)
    ]
    assert same == [], "a field added to Edits belongs into the example"


def test_what_a_file_does_not_say_takes_its_default():
    assert from_plain(Edits, {"hidden": [2]}) == Edits(hidden=frozenset({2}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"opacity": 1}, "Edits.opacity, which this version does not know"),
        ({"hidden": 3}, "Edits.hidden: expected a list"),
        ({"hidden": [True]}, "Edits.hidden\\[0\\]: expected int"),
        ({"names": {"sofa": "x"}}, "Edits.names: expected keys of type int"),
        ({"colors": {"1": [1, 2]}}, "Edits.colors\\[1\\]: expected 3 values"),
        ({"mask_threshold": 7}, "mask_threshold must lie between 0 and 1"),
        ({"overrides": [{"query": 1}]}, "impossible Edits.overrides\\[0\\]"),
        ({"interventions": {"prompts": [{"position": [0, 0, 1], "content": "best"}]}}, "nearest, mean, sampled"),
    ],
)
def test_what_is_impossible_is_refused_by_name(change, words):
    with pytest.raises(SessionError, match=words):
        from_plain(Edits, change)


def test_words_are_those_of_their_field():
    with pytest.raises(SessionError, match=r"Display\.color_mode: expected one of instance"):
        from_plain(Display, {"color_mode": "rainbow"})
    with pytest.raises(SessionError, match="expected a mapping"):
        from_plain(Display, [])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3)
    )
)
def test_no_junk_gets_through_or_breaks_anything(junk):
    for name in ("hidden", "merged", "names", "overrides", "interventions"):
        try:
            value = from_plain(Edits, {name: junk})
        except SessionError:
            continue
        assert to_plain(getattr(value, name)) == junk or name == "hidden"
