"""Every number of the segmentation rules, in one place."""

from __future__ import annotations

# Smallest lesion kept. 3 mL for SUV 4.0 is that of the international benchmark of tumour volume in
# lymphoma (Boellaard et al., J Nucl Med 2024;65:1343); the other thresholds keep 1 mL and more.
MINIMUM_VOLUME_ML = 1.0
MINIMUM_VOLUME_SUV_4_ML = 3.0

# Share of SUVmax for the isocontour (EANM procedure guideline 2.0, Boellaard et al. 2015).
PERCENT_OF_MAXIMUM = 41.0
# A lesion is preselected where SUV >= 4.0 in at least this volume (some four PET voxels, so that
# noise is not taken for a lesion), and its isocontour may reach this far beyond the preselection.
PRESELECTION_SUV = 4.0
PRESELECTION_MINIMUM_ML = 0.3
ISOCONTOUR_REACH_MM = 50.0

# Organ masks grow by this much before their uptake is removed: spill-out and respiratory motion.
PHYSIOLOGICAL_DILATION_MM = 6.0
# In guarded organs uptake counts above FACTOR x median + DEVIATIONS x SD of the organ itself, the
# form of PERCIST's liver threshold (Wahl et al., J Nucl Med 2009;50:122S) with robust estimates.
GUARD_FACTOR = 1.5
GUARD_DEVIATIONS = 2.0

# Volumes below are compared up to rounding.
VOLUME_ROUNDING_ML = 1e-9
