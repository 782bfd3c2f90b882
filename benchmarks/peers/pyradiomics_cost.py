"""CPU seconds of PyRadiomics on a case's files; runs in an environment that has PyRadiomics.

Two ways: ``documented`` (file names and a label, as its documentation shows) on a sample of the
regions, and ``expert`` (cut to the region's box and one voxel more, no diagnostics) on all of them.
Prints one JSON object. Arguments: folder of the case, width of a grey level, sampled regions.
"""

import json
import logging
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import SimpleITK as sitk
from radiomics import featureextractor

logging.getLogger("radiomics").setLevel(logging.ERROR)
MAPS = ("organs", "lesions")


def extractor(bin_width, diagnostics):
    """All original features: 107."""
    found = featureextractor.RadiomicsFeatureExtractor(
        binWidth=bin_width, additionalInfo=diagnostics, minimumROISize=1, minimumROIDimensions=1
    )
    found.disableAllImageTypes()
    found.enableImageTypeByName("Original")
    found.enableAllFeatures()
    return found


def region_boxes(labels):
    """Label, box and voxels of each region."""
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.Execute(labels)
    return [(k, shapes.GetBoundingBox(k), shapes.GetNumberOfPixels(k)) for k in shapes.GetLabels()]


def cut(image, box):
    """The box and one voxel on each side, where there is one."""
    low = [max(box[k] - 1, 0) for k in range(3)]
    high = [min(box[k] + box[k + 3] + 1, image.GetSize()[k]) for k in range(3)]
    return image[low[0] : high[0], low[1] : high[1], low[2] : high[2]]


def expert(folder, bin_width):
    """Seconds for all regions, and how many features each has."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    engine = extractor(bin_width, False)
    features = 0
    start = time.process_time()
    image = sitk.ReadImage(folder + "/image.nii.gz")
    for name in MAPS:
        labels = sitk.ReadImage(folder + "/" + name + ".nii.gz")
        for label, box, _ in region_boxes(labels):
            found = engine.execute(cut(image, box), cut(labels, box), label=label)
            features = len(found)
    return time.process_time() - start, features


def documented(folder, bin_width, sampled):
    """Seconds a region on a sample: every so many regions in the order of their sizes."""
    engine = extractor(bin_width, True)
    regions = []
    for name in MAPS:
        path = folder + "/" + name + ".nii.gz"
        regions += [(n, path, k) for k, _, n in region_boxes(sitk.ReadImage(path))]
    regions.sort()
    step = len(regions) / sampled
    chosen = [regions[int((k + 0.5) * step)] for k in range(sampled)]
    start = time.process_time()
    for _, path, label in chosen:
        engine.execute(folder + "/image.nii.gz", path, label=label)
    return (time.process_time() - start) / sampled, len(regions)


if __name__ == "__main__":
    case, width, number = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    expert_seconds, feature_count = expert(case, width)
    each, region_count = documented(case, width, number) if number else (None, None)
    print(
        json.dumps(
            {
                "expert_cpu_seconds": expert_seconds,
                "features": feature_count,
                "documented_cpu_seconds": each * region_count if number else None,
                "documented_sampled_regions": number,
                "regions": region_count,
            }
        )
    )
