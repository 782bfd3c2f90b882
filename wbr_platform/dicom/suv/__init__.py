"""From PET headers to factors that turn rescaled values into SUVbw, or a refusal with its reason.

Rules: the IBSI "Comprehensive manual for SUV computation" (Vácha et al., CC BY 4.0), the QIBA
vendor-neutral pseudo-code and DICOM PS3.3 C.8.9; where they differ, the rule that reproduces real
series was taken (see :mod:`wbr_platform.dicom.suv.decay_reference`).
"""

from wbr_platform.dicom.suv.conversion import SuvConversion, suv_conversion

__all__ = ["SuvConversion", "suv_conversion"]
