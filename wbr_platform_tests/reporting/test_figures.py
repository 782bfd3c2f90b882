"""Figures: right numbers in the right places, safe, and refusing what cannot be drawn."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from lifelines import KaplanMeierFitter

from wbr_platform.reporting.figures import (
    Edge,
    FigureOnPage,
    FlowStep,
    HazardRatio,
    SurvivalGroup,
    before_after_figure,
    forest_figure,
    kaplan_meier_figure,
    organ_network_figure,
    patient_flow_figure,
    strip_figure,
)
from wbr_platform.reporting.figures.organ_network import MAX_EDGES, place_of
from wbr_platform.reporting.figures.svg import Scale


def _tree(figure: FigureOnPage) -> ElementTree.Element:
    """The figure as XML: it has to be well formed by the strict rules too."""
    return ElementTree.fromstring(str(figure.svg))


def _texts(figure: FigureOnPage) -> list[str]:
    return [element.text or "" for element in _tree(figure).iter("text")]


def _group(seed: int, size: int = 40) -> SurvivalGroup:
    generator = np.random.default_rng(seed)
    return SurvivalGroup.of(
        f"group {seed}", generator.exponential(700, size) + 1, generator.random(size) < 0.6
    )


def test_numbers_at_risk_are_those_under_observation() -> None:
    group = SurvivalGroup.of("All", [10, 20, 20, 30, 40], [1, 1, 0, 0, 1])
    assert [group.at_risk(t) for t in (0, 10, 20, 21, 40, 41)] == [5, 5, 4, 2, 1, 0]
    texts = _texts(kaplan_meier_figure([group], "Alive", "caption"))
    assert "Number at risk" in texts
    assert "5" in texts


def test_the_curve_passes_through_the_kaplan_meier_estimate() -> None:
    group = _group(1)
    figure = kaplan_meier_figure([group], "Alive", "caption")
    paths = [element.get("d", "") for element in _tree(figure).iter("path")]
    curve = max((p for p in paths if "Z" not in p), key=len)
    ends = [float(v) for v in re.findall(r"V([\d.]+)", curve)]
    survival = KaplanMeierFitter().fit(group.durations, group.events).survival_function_
    top, bottom = 38.0, 38.0 + 266.0
    expected = bottom + (top - bottom) * survival.to_numpy()[1:, 0]
    np.testing.assert_allclose(ends, expected, atol=0.06)


def test_a_tick_for_every_censored_time() -> None:
    group = _group(2)
    alone = kaplan_meier_figure([group], "Alive", "caption")
    everyone_dies = SurvivalGroup.of("x", group.durations, np.ones(group.durations.size))
    ticks = len(list(_tree(alone).iter("line"))) - len(
        list(_tree(kaplan_meier_figure([everyone_dies], "Alive", "caption")).iter("line"))
    )
    assert ticks == len(np.unique(group.durations[~group.events]))


@pytest.mark.parametrize("events", [[0, 0, 0], [1, 1, 1]])
def test_curves_without_events_or_without_censoring(events: list[int]) -> None:
    group = SurvivalGroup.of("All", [5, 6, 7], events)
    assert "nan" not in kaplan_meier_figure([group], "Alive", "caption").svg


def test_hazard_ratios_lie_on_a_logarithmic_axis() -> None:
    ratios = [
        HazardRatio("model", "age", 2.0, 1.0, 4.0, 0.04),
        HazardRatio("model", "stage", 0.5, 0.25, 1.0, 0.05),
    ]
    figure = forest_figure(ratios, "caption")
    boxes = [float(e.get("x", "0")) + 5 for e in _tree(figure).iter("rect")]
    ticks = {e.text: float(e.get("x", "0")) for e in _tree(figure).iter("text")}
    assert ticks["1"] == pytest.approx(sum(boxes) / 2, abs=0.2)
    assert "2.00 (1.00 to 4.00)" in _texts(figure)


def test_an_interval_beyond_the_axis_ends_in_an_arrow() -> None:
    wide = forest_figure([HazardRatio("m", "x", 1.2, 0.0001, 9000.0, None)], "caption")
    narrow = forest_figure([HazardRatio("m", "x", 1.2, 0.8, 1.6, None)], "caption")
    assert len(list(_tree(wide).iter("path"))) == 2
    assert not list(_tree(narrow).iter("path"))


def test_a_strip_has_a_dot_for_each_value_and_zeros_on_the_floor() -> None:
    patients = [{"a": 10.0, "b": 20.0}, {"a": 0.0}, {"a": 300.0, "b": 5.0}]
    figure = strip_figure(patients, {"a": "A", "b": "B"}, "TMTV", "caption")
    circles = [float(e.get("cy", "0")) for e in _tree(figure).iter("circle")]
    assert len(circles) == 5
    assert max(circles) == 300
    assert "0" in _texts(figure)


def test_strips_of_zeros_only_can_be_drawn() -> None:
    assert "nan" not in strip_figure([{"a": 0.0}], {"a": "A"}, "TMTV", "caption").svg


def test_boxes_show_every_batch_on_both_sides() -> None:
    before = {"one": [1.0, 2.0, 3.0], "two": [4.0, 5.0]}
    figure = before_after_figure(before, {"one": [2.0, 3.0, 4.0]}, "liver", "caption")
    texts = _texts(figure)
    assert texts.count("one") == 2
    assert texts.count("n = 3") == 2
    assert "none" in texts


@pytest.mark.parametrize(
    ("name", "other"),
    [("kidney_right", "kidney_left"), ("Lung right", "lung-left"), ("femur_r", "femur_l")],
)
def test_the_right_side_of_the_patient_is_on_the_left(name: str, other: str) -> None:
    right, left = place_of(name), place_of(other)
    assert right is not None
    assert left is not None
    assert right[0] < 380 < left[0]
    assert right[0] + left[0] == pytest.approx(760)
    assert right[1] == left[1]


def test_organs_stand_where_they_are() -> None:
    places = {name: place_of(name) for name in ("liver", "spleen", "brain", "urinary_bladder")}
    assert all(places.values())
    assert places["liver"][0] < 380 < places["spleen"][0]  # type: ignore[index]
    assert places["brain"][1] < places["liver"][1] < places["urinary_bladder"][1]  # type: ignore[index]
    assert place_of("unheard_of_gland_xyz") is None


def test_network_edges_by_sign_strength_and_certainty() -> None:
    edges = [Edge("liver", "spleen", 0.8, 0.001), Edge("liver", "brain", -0.2, 0.4)]
    figure = organ_network_figure(["liver", "spleen", "brain", "unknown_one"], edges, "caption")
    drawn = [e for e in _tree(figure).iter("path") if "Q" in e.get("d", "")]
    by_colour = {e.get("stroke"): e for e in drawn}
    positive, negative = by_colour["#0b5fa5"], by_colour["#b3470b"]
    assert float(positive.get("stroke-width", "0")) > float(negative.get("stroke-width", "0"))
    assert positive.get("stroke-dasharray") == "none"
    assert negative.get("stroke-dasharray") != "none"
    assert float(positive.get("opacity", "0")) > float(negative.get("opacity", "0"))
    assert "unknown one" in _texts(figure)


def test_a_large_network_draws_its_strongest_edges() -> None:
    nodes = [f"node_{i}" for i in range(40)]
    edges = [
        Edge(a, b, (i + j) / 100, 0.5) for i, a in enumerate(nodes) for j, b in enumerate(nodes[:i])
    ]
    figure = organ_network_figure(nodes, edges, "caption")
    assert sum("Q" in e.get("d", "") for e in _tree(figure).iter("path")) == MAX_EDGES


def test_patient_flow_groups_rare_reasons() -> None:
    reasons = {f"reason {i}": 20 - i for i in range(12)}
    figure = patient_flow_figure([FlowStep("In", 300, left_out=reasons)], "caption")
    texts = _texts(figure)
    assert "20 × reason 0" in texts
    assert any("other reasons" in text for text in texts)


def test_text_is_escaped() -> None:
    figure = patient_flow_figure([FlowStep("<b>&\"'", 1)], "caption")
    assert "<b>" not in figure.svg
    assert "<b>&\"'" in _texts(figure)


def test_nothing_to_draw_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="patients"):
        kaplan_meier_figure([SurvivalGroup.of("x", [], [])], "Alive", "caption")
    with pytest.raises(ValueError, match="hazard"):
        forest_figure([], "caption")
    with pytest.raises(ValueError, match="nodes"):
        organ_network_figure([], [], "caption")
    with pytest.raises(ValueError, match="values"):
        strip_figure([], {"a": "A"}, "TMTV", "caption")
    with pytest.raises(ValueError, match="values"):
        before_after_figure({}, {}, "liver", "caption")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 10, ["0", "2", "4", "6", "8", "10"]), (1.9, 4.1, ["2.0", "2.5", "3.0", "3.5", "4.0"])],
)
def test_tick_labels_share_their_decimals(low: float, high: float, expected: list[str]) -> None:
    assert [words for _, words in Scale(low, high, 0, 1).labels(5)] == expected


def test_logarithmic_ticks_lie_within_the_axis() -> None:
    for low, high in ((0.3, 3.0), (1.0, 1000.0), (30.0, 60.0), (2e-4, 5e3)):
        ticks = Scale(low, high, 0, 1, logarithmic=True).ticks()
        assert ticks
        assert all(low <= tick <= high for tick in ticks)
