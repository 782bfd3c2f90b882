"""Explained variance against closed forms and simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from wbr_platform.harmonization.variance_models import fixed_effects, random_intercept

RNG = np.random.default_rng(0)
NONE = np.zeros((120, 0))


def indicators(group: np.ndarray) -> np.ndarray:
    return np.eye(group.max() + 1)[group][:, 1:]


def test_one_way_equals_analysis_of_variance() -> None:
    group = np.repeat([0, 1, 2], 40)
    values = RNG.normal(size=(120, 5)) + group[:, None] * np.array([0.0, 0.1, 0.3, 0.6, 1.0])
    model = fixed_effects(values, {"scanner": indicators(group)}, NONE)
    found = model.factors["scanner"]
    assert found is not None
    assert model.degrees_of_freedom == 117
    for k in range(5):
        statistic, p_value = stats.f_oneway(*(values[group == g, k] for g in range(3)))
        share = 2 * statistic / (2 * statistic + 117)
        assert found.share[k] == pytest.approx(share, rel=1e-10)
        assert found.p_value[k] == pytest.approx(p_value, rel=1e-8)


def test_limits_are_those_of_the_noncentral_distribution() -> None:
    group = np.repeat([0, 1, 2], 40)
    values = RNG.normal(size=(120, 1)) + group[:, None]
    found = fixed_effects(values, {"scanner": indicators(group)}, NONE).factors["scanner"]
    assert found is not None
    statistic = found.share[0] / (1 - found.share[0]) * 117 / 2
    for limit, probability in ((found.low[0], 0.975), (found.high[0], 0.025)):
        noncentrality = limit / (1 - limit) * 120
        assert stats.ncf.cdf(statistic, 2, 117, noncentrality) == pytest.approx(
            probability, abs=1e-6
        )
    assert found.low[0] < found.share[0] < found.high[0]


def test_interval_of_nothing_starts_at_zero() -> None:
    group = np.repeat([0, 1], 60)
    found = fixed_effects(RNG.normal(size=(120, 400)), {"s": indicators(group)}, NONE).factors["s"]
    assert found is not None
    assert (found.low == 0).mean() == pytest.approx(0.975, abs=0.03)
    assert (found.p_value < 0.05).mean() == pytest.approx(0.05, abs=0.03)


def test_partial_is_beside_the_others() -> None:
    """A feature that follows the age alone, which differs between scanners."""
    group = np.repeat([0, 1], 60)
    age = group * 2.0 + RNG.normal(size=120)
    values = (age + 0.5 * RNG.normal(size=120))[:, None]
    alone = fixed_effects(values, {"scanner": indicators(group)}, NONE).factors["scanner"]
    beside = fixed_effects(values, {"scanner": indicators(group)}, age[:, None]).factors["scanner"]
    assert alone is not None
    assert beside is not None
    assert alone.share[0] > 0.3
    assert beside.share[0] < 0.05


def test_a_factor_that_is_a_function_of_another() -> None:
    group = np.repeat([0, 1, 2], 40)
    voxel = np.array([3.0, 4.0, 5.5])[group][:, None]
    model = fixed_effects(
        RNG.normal(size=(120, 2)), {"scanner": indicators(group), "voxel": voxel}, NONE
    )
    assert model.factors["voxel"] is None
    assert model.factors["scanner"] is not None


def test_too_few_patients() -> None:
    model = fixed_effects(RNG.normal(size=(3, 2)), {"x": RNG.normal(size=(3, 4))}, NONE[:3])
    assert model.factors == {"x": None}
    assert model.degrees_of_freedom < 1


def test_balanced_random_intercept_has_the_closed_form() -> None:
    """REML of a balanced one-way layout: (MSB - MSW) / m against MSW."""
    group = np.repeat(np.arange(8), 15)
    values = RNG.normal(size=(120, 6)) + RNG.normal(0, 1, (8, 6))[group]
    found = random_intercept(values, group, {}, NONE, "scanner").factors["scanner"]
    assert found is not None
    means = np.array([values[group == g].mean(axis=0) for g in range(8)])
    between = 15 * means.var(axis=0, ddof=1)
    within = ((values - means[group]) ** 2).sum(axis=0) / (120 - 8)
    component = np.maximum((between - within) / 15, 0)
    np.testing.assert_allclose(found.share, component / (component + within), atol=0.0051)
    assert ((found.low <= found.share) & (found.share <= found.high)).all()
    assert (found.p_value < 0.01).all()


def test_profile_interval_covers_and_a_fixed_factor_is_kept_apart() -> None:
    group = np.repeat(np.arange(10), 12)
    uptake = RNG.normal(size=(120, 1))
    scanners = RNG.normal(0, 0.5, (10, 300))
    values = RNG.normal(size=(120, 300)) + scanners[group] + 0.5 * uptake
    model = random_intercept(values, group, {"uptake": uptake}, NONE, "scanner")
    scanner, time = model.factors["scanner"], model.factors["uptake"]
    assert scanner is not None
    assert time is not None
    covered = (scanner.low <= 0.2) & (scanner.high >= 0.2)
    assert covered.mean() > 0.90
    assert time.share.mean() == pytest.approx(0.2, abs=0.05)


def test_no_scanner_effect_is_rarely_claimed() -> None:
    group = np.repeat(np.arange(10), 12)
    found = random_intercept(RNG.normal(size=(120, 400)), group, {}, NONE, "s").factors["s"]
    assert found is not None
    assert (found.p_value < 0.05).mean() < 0.08
    assert (found.low == 0).mean() > 0.93


def test_a_feature_that_is_the_factor_does_not_take_for_ever() -> None:
    group = np.repeat([0, 1, 2], 40)
    values = np.array([1.0, 2.0, 4.0])[group][:, None] + 1e-13 * RNG.normal(size=(120, 2))
    found = fixed_effects(values, {"scanner": indicators(group)}, NONE).factors["scanner"]
    assert found is not None
    np.testing.assert_allclose(found.share, 1.0)
    assert (found.low > 0.99).all()
    assert (found.high == 1).all()
