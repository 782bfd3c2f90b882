"""A small store with two patients, three studies, and SQL projects made of given files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest

from wbr_platform.store.files import Store
from wbr_platform.store.sql_models import SqlProject, default_models_folder


def fill(store: Store) -> Store:
    """Patient p1 with studies s1 (2 January) and s2 (1 January), p2 with s3; s4 refused."""
    studies = {
        "s1": ("p1", "2020-01-02", 60.0),
        "s2": ("p1", "2020-01-01", None),
        "s3": ("p2", "no date", 70.0),
    }
    for key, (patient, day, age) in studies.items():
        number = float(key[1])
        store.write_part(
            "studies",
            pl.DataFrame(
                {"patient_key": [patient], "status": ["accepted"], "study_date": [day],
                 "age_years": [age], "weight_kg": [80.0], "height_m": [2.0],
                 "source_kind": ["dicom"]}
            ), key,
        )  # fmt: skip
        store.write_part(
            "acquisitions",
            pl.DataFrame(
                {"series_key": ["e1", "e2"], "modality": ["PT", "CT"], "role": ["pet", "ct"],
                 "scanner": ["GE Discovery", "GE CT"], "uptake_time_min": [60.0, None]}
            ), key,
        )  # fmt: skip
        layers = [
            ("organs", "organ", "liver", "liver", "imported_organs"),
            ("healthy", "healthy_organ", "liver", "liver", "imported_organs"),
            ("lesions", "lesion", "L01", "liver", "suv_4.0"),
            ("tumour", "tumour_burden", "tumour", None, "suv_4.0"),
        ]
        regions = [
            {"region_id": f"{layer}/{algorithm}/{region}", "layer": layer, "kind": kind,
             "region": region, "organ": organ, "algorithm": algorithm, "grid": "pet",
             "voxels": 10, "volume_ml": 5.0}
            for layer, kind, region, organ, algorithm in layers
        ]  # fmt: skip
        store.write_part("regions", pl.DataFrame(regions), key)
        features = [
            {"region_id": region["region_id"], "modality": modality, "policy": "pet_fbs_0.25",
             "policy_hash": "h", "feature": feature, "value": value, "reason": reason}
            for region in regions
            for modality in ("PT", "CT")
            for feature, value, reason in (
                ("stat_mean", number, None), ("stat_max", 2 * number, None),
                ("stat_skew", None, "TOO_FEW_VOXELS"),
            )
        ]  # fmt: skip
        store.write_part("features", pl.DataFrame(features, infer_schema_length=None), key)
        store.write_part(
            "biomarkers",
            pl.DataFrame(
                [("suv_4.0", "tmtv_ml", 10.0 * number, "mL"),
                 ("suv_2.5", "tmtv_ml", 20.0 * number, "mL"),
                 ("suv_4.0", "tlg_ml", 99.0, "SUVbw·mL"),
                 ("organs", "spleen_to_liver_ratio_mean", 0.8, "1")],
                schema=["algorithm", "biomarker", "value", "unit"], orient="row",
            ), key,
        )  # fmt: skip
        store.write_part(
            "lesions",
            pl.DataFrame(
                {"region_id": ["lesions/suv_4.0/L01", "lesions/suv_4.0/L02"],
                 "algorithm": ["suv_4.0"] * 2, "lesion": ["L01", "L02"], "mtv_ml": [3.0, 1.0]}
            ), key,
        )  # fmt: skip
    store.write_part("studies", pl.DataFrame({"patient_key": ["p3"], "status": ["refused"]}), "s4")
    store.write_part(
        "quarantine",
        pl.DataFrame({"stage": ["pet_suv"], "reason_code": ["WEIGHT_MISSING"], "message": ["m"]}),
        "s4",
    )
    store.write_table(
        "clinical",
        pl.DataFrame(
            {"patient_key": ["p1"], "age_years": [61.0], "survival_days": [100], "death": [True],
             "Deauville": [4]}
        ),
    )  # fmt: skip
    return store


@pytest.fixture
def models_folder() -> Path:
    return default_models_folder()


@pytest.fixture
def empty_store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def filled_store(tmp_path: Path) -> Store:
    return fill(Store(tmp_path / "store"))


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """A folder of SQL models from ``layer/name.ext`` to text; bare SQL gets a minimal entry."""

    def make(files: Mapping[str, str]) -> Path:
        folder = tmp_path / "models"
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for name in files:  # after all files stand
            path = folder / name
            entry = path.with_suffix(".yml")
            texts = [text for other, text in files.items() if other.endswith(".yml")]
            documented = entry.exists() or any(f"name: {path.stem}" in text for text in texts)
            if path.suffix == ".sql" and not documented:
                entry.write_text(f"models: [{{name: {path.stem}, description: A model.}}]\n")
        return folder

    return make


@pytest.fixture
def make_project(
    make_folder: Callable[[Mapping[str, str]], Path],
) -> Callable[[Mapping[str, str]], SqlProject]:
    return lambda files: SqlProject.load(make_folder(files))
