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

# Peak: the mean over a sphere of 1 mL (r = 6.2 mm), the highest over all voxels of the lesion
# (IBSI 0F91, global intensity peak).
PEAK_VOLUME_ML = 1.0

# Local background of a lesion: a shell at this distance from its 70 % isocontour, without uptake
# of 2.5 and above and without the air around the patient (Cheebsumon et al., EJNMMI 2011;38:2136).
CORE_PERCENT = 70.0
BACKGROUND_DISTANCE_MM = 25.0
BACKGROUND_THICKNESS_MM = 5.0
BACKGROUND_SUV_BELOW = 2.5
BACKGROUND_SUV_ABOVE = 0.1
BACKGROUND_MINIMUM_VOXELS = 10

# A50P: this share of peak plus background (Burggraaff et al., EJNMMI Res 2020;10:56).
A50P_SHARE = 0.5
# Background-adapted isocontour: share of the mean of the 70 % isocontour, plus the background
# (Nestle et al., J Nucl Med 2005;46:1342).
NESTLE_SHARE = 0.15

# Lesion-adaptive rule (HOVON-84): SUV 4.0 above this peak, else MV3 above this background,
# else MV2.
ADAPTIVE_PEAK_SUV = 8.0
ADAPTIVE_BACKGROUND_SUV = 0.8

# PERCIST 1.0 (Wahl et al., J Nucl Med 2009;50:122S): 1.5 x mean + 2 SD of a sphere of 3 cm in the
# right lobe of the liver; where the liver is diseased 2.0 x mean + 2 SD of the blood pool, a
# cylinder of 1 cm x 2 cm in the descending thoracic aorta.
PERCIST_LIVER_FACTOR = 1.5
PERCIST_BLOOD_FACTOR = 2.0
PERCIST_DEVIATIONS = 2.0
LIVER_SPHERE_DIAMETER_MM = 30.0
BLOOD_CYLINDER_DIAMETER_MM = 10.0
BLOOD_CYLINDER_LENGTH_MM = 20.0
# A reference region is free of disease when it is even, and like the rest of its organ.
REFERENCE_MAXIMUM_VARIATION = 0.3
REFERENCE_MAXIMUM_TO_MEDIAN = 2.0
REFERENCE_MEAN_TO_ORGAN = 0.3
# The descending thoracic aorta: this far below the highest point of the aorta.
DESCENDING_AORTA_MM = (40.0, 140.0)
