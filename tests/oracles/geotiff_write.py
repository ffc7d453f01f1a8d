#!/usr/bin/env python3
"""Reads GeoTIFF files that swath wrote with GDAL, and holds them against the formula that they were made from.

    python geotiff_write.py EXAMPLE

EXAMPLE is the built example `geotiff_make`; its opening says the formula. Pixels, masks, types, nodata, places, words,
tags and overviews must be as they were meant, GDAL may not warn of anything, and COGs must pass two validators: that of
rio-cogeo, and one here that looks at the bytes around each block.
"""

import json
import logging
import struct
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.enums import MaskFlags
from rasterio.warp import transform as transform_points
from rio_cogeo.cogeo import cog_validate
from swath_runs import Findings

PREDICTORS = {"none": None, "horizontal": 2, "floatingpoint": 3}
# What rasterio says of files on purpose: it is no complaint about them.
warnings.filterwarnings("error")
warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)
warnings.filterwarnings("ignore", category=rasterio.errors.NodataShadowWarning)


class Complaints(logging.Handler):
    """Keeps what GDAL warns of."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.said = []

    def emit(self, record):
        self.said.append(record.getMessage())


def places(case, level):
    rows, columns = case["rows"], case["columns"]
    if level:
        rows, columns = case["overviews"][level - 1]
    band, row, column = np.ogrid[0:len(case["bands"]), 0:rows, 0:columns]
    return band.astype(object), row.astype(object) << level, column.astype(object) << level


def pixels(case, level):
    dtype = np.dtype(case["dtype"])
    band, row, column = (axis.astype(np.int64) for axis in places(case, level))
    base = 7 * row + 13 * column + 101 * band + row * column % 251
    if dtype.kind == "f":
        return (0.37 * base.astype(np.float64) - 50.0).astype(dtype)
    whole = base - (1000 if dtype.kind == "i" else 0)
    if dtype.itemsize == 8:
        whole = whole * np.int64(1_000_003_000_007)
    return whole.astype(dtype)


def validity(case, level):
    band, row, column = (axis.astype(np.int64) for axis in places(case, level))
    shape = np.broadcast_shapes(band.shape, row.shape, column.shape)
    valid = np.ones(shape, bool)
    if case["invalid"] is not None:
        valid &= (row // 5 + column // 7 + case["invalid"] * band) % 11 != 0
    return valid & ((row >= case["hole"]) | (column >= case["hole"]))


def nodata_of(case):
    text = case["nodata"]
    if text is None:
        return None
    return float(text) if case["dtype"].startswith("float") else int(text)


def same(got, wanted):
    return got.dtype == wanted.dtype and np.array_equal(got, wanted, equal_nan=wanted.dtype.kind == "f")


def check_pixels(expect, case, dataset, level):
    got, wanted, valid = dataset.read(), pixels(case, level), validity(case, level)
    nodata = nodata_of(case)
    if case["mask"]:
        expect("mask flags", [MaskFlags.per_dataset in flags for flags in dataset.mask_flag_enums], [True] * dataset.count)
        expect("mask", bool(np.array_equal(dataset.dataset_mask() > 0, valid.any(axis=0))), True)
        got, wanted = got[valid], wanted[valid]
    elif nodata is not None:
        # As the file has it: a float of 32 bits may round its nodata value.
        wanted = np.where(valid, wanted, np.array(nodata, dtype=wanted.dtype))
        if level == 0 and not (case["dtype"].startswith("float") and np.isinf(nodata)):
            taken = wanted == np.array(nodata, dtype=wanted.dtype)
            masks = dataset.read_masks() > 0
            expect("nodata mask", bool(np.array_equal(masks, valid & ~taken)), True)
    if case["max_z_error"]:
        with np.errstate(invalid="ignore"):
            error = np.abs(got.astype(np.float64) - wanted.astype(np.float64))
        # A float cannot be nearer than its last bit allows.
        allowed = case["max_z_error"] + (np.spacing(np.abs(wanted)) if wanted.dtype.kind == "f" else 0)
        expect(f"error {np.nanmax(error)}", bool((error <= allowed)[~np.isnan(error)].all()), True)
        expect("NaN", bool(np.array_equal(np.isnan(got.astype(float)), np.isnan(wanted.astype(float)))), True)
    else:
        expect(f"pixels of level {level}", bool(same(got, wanted)), True)


def check_words(expect, case, dataset):
    bands = case["bands"]
    expect("descriptions", dataset.descriptions, tuple(band["description"] for band in bands))
    expect("scales", dataset.scales, tuple(1.0 if band["scale"] is None else band["scale"] for band in bands))
    expect("offsets", dataset.offsets, tuple(0.0 if band["offset"] is None else band["offset"] for band in bands))
    expect("units", dataset.units, tuple(band["units"] for band in bands))
    for name, value, domain, band in case["metadata"]:
        tags = dataset.tags(0 if band is None else band + 1, ns=domain)
        expect(f"item {name}", tags.get(name), value)


def check_place(expect, case, dataset):
    if case["affine"] is not None:
        expect("affine", list(dataset.transform)[:6], case["affine"])
    text = case["extra"].get("crs", "EPSG:32633")
    if text is None:
        expect("crs", dataset.crs, None)
        return
    if text.startswith("EPSG"):
        expect("EPSG", dataset.crs.to_epsg(), int(text[5:]))
    if text.startswith("OGC"):
        expect("OGC", dataset.crs.to_epsg(), {"OGC:CRS84": 4326, "OGC:CRS83": 4269}[text])
        return
    if case["affine"] is not None and "longlat" not in text and not dataset.crs.is_geographic:
        wanted, tolerance = CRS.from_user_input(text), 1e-6
        x, y = dataset.transform @ (11, 17)
        there = transform_points(wanted, dataset.crs, [x, x + 1000], [y, y + 3000])
        error = np.abs(np.array(there) - [[x, x + 1000], [y, y + 3000]]).max()
        expect(f"a point of {text} moves by {error}", bool(error < tolerance), True)


def check_tags(expect, case, path, dataset):
    head = path.read_bytes()[:4]
    expect("form", head == b"II\x2b\0", case["bigtiff"] == "yes")
    expect("compression", dataset.profile.get("compress", "none"), case["compress"])
    structure = dataset.tags(ns="IMAGE_STRUCTURE")
    predictor = structure.get("PREDICTOR")
    expect("predictor", predictor and int(predictor), PREDICTORS[case["predictor"]])
    if dataset.count > 1:
        expect("interleave", structure.get("INTERLEAVE"), case["interleave"].upper())
    expect("blocks", set(dataset.block_shapes), {(case["block"], case["block"])})
    expect("overviews", dataset.overviews(1), [round(case["columns"] / c) for _, c in case["overviews"]])
    if "colours" in case["extra"]:
        expect("colours", [colour.name for colour in dataset.colorinterp], case["extra"]["colours"])
    for name, wanted in case["extra"].get("tags", {}).items():
        expect(name, dataset.tags().get(name), wanted)


def directories(data):
    """Tags of all images of a little-endian file, as lists of numbers, read without GDAL."""
    big = data[2] == 43
    word, count_form, entry, form = (8, "<Q", 20, "<Q") if big else (4, "<H", 12, "<I")
    at, found = struct.unpack_from(form, data, 8 if big else 4)[0], []
    while at:
        (count,) = struct.unpack_from(count_form, data, at)
        at += struct.calcsize(count_form)
        tags = {}
        for place in range(at, at + count * entry, entry):
            tag, kind = struct.unpack_from("<HH", data, place)
            (length,) = struct.unpack_from(form, data, place + 4)
            letter = {2: "B", 3: "H", 4: "I", 12: "d", 16: "Q"}[kind]
            value_at = place + 4 + word
            if length * struct.calcsize(letter) > word:
                (value_at,) = struct.unpack_from(form, data, value_at)
            tags[tag] = struct.unpack_from(f"<{length}{letter}", data, value_at)
        if list(tags) != sorted(tags):
            raise ValueError("tags are not sorted")
        found.append(tags)
        (at,) = struct.unpack_from(form, data, at + count * entry)
    return found


def check_blocks(expect, case, data):
    """Blocks lie in the order that the ghost area promises, and between their lengths and their ends."""
    images = directories(data)
    levels = len(case["overviews"]) + 1
    kinds = [0] + [4] * case["mask"] + [1] * (levels - 1) + [5] * (case["mask"] * (levels - 1))
    expect("order of images", [tags[254][0] for tags in images], kinds)
    pixels = [tags for tags in images if not tags[254][0] & 4]
    masks = [tags for tags in images if tags[254][0] & 4]
    interleaved = case["mask"] and case["interleave"] == "pixel"
    ghost_at = 16 if data[2] == 43 else 8
    size = int(data[ghost_at + 30:ghost_at + 36])
    ghost = data[ghost_at + 43:ghost_at + 43 + size].decode()
    expect("promises", ghost.startswith("LAYOUT=IFDS_BEFORE_DATA\n") and ghost.endswith("\n" if interleaved else "\n "), True)
    expect("promise of masks", "MASK_INTERLEAVED_WITH_IMAGERY=YES" in ghost, interleaved)
    expect("promise of bands", "INTERLEAVE=BAND\n" in ghost, case["interleave"] == "band")
    end = 0
    for level in reversed(range(levels)):
        blocks = list(zip(pixels[level][324], pixels[level][325]))
        if case["mask"]:
            theirs = list(zip(masks[level][324], masks[level][325]))
            blocks = [block for pair in zip(blocks, theirs) for block in pair] if interleaved else blocks + theirs
        for offset, length in blocks:
            if not length:
                expect("offset of a block left out", offset, 0)
                continue
            expect("blocks follow each other", offset - 4 == end or end == 0, True)
            expect("length before a block", struct.unpack_from("<I", data, offset - 4)[0], length)
            tail = data[offset + max(length - 4, 0):offset + length].ljust(4, b"\0")
            expect("end behind a block", data[offset + length:offset + length + 4], tail)
            end = offset + length + 4
    expect("end of the file", end, len(data))


def check(findings, complaints, folder, case):
    path = folder / case["file"]

    def expect(what, got, wanted):
        findings.expect(f"{case['file']}: {what}", got, wanted)

    try:
        with rasterio.open(path) as dataset:
            expect("shape", (dataset.count, dataset.height, dataset.width), (len(case["bands"]), case["rows"], case["columns"]))
            wanted = nodata_of(case)
            same_nodata = dataset.nodata == wanted or (wanted is not None and np.isnan(wanted) and np.isnan(dataset.nodata))
            expect(f"nodata {dataset.nodata}", bool(same_nodata), True)
            check_pixels(expect, case, dataset, 0)
            check_words(expect, case, dataset)
            check_place(expect, case, dataset)
            check_tags(expect, case, path, dataset)
            data = path.read_bytes()
            if case["cog"]:
                check_blocks(expect, case, data)
            if case["sparse"]:
                expect("blocks left out", 0 in directories(data)[0][325], True)
        for level in range(1, len(case["overviews"]) + 1):
            with rasterio.open(path, OVERVIEW_LEVEL=level - 1) as dataset:
                expect(f"shape of level {level}", list(dataset.shape), case["overviews"][level - 1])
                check_pixels(expect, case, dataset, level)
        if case["cog"]:
            valid, errors, notes = cog_validate(path, strict=True, quiet=True)
            expect(f"COG {errors} {notes}", valid and not errors and not notes, True)
    except Exception as error:  # whatever GDAL says is a finding about this file
        expect(f"{type(error).__name__}: {error}", "failed", "read")
    expect("complaints of GDAL", complaints.said, [])
    complaints.said = []


def main():
    example = str(Path(sys.argv[1]).resolve())
    findings, complaints = Findings(), Complaints()
    logging.getLogger("rasterio").addHandler(complaints)
    with tempfile.TemporaryDirectory(prefix="swath-oracle-") as name:
        done = subprocess.run([example, name], capture_output=True, text=True, check=True)
        for line in done.stdout.splitlines():
            check(findings, complaints, Path(name), json.loads(line))
    findings.close()


if __name__ == "__main__":
    main()
