"""Every comparison with independent references that ``wbr validate`` knows, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from wbr_platform.validation.combat import validate_combat
from wbr_platform.validation.ibsi import validate_ibsi
from wbr_platform.validation.ibsi2 import validate_ibsi2
from wbr_platform.validation.report import ValidationReport
from wbr_platform.validation.segmentation import validate_segmentation
from wbr_platform.validation.suv import validate_suv
from wbr_platform.validation.teams import validate_sts_features

Validation = Callable[[Path | None], ValidationReport]

VALIDATIONS: Mapping[str, tuple[Validation, str]] = {
    "suv": (validate_suv, "SUV: digital reference objects, header vectors, real series, refusals"),
    "ibsi": (validate_ibsi, "features: IBSI-1 reference values"),
    "ibsi2": (validate_ibsi2, "filters: IBSI-2 response maps and features of a filtered CT"),
    "sts": (validate_sts_features, "features: 34 real patients, the median of nine programs"),
    "combat": (validate_combat, "ComBat: R's values, properties, refusals, planted mistakes"),
    "segmentation": (
        validate_segmentation,
        "segmentation: organ statistics, expert contours, measures, simulated lesions",
    ),
}
