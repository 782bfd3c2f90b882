"""The known covariance that organ uptakes follow.

Two levels. Latent *systems* (marrow, blood pool, tumour burden, …) are jointly normal with unit
variance and the partial correlations of ``network_edges.csv``. An organ's log SUV correlates with
its system by its loading; the rest of its variance is its own. Systems that no path of edges joins
are independent, and so are their organs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbr_platform.simulation.anatomy import Structure, records, structures

TUMOUR_BURDEN = "tumour_burden"


@dataclass(frozen=True)
class NetworkTruth:
    """The planted network.

    ``system_correlation`` (systems × systems) is the covariance of the latent scores,
    ``system_partial_correlation`` what was planted. ``covariance`` (regions × regions) is that of
    the log SUVs at given covariates (for tumour_burden: of log TMTV); ``precision`` its inverse;
    ``partial_correlation`` what a network estimate of the regions should find.
    """

    systems: tuple[str, ...]
    system_correlation: NDArray[np.float64]
    system_partial_correlation: NDArray[np.float64]
    regions: tuple[str, ...]
    covariance: NDArray[np.float64]
    precision: NDArray[np.float64]
    partial_correlation: NDArray[np.float64]


def network_organs() -> tuple[Structure, ...]:
    """The labelled organs whose uptake is drawn, in the order of the anatomy."""
    return tuple(s for s in structures() if s.labelled and s.system and s.log_sd is not None)


def partial_correlation(precision: NDArray[np.float64]) -> NDArray[np.float64]:
    """Partial correlations of a precision matrix, with a unit diagonal."""
    scale = np.sqrt(np.diag(precision))
    partial = -precision / np.outer(scale, scale)
    np.fill_diagonal(partial, 1.0)
    return np.asarray(partial)


def network_truth(strength: float, log_tmtv_sd: float) -> NetworkTruth:
    """The network with all planted partial correlations multiplied by ``strength``.

    Raises ValueError when the strength leaves no positive definite matrix.
    """
    organs = network_organs()
    systems = tuple(dict.fromkeys([TUMOUR_BURDEN, *(str(s.system) for s in organs)]))
    correlation = _system_correlation(systems, _edges(strength))
    covariance = _region_covariance(systems, correlation, organs, log_tmtv_sd)
    precision = _inverse(covariance)
    return NetworkTruth(
        systems=systems,
        system_correlation=correlation,
        system_partial_correlation=partial_correlation(_inverse(correlation)),
        regions=(TUMOUR_BURDEN, *(organ.name for organ in organs)),
        covariance=covariance,
        precision=precision,
        partial_correlation=partial_correlation(precision),
    )


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def _edges(strength: float) -> Mapping[tuple[str, str], float]:
    return {
        (row["system_a"], row["system_b"]): float(row["partial_correlation"]) * strength
        for row in records("network_edges.csv")
    }


def _system_correlation(
    systems: tuple[str, ...], edges: Mapping[tuple[str, str], float]
) -> NDArray[np.float64]:
    precision = np.eye(len(systems))
    for (a, b), partial in edges.items():
        i, j = systems.index(a), systems.index(b)
        precision[i, j] = precision[j, i] = -partial
    if np.linalg.eigvalsh(precision).min() < 1e-3:
        raise ValueError("the network is too strong: its precision is not positive definite")
    covariance = _inverse(precision)
    scale = np.sqrt(np.diag(covariance))
    return np.asarray(covariance / np.outer(scale, scale))


def _region_covariance(
    systems: tuple[str, ...],
    correlation: NDArray[np.float64],
    organs: tuple[Structure, ...],
    log_tmtv_sd: float,
) -> NDArray[np.float64]:
    index = [0] + [systems.index(str(organ.system)) for organ in organs]
    loading = np.array([1.0] + [float(organ.loading or 0.0) for organ in organs])
    spread = np.array([log_tmtv_sd] + [float(organ.log_sd or 0.0) for organ in organs])
    regions = np.outer(loading, loading) * correlation[np.ix_(index, index)]
    np.fill_diagonal(regions, 1.0)
    return np.asarray(regions * np.outer(spread, spread))
