"""The tables that assets write: every column, its type and its meaning, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

Text, Real, Whole, Flag = pl.String, pl.Float64, pl.Int64, pl.Boolean


@dataclass(frozen=True)
class Column:
    """One column: its type, what it means, and its unit where it has one.

    A ``required`` column identifies the row: it has to be given and is never null.
    """

    dtype: type[pl.DataType]
    description: str
    unit: str = ""
    required: bool = False


@dataclass(frozen=True)
class TableSchema:
    """One table; ``per_study`` tables have a part for each study, the others one part in all.

    With ``keeps_extra_columns`` columns that are not listed here are kept as text.
    """

    description: str
    columns: Mapping[str, Column]
    per_study: bool = True
    keeps_extra_columns: bool = False

    def polars_schema(self) -> dict[str, type[pl.DataType]]:
        """Column name to polars type, in order."""
        return {name: column.dtype for name, column in self.columns.items()}


_STUDY = Column(Text, "Pseudonym of the study (one patient's PET/CT).", required=True)
_PATIENT = Column(Text, "Pseudonym of the patient.", required=True)
_REASON = Column(Text, "Stable reason code when the value is missing, else null.")
_REGION = Column(
    Text, "Region id, unique in the study: <layer>/<algorithm>/<region>.", required=True
)
_ALGORITHM = Column(Text, "Name of the segmenter that drew the region.", required=True)
_ALGORITHM_VERSION = Column(Text, "Version of that segmenter.")
_ANALYSIS = Column(Text, "Id of the fitted analysis (a row of analysis_ledger).", required=True)

TABLES: Mapping[str, TableSchema] = {
    "studies": TableSchema(
        "One row a study: who (pseudonym), what came, accepted or refused.",
        {
            "study_key": _STUDY,
            "patient_key": _PATIENT,
            "source_kind": Column(Text, "dicom or nifti."),
            "status": Column(Text, "accepted or refused.", required=True),
            "reason_code": Column(Text, "Why the study was refused, else null."),
            "study_date": Column(Text, "Study date (ISO), shifted by whole days per patient."),
            "sex": Column(Text, "M, F or O as in PatientSex; null when unknown."),
            "age_years": Column(Real, "Age at the study; 90 stands for 90 and above.", "years"),
            "weight_kg": Column(Real, "Body weight.", "kg"),
            "height_m": Column(Real, "Body height.", "m"),
            "has_pet": Column(Flag, "An attenuation-corrected PET was chosen."),
            "has_ct": Column(Flag, "A CT that belongs to the PET was chosen."),
            "mask_sources": Column(Whole, "SEG, RTSTRUCT or NIfTI masks that came with the study."),
            "files": Column(Whole, "Files of the export that belong to the study."),
        },
    ),
    "acquisitions": TableSchema(
        "One row a series of the export: chosen or not, why, and how it was acquired.",
        {
            "study_key": _STUDY,
            "series_key": Column(Text, "Pseudonym of the series.", required=True),
            "modality": Column(Text, "DICOM Modality (PT, CT, SEG, RTSTRUCT, …)."),
            "role": Column(Text, "pet, ct, masks or unused."),
            "choice_reason_code": Column(Text, "Stable code of why the series was (not) chosen."),
            "choice_reason": Column(Text, "The same in words."),
            "manufacturer": Column(Text, "DICOM Manufacturer."),
            "model": Column(Text, "DICOM ManufacturerModelName."),
            "scanner": Column(Text, "Manufacturer and model: the batch for harmonisation."),
            "reconstruction": Column(Text, "PET ReconstructionMethod or CT ConvolutionKernel."),
            "slices": Column(Whole, "Number of images in the series."),
            "spacing_z_mm": Column(Real, "Distance between slices.", "mm"),
            "spacing_y_mm": Column(Real, "Pixel spacing along y.", "mm"),
            "spacing_x_mm": Column(Real, "Pixel spacing along x.", "mm"),
            "radionuclide": Column(Text, "Nuclide, as a symbol such as F-18."),
            "radiopharmaceutical": Column(Text, "Tracer, from its coded value only."),
            "injected_dose_mbq": Column(Real, "Administered activity.", "MBq"),
            "uptake_time_min": Column(Real, "From administration to acquisition.", "min"),
            "units": Column(Text, "DICOM Units of the PET values."),
            "decay_correction": Column(Text, "DICOM DecayCorrection."),
            "decay_reference": Column(Text, "Branch of the decay-reference rule that was used."),
            "suv_flags": Column(Text, "Repairs made on the way to SUV, comma-separated codes."),
        },
    ),
    "quarantine": TableSchema(
        "Everything that was refused, with its reason; nothing disappears.",
        {
            "study_key": _STUDY,
            "stage": Column(Text, "Asset that refused.", required=True),
            "reason_code": Column(Text, "Stable reason code.", required=True),
            "message": Column(Text, "What was wrong."),
            "action": Column(Text, "What can be done about it."),
        },
    ),
    "regions": TableSchema(
        "The region catalogue: organs, lesions, organs without lesions, whole tumour burden.",
        {
            "study_key": _STUDY,
            "region_id": _REGION,
            "layer": Column(
                Text, "Layer in which regions do not overlap: organs, lesions, …", required=True
            ),
            "kind": Column(
                Text, "organ, healthy_organ, lesion, tumour_burden or other.", required=True
            ),
            "region": Column(
                Text, "Name of the region in its layer (for example liver, L01).", required=True
            ),
            "label": Column(Whole, "Voxel value of the region in its layer's label map."),
            "organ": Column(Text, "Organ: its own name, or where a lesion lies; null if unknown."),
            "algorithm": _ALGORITHM,
            "algorithm_version": _ALGORITHM_VERSION,
            "grid": Column(Text, "Grid of the counts below: pet or ct."),
            "voxels": Column(Whole, "Voxels on that grid."),
            "volume_ml": Column(Real, "Volume by voxel counting.", "mL"),
            "centroid_x_mm": Column(Real, "Centroid, LPS x.", "mm"),
            "centroid_y_mm": Column(Real, "Centroid, LPS y.", "mm"),
            "centroid_z_mm": Column(Real, "Centroid, LPS z.", "mm"),
            "touches_border": Column(Flag, "The region touches the edge of the image."),
        },
    ),
    "features": TableSchema(
        "Radiomic features, one row a value; names are those of radiomics' table of features.",
        {
            "study_key": _STUDY,
            "region_id": _REGION,
            "modality": Column(Text, "PT or CT.", required=True),
            "policy": Column(Text, "Name of the extraction policy.", required=True),
            "policy_hash": Column(Text, "Hash of all its parameters."),
            "feature": Column(Text, "Feature name.", required=True),
            "value": Column(Real, "Value in the feature's unit; null when it cannot be computed."),
            "reason": _REASON,
        },
    ),
    "lesions": TableSchema(
        "Lesions with their standard measures, one row a lesion and algorithm.",
        {
            "study_key": _STUDY,
            "region_id": _REGION,
            "algorithm": _ALGORITHM,
            "lesion": Column(Text, "Lesion name, L01 the largest.", required=True),
            "organ": Column(Text, "Organ in which most of the lesion lies; null if unknown."),
            "suv_max": Column(Real, "Greatest SUVbw.", "SUVbw"),
            "suv_mean": Column(Real, "Mean SUVbw.", "SUVbw"),
            "suv_peak": Column(Real, "IBSI local intensity peak (1 mL sphere).", "SUVbw"),
            "mtv_ml": Column(Real, "Metabolic tumour volume.", "mL"),
            "tlg_ml": Column(Real, "Total lesion glycolysis: mean SUVbw times MTV.", "SUVbw·mL"),
            "centroid_x_mm": Column(Real, "Centroid, LPS x.", "mm"),
            "centroid_y_mm": Column(Real, "Centroid, LPS y.", "mm"),
            "centroid_z_mm": Column(Real, "Centroid, LPS z.", "mm"),
        },
    ),
    "biomarkers": TableSchema(
        "Whole-body biomarkers, one row a study, lesion algorithm and biomarker.",
        {
            "study_key": _STUDY,
            "algorithm": Column(
                Text, "Lesion algorithm; 'organs' for host biomarkers.", required=True
            ),
            "biomarker": Column(
                Text, "Name, for example tmtv_ml or spleen_to_liver_ratio_mean.", required=True
            ),
            "value": Column(Real, "Value; null when it cannot be computed."),
            "unit": Column(Text, "Unit of the value."),
            "reason": _REASON,
        },
    ),
    "segmentation_agreement": TableSchema(
        "Every pair of lesion algorithms of a study compared on the PET grid.",
        {
            "study_key": _STUDY,
            "algorithm_a": Column(Text, "First algorithm.", required=True),
            "algorithm_b": Column(Text, "Second algorithm.", required=True),
            "measure": Column(Text, "Name of the measure, for example dice, hd95_mm, lesion_f1."),
            "value": Column(Real, "Value; null when it is not defined."),
            "reason": _REASON,
        },
    ),
    "clinical": TableSchema(
        "Clinical table, one row a patient; further columns of the user's file are kept as text.",
        {
            "patient_key": _PATIENT,
            "age_years": Column(Real, "Age at baseline.", "years"),
            "sex": Column(Text, "M, F or O."),
            "stage": Column(Text, "Stage, as given."),
            "weight_kg": Column(Real, "Body weight.", "kg"),
            "height_m": Column(Real, "Body height.", "m"),
            "glycaemia_mmol_l": Column(Real, "Blood glucose before injection.", "mmol/L"),
            "treatment": Column(Text, "Treatment, as given."),
            "response": Column(Flag, "Responder to treatment."),
            "survival_days": Column(Real, "Time to death or last news.", "days"),
            "death": Column(Flag, "Death observed (false: censored)."),
            "progression_free_days": Column(Real, "Time to progression or last news.", "days"),
            "progression": Column(Flag, "Progression or death observed."),
        },
        per_study=False,
        keeps_extra_columns=True,
    ),
    "harmonized_features": TableSchema(
        "Features before and after ComBat, with the batch they were harmonised from.",
        {
            "study_key": _STUDY,
            "kind": Column(Text, "Kind of region (one fit for each kind, region and modality)."),
            "region": Column(Text, "Region name."),
            "modality": Column(Text, "PT or CT.", required=True),
            "policy": Column(Text, "Name of the extraction policy.", required=True),
            "feature": Column(Text, "Feature name.", required=True),
            "batch": Column(Text, "Batch: the scanner."),
            "value": Column(Real, "Value as extracted."),
            "harmonized_value": Column(Real, "Value after ComBat; null when not harmonised."),
            "reason": Column(Text, "Why the value was not harmonised, else null."),
        },
        per_study=False,
    ),
    "network_nodes": TableSchema(
        "Nodes of the cohort's organ network, and the regions that were left out, with the reason.",
        {
            "analysis_id": _ANALYSIS,
            "node": Column(Text, "Region that the node stands for.", required=True),
            "included": Column(Flag, "Whether the node is in the network."),
            "reason": Column(Text, "Why a region was left out, else null."),
            "patients": Column(Whole, "Patients with a value."),
            "strength": Column(Real, "Sum of the absolute partial correlations of its edges."),
        },
        per_study=False,
    ),
    "network_edges": TableSchema(
        "Edges of the cohort's organ network.",
        {
            "analysis_id": _ANALYSIS,
            "node_a": Column(Text, "First region.", required=True),
            "node_b": Column(Text, "Second region.", required=True),
            "patients": Column(Whole, "Patients used."),
            "correlation": Column(Real, "Correlation of the residuals."),
            "partial_correlation": Column(Real, "Shrunk partial correlation."),
            "p_value": Column(Real, "Two-sided p-value of the partial correlation."),
            "q_value": Column(Real, "Benjamini-Hochberg adjusted p-value over all edges."),
        },
        per_study=False,
    ),
    "survival_models": TableSchema(
        "Cox models, one row a coefficient.",
        {
            "analysis_id": _ANALYSIS,
            "model": Column(Text, "Name of the model.", required=True),
            "covariate": Column(Text, "Covariate."),
            "patients": Column(Whole, "Patients used."),
            "events": Column(Whole, "Events observed."),
            "log_hazard_ratio": Column(Real, "Coefficient per standard deviation."),
            "hazard_ratio": Column(Real, "Its exponential."),
            "hazard_ratio_low": Column(Real, "Lower 95 % limit."),
            "hazard_ratio_high": Column(Real, "Upper 95 % limit."),
            "p_value": Column(Real, "Wald p-value."),
            "concordance": Column(Real, "Harrell's C of the whole model, apparent."),
            "concordance_cross_validated": Column(Real, "Harrell's C, cross-validated."),
            "reason": Column(Text, "Why nothing could be fitted, else null."),
        },
        per_study=False,
    ),
    "analysis_ledger": TableSchema(
        "Every analysis that was tried on the cohort, fitted or refused.",
        {
            "analysis_id": _ANALYSIS,
            "asset": Column(Text, "Asset that tried it."),
            "question": Column(Text, "The question that was asked of the cohort."),
            "method": Column(Text, "Statistical method that was used."),
            "parameters": Column(Text, "Parameters as JSON."),
            "patients": Column(Whole, "Patients that entered."),
            "status": Column(Text, "fitted or refused."),
            "reason_code": Column(Text, "Why it was refused, else null."),
            "result": Column(Text, "What came out, in one sentence."),
        },
        per_study=False,
    ),
}
