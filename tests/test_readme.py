"""What the README says can be run, is run: the blocks of its library section, one after the other."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import fast3dis_core
from fast3dis_core.difference import query_changes
from fast3dis_core.interventions import Interventions

ROOT = Path(__file__).parent.parent


def blocks(heading):
    """Python blocks of one section."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, flags=re.S)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Names and printed lines of all blocks, run in a folder that has what they name."""
    folder = tmp_path_factory.mktemp("readme")
    sample = ROOT / "resources" / "samples" / "study"
    shutil.copytree(sample / "images", folder / "resources" / "samples" / "study")
    (folder / "photos").mkdir()
    for name in ("view_000.jpg", "view_001.jpg"):  # in full size: two are enough
        shutil.copy(sample / "images" / name, folder / "photos")
    names, lines = {}, []
    names["print"] = lambda *parts: lines.append(" ".join(str(part) for part in parts))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in blocks("Library"):
            exec(compile(block, "README.md", "exec"), names)
    return names, lines, folder


def test_the_door_of_the_library_offers_its_names_to_completion_and_help():
    assert set(fast3dis_core.__all__) <= set(dir(fast3dis_core))
    for name in fast3dis_core.__all__:
        assert callable(getattr(fast3dis_core, name))
        assert name in (fast3dis_core.__doc__ or "")


def test_the_short_example_writes_instances(told):
    _, _, folder = told
    assert len(blocks("Library")) == 2
    names = sorted(path.name for path in (folder / "out").glob("*.ply"))
    shown = told[0]["result"].shown(0.3)
    assert len(names) >= min(1, len(shown))


def test_its_figures_are_those_of_a_plain_recomputation(told):
    names, lines, _ = told
    result, claims = names["result"], names["claims"]
    members = {query for group in names["groups"] for query in group}
    rate = (len(members) - len(names["groups"])) / len(result.instances)
    assert f"hijack rate {rate:.0%}" in lines
    valid = result.cloud.valid
    twice = (claims.count[valid] > 1).sum() / (claims.count[valid] > 0).sum()
    assert f"claimed twice {twice:.0%}, gaps {(claims.best[valid] < 0.15).mean():.0%}" in lines
    query = names["query"]
    nowhere = names["evidence"].weights[:, query, 0].astype(float).mean()
    assert any(line.startswith(f"query {query}:") and f"{nowhere:.0%} nowhere" in line for line in lines)


def test_the_changes_are_those_of_plain_sets(told):
    names, lines, _ = told
    before = {item.query: set(item.pixels.tolist()) for item in names["result"].instances}
    after = {item.query: set(item.pixels.tolist()) for item in names["after"].instances}
    for change in query_changes(names["result"].instances, names["after"].instances, names["points"])[:5]:
        one, two = before.get(change.query, set()), after.get(change.query, set())
        assert f"query {change.query} is {change.fate}: IoU {len(one & two) / len(one | two):.2f}" in lines
    moved = names["moved"].layers[0].anchors[names["query"]].numpy()
    assert np.allclose(moved, (names["x"], names["y"], names["z"]), atol=1e-3)


def test_the_muted_query_is_lost_and_the_prompt_is_the_last(told):
    names, _, _ = told
    lost = {change.query for change in names["heirs"] if change.fate == "lost"}
    assert names["query"] in lost
    assert len(names["prompted"].layers[-1].anchors) == len(names["trace"].layers[-1].anchors) + 1
    assert names["Interventions"] is Interventions
