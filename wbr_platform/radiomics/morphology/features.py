"""Morphological features (IBSI HCUG): the morphological mask, and intensities where they enter."""

from __future__ import annotations

import numpy as np

from wbr_platform.radiomics.crop import occupied_box
from wbr_platform.radiomics.morphology.autocorrelation import autocorrelation_features
from wbr_platform.radiomics.morphology.convex_hull import convex_hull, diameter
from wbr_platform.radiomics.morphology.ellipsoid import ellipsoid_area, ellipsoid_volume
from wbr_platform.radiomics.morphology.mesh import Mesh, surface_mesh
from wbr_platform.radiomics.morphology.moments import MaskMoments, intensity_centre, mask_moments
from wbr_platform.radiomics.reasons import Reason, Values, ratio
from wbr_platform.radiomics.region import Region, Spacing

_AXES = (
    "morph_pca_maj_axis",
    "morph_pca_min_axis",
    "morph_pca_least_axis",
    "morph_pca_elongation",
    "morph_pca_flatness",
    "morph_vol_dens_aee",
    "morph_area_dens_aee",
)


def morphological_features(region: Region, autocorrelation_box_voxels: int) -> Values:
    """The features of a region that has at least one voxel."""
    mesh = surface_mesh(region.morphological_mask, region.spacing)
    moments = mask_moments(region.morphological_mask)
    values: Values = {
        "morph_volume": mesh.volume,
        "morph_vol_approx": float(moments.voxels * np.prod(region.spacing)),
        **_compactness(mesh),
        **_hull(mesh, region.spacing),
        **_axes(moments, region.spacing, mesh),
        **_bounding_box(region, mesh),
        "morph_com": _centre_of_mass_shift(region, moments),
        "morph_integ_int": mesh.volume * float(region.intensities.mean()),
    }
    # Re-segmentation may have left less than the region's box.
    untouched = region.intensity_mask is region.morphological_mask
    box = region.box if untouched else occupied_box(region.intensity_mask)
    return values | autocorrelation_features(
        region.image[box], region.intensity_mask[box], region.spacing, autocorrelation_box_voxels
    )


def _compactness(mesh: Mesh) -> Values:
    """Area against volume, in the manual's seven ways."""
    area, volume = mesh.area, mesh.volume
    sphericity = (36 * np.pi * volume**2) ** (1 / 3) / area
    return {
        "morph_area_mesh": area,
        "morph_av": area / volume,
        "morph_comp_1": volume / (np.sqrt(np.pi) * area**1.5),
        "morph_comp_2": sphericity**3,
        "morph_sph_dispr": 1 / sphericity,
        "morph_sphericity": sphericity,
        "morph_asphericity": 1 / sphericity - 1,
    }


def _hull(mesh: Mesh, spacing: Spacing) -> Values:
    """Convex hull of the mesh, and the largest distance between two of its vertices."""
    hull = convex_hull(mesh.hull_candidates, np.asarray(spacing) / 2)
    return {
        "morph_diam": diameter(hull.vertices),
        "morph_vol_dens_conv_hull": mesh.volume / hull.volume,
        "morph_area_dens_conv_hull": mesh.area / hull.area,
    }


def _axes(moments: MaskMoments, spacing: Spacing, mesh: Mesh) -> Values:
    """Principal axes of the voxel centres, and the ellipsoid that has them."""
    if moments.voxels < 2:
        return dict.fromkeys(_AXES, Reason.DEGENERATE_SHAPE)
    # IBSI's consensus rests on the sample covariance (division by n - 1).
    covariance = moments.sample_covariance * np.outer(spacing, spacing)
    eigenvalues = np.linalg.eigvalsh(covariance)
    # Rounding leaves traces where the voxels lie in a plane or on a line.
    eigenvalues[eigenvalues < 1e-12 * max(eigenvalues[2], 1.0)] = 0.0
    least, minor, major = 4 * np.sqrt(eigenvalues)
    degenerate = Reason.DEGENERATE_SHAPE
    semi_axes = (major / 2, minor / 2, least / 2)
    return {
        "morph_pca_maj_axis": float(major),
        "morph_pca_min_axis": float(minor),
        "morph_pca_least_axis": float(least),
        "morph_pca_elongation": ratio(float(minor), float(major), degenerate),
        "morph_pca_flatness": ratio(float(least), float(major), degenerate),
        "morph_vol_dens_aee": ratio(mesh.volume, ellipsoid_volume(*semi_axes), degenerate),
        "morph_area_dens_aee": mesh.area / ellipsoid_area(*semi_axes) if least > 0 else degenerate,
    }


def _bounding_box(region: Region, mesh: Mesh) -> Values:
    """The axis-aligned box of the mesh, which reaches half a voxel beyond the outer centres."""
    a, b, c = (
        (side.stop - side.start) * step
        for side, step in zip(region.box, region.spacing, strict=True)
    )
    return {
        "morph_vol_dens_aabb": mesh.volume / (a * b * c),
        "morph_area_dens_aabb": mesh.area / (2 * (a * b + b * c + c * a)),
    }


def _centre_of_mass_shift(region: Region, moments: MaskMoments) -> float | Reason:
    """Distance (mm) between the mask's centre and the intensities' centre of mass."""
    weighted = intensity_centre(region.image, region.intensity_mask)
    if weighted is None:
        return Reason.ZERO_DENOMINATOR
    return float(np.linalg.norm((moments.centre - weighted) * np.asarray(region.spacing)))
