"""Figures of the reports as inline SVG."""

from wbr_platform.reporting.figures.distributions import before_after_figure, strip_figure
from wbr_platform.reporting.figures.forest import HazardRatio, forest_figure
from wbr_platform.reporting.figures.kaplan_meier import SurvivalGroup, kaplan_meier_figure
from wbr_platform.reporting.figures.organ_network import Edge, organ_network_figure
from wbr_platform.reporting.figures.patient_flow import FlowStep, patient_flow_figure
from wbr_platform.reporting.figures.svg import FigureOnPage

__all__ = [
    "Edge",
    "FigureOnPage",
    "FlowStep",
    "HazardRatio",
    "SurvivalGroup",
    "before_after_figure",
    "forest_figure",
    "kaplan_meier_figure",
    "organ_network_figure",
    "patient_flow_figure",
    "strip_figure",
]
