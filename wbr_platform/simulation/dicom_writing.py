"""One simulated patient as a DICOM export: PET, CT, masks, and the litter that exports hold."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from wbr_platform.imaging import LabelMap
from wbr_platform.simulation.dicom_encoding import SeriesEncoder, file_meta, write_files
from wbr_platform.simulation.dicom_headers import (
    CT_RESCALE_INTERCEPT,
    ct_localizer,
    ct_moment,
    ct_series,
    slice_header,
)
from wbr_platform.simulation.patient import SimulatedPatient
from wbr_platform.simulation.pet_headers import PetSeries, pet_series
from wbr_platform.simulation.phantom import Phantom
from wbr_platform.simulation.scanners import Scanner, Vendor
from wbr_platform.simulation.segmentation_objects import segmentation_object

UNCORRECTED_LEVEL = 0.3  # of the true uptake is left without attenuation correction
_LITTER = "Exported from the simulation archive.\nThis file is no DICOM object.\n"


@dataclass(frozen=True)
class Layout:
    """How a vendor's workstation names the files of an export."""

    folder: str
    file: str

    def place(self, series: str, number: int, instance: int) -> tuple[str, str]:
        """Folder and file name of one image."""
        values = {"series": series, "number": number, "instance": instance}
        return self.folder.format(**values), self.file.format(**values)


LAYOUTS: dict[Vendor, Layout] = {
    "GE": Layout("DICOM/ST000000/SE{number:06d}", "IM{instance:06d}"),
    "Siemens": Layout(".", "SIMULATED.{series}.{number:04d}.{instance:04d}.IMA"),
    "Philips": Layout("{number:03d}_{series}", "{instance:05d}.dcm"),
}


def write_export(
    patient: SimulatedPatient,
    scanner: Scanner,
    phantom: Phantom,
    folder: Path,
    uncorrected: bool = False,
) -> int:
    """Write one patient's export into ``folder``, replacing what is there; returns the files.

    ``uncorrected`` adds a PET without attenuation correction. The patient's fault, if any, is
    planted here and in the headers.
    """
    if folder.exists():
        shutil.rmtree(folder)
    layout = LAYOUTS[scanner.vendor]
    only_uncorrected = patient.fault == "no_attenuation_correction"
    pet = pet_series(
        patient, scanner, phantom.pet.array, phantom.pet.geometry, not only_uncorrected
    )
    files = _write_pet(pet, layout, folder, drop=_dropped_plane(patient, len(pet.slices)))
    if uncorrected and not only_uncorrected:
        weak = phantom.pet.array * np.float32(UNCORRECTED_LEVEL)
        extra = pet_series(patient, scanner, weak, phantom.pet.geometry, False)
        files += _write_pet(extra, layout, folder, drop=None)
    ct_common = ct_series(patient, scanner, phantom.ct.geometry)
    ct_slices = _ct_slices(patient, phantom, ct_common)
    files += _write_ct(patient, scanner, phantom, (ct_common, ct_slices), layout, folder)
    files += _write_masks(patient, phantom, (ct_common, ct_slices), pet, folder)
    (folder / "README.TXT").write_text(_LITTER)
    return files + 1


def _dropped_plane(patient: SimulatedPatient, planes: int) -> int | None:
    return planes // 3 if patient.fault == "missing_slice" else None


def _write_pet(pet: PetSeries, layout: Layout, folder: Path, drop: int | None) -> int:
    encoder = SeriesEncoder(pet.constant)
    number = int(pet.constant.SeriesNumber)

    def encoded() -> Iterator[tuple[str, bytes]]:
        for plane, header in enumerate(pet.slices):
            if plane != drop:
                name = layout.place("PT", number, int(header.InstanceNumber))[1]
                yield name, encoder.encode(header, pet.pixels[plane])

    return write_files(folder / layout.place("PT", number, 0)[0], encoded())


def _ct_slices(patient: SimulatedPatient, phantom: Phantom, common: Dataset) -> tuple[Dataset, ...]:
    uid, moment = str(common.SeriesInstanceUID), ct_moment(patient)
    geometry = phantom.ct.geometry
    return tuple(slice_header(geometry, k, uid, moment) for k in range(geometry.shape[0]))


def _stored_hu(values: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.rint(values - CT_RESCALE_INTERCEPT).astype(np.int16)


def _write_ct(
    patient: SimulatedPatient,
    scanner: Scanner,
    phantom: Phantom,
    headers: tuple[Dataset, tuple[Dataset, ...]],
    layout: Layout,
    folder: Path,
) -> int:
    common, slices = headers
    encoder, pixels = SeriesEncoder(common), _stored_hu(phantom.ct.array)
    place, number = layout.place, int(common.SeriesNumber)
    files = write_files(
        folder / place("CT", number, 0)[0],
        (
            (place("CT", number, int(header.InstanceNumber))[1], encoder.encode(header, plane))
            for header, plane in zip(slices, pixels, strict=True)
        ),
    )
    scout = _stored_hu(phantom.ct.array.mean(axis=1)[::-1])
    scout_common, scout_single = ct_localizer(
        patient, scanner, (scout.shape[0], scout.shape[1]), phantom.ct.geometry
    )
    scout_file = SeriesEncoder(scout_common).encode(scout_single, scout)
    where, name = place("CT", int(scout_common.SeriesNumber), 1)
    return files + write_files(folder / where, [(name, scout_file)])


def _whole_headers(common: Dataset, slices: Iterable[Dataset]) -> list[Dataset]:
    """Complete headers without pixels, one a slice."""
    whole = []
    for single in slices:
        header = Dataset()
        header.update(common)
        header.update(single)
        header.file_meta = file_meta(str(common.SOPClassUID), str(single.SOPInstanceUID))
        whole.append(header)
    return whole


def _write_masks(
    patient: SimulatedPatient,
    phantom: Phantom,
    ct: tuple[Dataset, tuple[Dataset, ...]],
    pet: PetSeries,
    folder: Path,
) -> int:
    """SEG of the organs on the CT's grid and, if there are any, of the lesions on the PET's."""
    organs = segmentation_object(
        phantom.organs, _whole_headers(*ct), "ORGANS TRUTH", 20, patient.scan_start
    )
    files = [("organs.dcm", organs)]
    if patient.lesions:
        headers = _whole_headers(pet.constant, pet.slices)
        lesions: LabelMap = phantom.lesions
        found = segmentation_object(lesions, headers, "LESIONS TRUTH", 21, patient.scan_start)
        files.append(("lesions.dcm", found))
    return write_files(folder / "SEG", files)
