"""True masks as DICOM SEG objects that belong to a simulated study."""

from __future__ import annotations

import datetime
import io
from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset

from wbr_platform.dicom.seg import write_seg
from wbr_platform.imaging import LabelMap
from wbr_platform.simulation.dicom_headers import dicom_date_time


def segmentation_object(
    labelmap: LabelMap,
    image_headers: Sequence[Dataset],
    description: str,
    series_number: int,
    moment: datetime.datetime,
) -> bytes:
    """A SEG file of a label map on the grid of ``image_headers`` (in z order), as bytes.

    Names become segment labels. Only labels with at least one voxel become segments.
    """
    present = set(np.unique(labelmap.array).tolist())
    names = {label: name for label, name in labelmap.labels.items() if label in present}
    segmentation = write_seg(
        LabelMap(labelmap.array, labelmap.geometry, names),
        image_headers,
        description=description,
        series_number=series_number,
    )
    for item in segmentation.get("ContributingEquipmentSequence", []):
        item.ContributionDateTime = dicom_date_time(moment)  # else the time of writing
    buffer = io.BytesIO()
    segmentation.save_as(buffer)
    return buffer.getvalue()
