"""One simulated patient as PET and CT volumes with their true organs and lesions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from wbr_platform.imaging import Geometry, LabelMap, Volume
from wbr_platform.simulation.anatomy import (
    PatientAnatomy,
    fit_anatomy,
    organ_labels,
    structures,
)
from wbr_platform.simulation.patient import LesionTruth, SimulatedPatient
from wbr_platform.simulation.rendering import grid_axes, paint_anatomy, paint_lesions
from wbr_platform.simulation.scanners import Scale, Scanner

FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))
NOISE_REFERENCE_SUV = 2.0
NOISE_REFERENCE_MBQ = 250.0
ORGAN_TEXTURE = 0.07  # relative standard deviation of the true uptake inside an organ
LESION_TEXTURE = 0.12  # the same inside a lesion, on top of its hot or cold core
TEXTURE_FWHM_MM = 12.0
LESION_HU = 45.0
CT_NOISE_HU = 12.0
CT_BLUR_MM = 1.6
COUCH_HU, COUCH_HALF_WIDTH_MM, COUCH_THICKNESS_MM = -550.0, 190.0, 9.0
AIR_HU = -1000.0
# The body of the reference anatomy that is imaged: from the vertex to the middle of the thighs.
LOWEST_MM, HIGHEST_MM = -430.0, 552.0
SMALL_FIELD_MM = (304.0, 468.0)  # depth and width of the field of small cohorts
SMALL_CT_SPACING = (5.0, 4.0, 4.0)
CLINICAL_CT_SPACING, CLINICAL_CT_MATRIX = (3.0, 0.9765625, 0.9765625), 512
FIELD_BACK_SHIFT_MM = 10.0  # room for the couch


@dataclass(frozen=True)
class Phantom:
    """What a simulated patient looks like and what is true about it.

    ``pet_truth`` is the noise-free uptake before the scanner; ``pet`` what the scanner shows, both
    SUVbw on the PET grid. ``organs`` lies on the CT grid, ``organs_on_pet`` and ``lesions`` on the
    PET grid (label i + 1 is ``lesion_truth[i]``). Organ labels go on below lesions.
    """

    ct: Volume
    pet: Volume
    pet_truth: Volume
    organs: LabelMap
    organs_on_pet: LabelMap
    lesions: LabelMap
    lesion_truth: tuple[LesionTruth, ...]


def make_phantom(patient: SimulatedPatient, scanner: Scanner, scale: Scale = "small") -> Phantom:
    """Render a patient as a scanner shows it; the same input always gives the same voxels.

    ``scale`` "small" keeps a study near 10 MB (non-square matrices that just hold the body),
    "clinical" has the matrices of real machines (CT 512 x 512, PET as the scanner); "tiny" doubles
    the spacings of "small", for tests of the plumbing: organs are coarse, small lesions get lost.
    """
    anatomy = fit_anatomy(patient.habitus)
    random = np.random.default_rng([patient.seed, 1])
    pet_geometry = pet_grid(patient, scanner, scale)
    ct_geometry = ct_grid(patient, scale)
    truth, pet_organs, lesions = _uptake(patient, anatomy, pet_geometry, random)
    pet = _scanned(truth, pet_geometry, scanner, patient.injected_dose_mbq, random)
    ct, ct_organs = _tomography(patient, anatomy, ct_geometry, random)
    names = {i: lesion.lesion for i, lesion in enumerate(patient.lesions, start=1)}
    return Phantom(
        ct=Volume(ct, ct_geometry, "HU"),
        pet=Volume(pet, pet_geometry, "SUVbw"),
        pet_truth=Volume(truth, pet_geometry, "SUVbw"),
        organs=LabelMap(ct_organs, ct_geometry, organ_labels()),
        organs_on_pet=LabelMap(pet_organs, pet_geometry, organ_labels()),
        lesions=LabelMap(lesions, pet_geometry, names),
        lesion_truth=patient.lesions,
    )


def pet_grid(patient: SimulatedPatient, scanner: Scanner, scale: Scale) -> Geometry:
    """The grid of a patient's PET."""
    if scale != "clinical":
        return _grid(patient, _coarsened(scanner.pet_spacing, scale), None)
    return _grid(patient, scanner.clinical_pet_spacing, scanner.clinical_pet_matrix)


def ct_grid(patient: SimulatedPatient, scale: Scale) -> Geometry:
    """The grid of a patient's CT."""
    if scale != "clinical":
        return _grid(patient, _coarsened(SMALL_CT_SPACING, scale), None)
    return _grid(patient, CLINICAL_CT_SPACING, CLINICAL_CT_MATRIX)


def _coarsened(spacing: tuple[float, float, float], scale: Scale) -> tuple[float, float, float]:
    z, y, x = spacing
    return (2 * z, 2 * y, 2 * x) if scale == "tiny" else spacing


def _grid(
    patient: SimulatedPatient, spacing: tuple[float, float, float], matrix: int | None
) -> Geometry:
    """A grid centred on the patient; small cohorts get just the field that holds the body."""
    step_z, step_y, step_x = spacing
    habitus = patient.habitus
    planes = math.ceil((HIGHEST_MM - LOWEST_MM) * habitus.axial_scale / step_z)
    rows = matrix or math.ceil(SMALL_FIELD_MM[0] / step_y)
    columns = matrix or math.ceil(SMALL_FIELD_MM[1] / step_x)
    left, back, up = habitus.position
    origin = (
        round(left - step_x * (columns - 1) / 2, 3),
        round(back + FIELD_BACK_SHIFT_MM - step_y * (rows - 1) / 2, 3),
        round(up + LOWEST_MM * habitus.axial_scale, 3),
    )
    return Geometry((planes, rows, columns), spacing, origin)


def _smooth_noise(
    geometry: Geometry, fwhm_mm: float, random: np.random.Generator
) -> NDArray[np.float32]:
    """Gaussian noise (z, y, x) of mean 0 and standard deviation 1, correlated over fwhm_mm."""
    noise = random.standard_normal(geometry.shape, dtype=np.float32)
    smooth = _blurred(noise, geometry, fwhm_mm)
    return np.asarray(smooth / smooth.std(), dtype=np.float32)


def _blurred(array: NDArray[np.float32], geometry: Geometry, fwhm_mm: float) -> NDArray[np.float32]:
    sigma = [fwhm_mm / FWHM_PER_SIGMA / step for step in geometry.spacing]
    return np.asarray(gaussian_filter(array, sigma, mode="nearest", truncate=3.0))


def _uptake(
    patient: SimulatedPatient,
    anatomy: PatientAnatomy,
    geometry: Geometry,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]]:
    """True SUV with its texture, organ labels and lesion labels."""
    uptake, organs = paint_anatomy(anatomy, geometry, patient.organ_suv, outside=0.0)
    means = [lesion.suv_mean for lesion in patient.lesions]
    lesions = paint_lesions(uptake, geometry, patient.lesions, means, patterned=True)
    texture = _smooth_noise(geometry, TEXTURE_FWHM_MM, random)
    texture -= _mean_per_label(
        texture, np.where(lesions > 0, len(organ_labels()) + lesions, organs)
    )
    depth = np.where(lesions > 0, np.float32(LESION_TEXTURE), np.float32(ORGAN_TEXTURE))
    uptake *= np.float32(1.0) + depth * texture
    return np.maximum(uptake, 0.0), organs, lesions


def _mean_per_label(values: NDArray[np.float32], labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """For each voxel the mean over its label, so that taking it away leaves organ means alone."""
    flat = labels.ravel()
    sums = np.bincount(flat, weights=values.ravel())
    means = (sums / np.maximum(np.bincount(flat), 1)).astype(np.float32)
    return means[labels]


def _scanned(
    truth: NDArray[np.float32],
    geometry: Geometry,
    scanner: Scanner,
    dose_mbq: float,
    random: np.random.Generator,
) -> NDArray[np.float32]:
    """What the scanner makes of the truth: blur, then noise whose variance follows the activity."""
    seen = _blurred(truth, geometry, scanner.psf_fwhm_mm)
    noise = _smooth_noise(geometry, scanner.noise_fwhm_mm, random)
    level = scanner.noise * math.sqrt(NOISE_REFERENCE_SUV * NOISE_REFERENCE_MBQ / dose_mbq)
    noise *= np.float32(level) * np.sqrt(np.maximum(seen, 0.0))
    return np.maximum((seen + noise) * np.float32(scanner.calibration), 0.0)


def _tomography(
    patient: SimulatedPatient,
    anatomy: PatientAnatomy,
    geometry: Geometry,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """CT in HU with couch, blur and noise; organ labels."""
    values: Mapping[str, float] = {s.name: s.hu for s in structures()}
    image, organs = paint_anatomy(anatomy, geometry, values, outside=AIR_HU)
    paint_lesions(
        image, geometry, patient.lesions, [LESION_HU] * len(patient.lesions), patterned=False
    )
    _add_couch(image, anatomy, geometry)
    image = _blurred(image, geometry, CT_BLUR_MM * FWHM_PER_SIGMA)
    image += np.float32(CT_NOISE_HU) * random.standard_normal(geometry.shape, dtype=np.float32)
    return np.clip(image, -1024.0, 3071.0), organs


def _add_couch(image: NDArray[np.float32], anatomy: PatientAnatomy, geometry: Geometry) -> None:
    """A curved couch below the patient's back, in place."""
    _, y, x = grid_axes(geometry)
    (left, _, _), (right, back, _) = anatomy.skin[0].bounds()
    across = x - np.float32((left + right) / 2)
    surface = back + 4.0 - 18.0 * (across / COUCH_HALF_WIDTH_MM) ** 2
    plate = (np.abs(across) < COUCH_HALF_WIDTH_MM) & (y[:, None] > surface)
    plate &= y[:, None] < surface + COUCH_THICKNESS_MM
    section = image[:, plate]
    image[:, plate] = np.where(section < -900.0, np.float32(COUCH_HU), section)
