"""Images and masks with their geometry, resampling, NIfTI in and out, pictures."""

from wbr_platform.imaging.geometry import Geometry
from wbr_platform.imaging.volume import LabelMap, NamedMask, Volume

__all__ = ["Geometry", "LabelMap", "NamedMask", "Volume"]
