"""Holds warps and mosaics of GeoTIFFs of the corpus against rasterio (GDAL).

    python warp_mosaic.py RASTER_WARP CORPUS

RASTER_WARP is the example of that name of `swath-formats`. Each warp is compared with `rasterio.warp.reproject` onto
the same grid with an exact transformer (tolerance 0). Away from edges of values and gaps, 99.9 % of the values must be
within a thousandth of the range of values, or one for integers, and 99.9 % of all pixels must agree in whether they
have a value; pixels of `near` and of other methods that choose one value must be equal on 99.9 % of the pixels. Places
are computed to within 0.001 pixels for that; with the 0.125 pixels that are usual, nearest pixels may be neighbours
along the lines where two are equally near. Suggested grids are held against `calculate_default_transform`, and mosaics
against `rasterio.merge.merge`.
"""

import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy
import rasterio
from rasterio.enums import Resampling
from rasterio.warp import calculate_default_transform, reproject

warnings.filterwarnings("ignore")

CHOOSE = ["near", "mode", "min", "max", "med", "q1", "q3"]
NAMES = {
    "near": "nearest",
    "cubicspline": "cubic_spline",
}
METHODS = [
    "near", "bilinear", "cubic", "cubicspline", "lanczos", "average", "mode", "min", "max", "med", "q1", "q3", "sum", "rms",
]

# Input, system, and by how much coarser or finer than suggested.
CASES = [
    ("raster/large/srtm90.tif", "EPSG:32611", 4.0),
    ("raster/large/srtm90.tif", "EPSG:3857", 8.0),
    ("raster/large/co_elevation_roi.tif", "EPSG:32613", 1.0),
    ("raster/large/co_elevation_roi.tif", "EPSG:3857", 2.5),
    ("raster/rasterio/RGB.byte.tif", "EPSG:4326", 1.0),
    ("raster/rasterio/RGB.byte.tif", "EPSG:3857", 3.0),
    ("raster/large/bahamas_rgb.tif", "EPSG:5070", 1.0),
    ("raster/large/landsat7.tif", "EPSG:4326", 3.0),
    ("raster/large/landsat7.tif", "EPSG:32610", 0.7),
    ("raster/geo/olinda_dem_utm25s.tif", "EPSG:4326", 0.5),
    ("raster/geo/L7_ETMs.tif", "EPSG:4326", 1.0),
    ("raster/geo/lc.tif", "EPSG:4326", 1.0),
    ("raster/rasterio/world.byte.tif", "EPSG:3857", 1.0),
    ("raster/rasterio/world.byte.tif", "EPSG:3413", 4.0),
    ("raster/rasterio/world.rgb.tif", "EPSG:3395", 1.0),
    ("raster/rasterio/rgb1_fake_nir_epsg3857.tif", "EPSG:32618", 1.0),
    ("raster/geo/na.tif", "EPSG:3413", 1.0),
]
MOSAICS = [
    (["raster/rasterio/rgb1.tif", "raster/rasterio/RGB.byte.tif"], {}),
    (["raster/rasterio/RGB.byte.tif", "raster/rasterio/rgb_lzw.tif"], {}),
    (["raster/large/bahamas_rgb.tif", "raster/rasterio/RGB.byte.tif"], {}),
]


def eroded(mask, steps):
    """The pixels of a mask that are at least so many pixels from what is not in it."""
    mask = numpy.pad(mask, 1)
    for _ in range(steps):
        inner = mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
        mask = numpy.pad(inner, 1)
    return mask[1:-1, 1:-1]


def run(program, options, folder, want_pixels=True):
    pixels = Path(folder) / "pixels"
    words = [program, json.dumps(options)] + ([str(pixels)] if want_pixels else [])
    ran = subprocess.run(words, capture_output=True, text=True, timeout=600)
    if ran.returncode != 0:
        return None, None, None, ran.stderr.strip().replace("\n", " | ")
    facts = json.loads(ran.stdout)
    if not want_pixels:
        return facts, None, None, ""
    shape = (facts["bands"], facts["height"], facts["width"])
    count = int(numpy.prod(shape))
    values = numpy.fromfile(pixels, dtype=facts["dtype"], count=count).reshape(shape)
    validity = numpy.fromfile(pixels, dtype="uint8", offset=values.nbytes, count=count).reshape(shape)
    return facts, values, validity != 0, ""


def wanted_warp(source, system, transform, shape, method):
    """Values and validity by GDAL, one band after the other, with NaN or an unused number for no value."""
    values, validity = [], []
    resampling = Resampling[NAMES.get(method, method)]
    for band in range(1, source.count + 1):
        data = source.read(band)
        mask = source.read_masks(band) != 0
        if data.dtype.kind == "f":
            mask &= ~numpy.isnan(data)
        # Computed in 64-bit floats, so that every type has a number for no value.
        data = numpy.where(mask, data.astype("float64"), -1e30)
        out = numpy.full(shape, -1e30)
        reproject(
            data, out, src_transform=source.transform, src_crs=source.crs, dst_transform=transform, dst_crs=system,
            src_nodata=-1e30, dst_nodata=-1e30, resampling=resampling, tolerance=0, UNIFIED_SRC_NODATA="NO",
            num_threads=1, warp_mem_limit=2048,
        )
        valid = out > -1e29
        if source.dtypes[0] != "float64" and source.dtypes[0] != "float32":
            info = numpy.iinfo(source.dtypes[0])
            out = numpy.clip(numpy.where(out < 0, -numpy.floor(0.5 - out), numpy.floor(out + 0.5)), info.min, info.max)
        values.append(numpy.where(valid, out, 0))
        validity.append(valid)
    return numpy.array(values), numpy.array(validity)


def compare(values, validity, wanted, wanted_validity, method, is_integer):
    """Yields what is wrong."""
    differ = numpy.count_nonzero(validity != wanted_validity)
    if differ > 0.001 * validity.size + 4:
        yield f"validity differs on {differ} of {validity.size} pixels ({100 * differ / validity.size:.3f} %)"
    both = validity & wanted_validity
    inner = numpy.array([eroded(plane, 4) for plane in both])
    count = numpy.count_nonzero(inner)
    if count == 0:
        return
    got, expected = values.astype("float64")[inner], wanted[inner]
    apart = numpy.abs(got - expected)
    if method in CHOOSE:
        off = numpy.count_nonzero(apart > 0)
        if off > 0.001 * count + 2:
            yield f"{off} of {count} pixels differ ({100 * off / count:.3f} %)"
        return
    limit = 0.001 * max(expected.max() - expected.min(), 1e-9)
    limit = max(limit, 1.0) if is_integer else limit
    off = numpy.count_nonzero(apart > limit * 1.0000001)
    if off > 0.001 * count + 2:
        yield f"{off} of {count} values differ by more than {limit:.3g} (at most {apart.max():.3g})"


def check_warps(program, corpus, folder):
    compared = wrong = 0
    for name, system, factor in CASES:
        path = corpus / name
        with rasterio.open(path) as source:
            transform, width, height = calculate_default_transform(
                source.crs, system, source.width, source.height, *source.bounds
            )
            facts, _, _, error = run(program, {"inputs": [str(path)], "crs": system}, folder, want_pixels=False)
            compared += 1
            got = facts and (facts["width"], facts["height"], facts["transform"])
            pixel = abs(transform.a)
            close = facts and abs(got[0] - width) <= 1 and abs(got[1] - height) <= 1 and all(
                abs(one - two) <= (0.02 * pixel if place in (2, 5) else 1e-4 * pixel)
                for place, (one, two) in enumerate(zip(got[2], tuple(transform)[:6]))
            )
            if not close:
                wrong += 1
                print(f"{name} to {system}: suggests {got or error}, wanted {width, height, tuple(transform)[:6]}")
            size = (max(1, round(height / factor)), max(1, round(width / factor)))
            scaled = transform * rasterio.Affine.scale(width / size[1], height / size[0])
            affine = dict(zip("abcdef", tuple(scaled)[:6]))
            is_integer = not source.dtypes[0].startswith("float")
            for method in METHODS:
                # Of values that GDAL holds as floats, a new one never becomes the mode, however much it covers; bytes,
                # which it counts in bins, have no number left for no value.
                if method == "mode":
                    continue
                options = {
                    "inputs": [str(path)], "crs": system, "resampling": method, "error_pixels": 0.001,
                    "target": [affine, {"rows": size[0], "columns": size[1]}],
                }
                compared += 1
                _, values, validity, error = run(program, options, folder)
                if values is None:
                    problems = [error]
                else:
                    wanted = wanted_warp(source, system, scaled, size, method)
                    problems = list(compare(values, validity, *wanted, method, is_integer))
                wrong += bool(problems)
                for problem in problems:
                    print(f"{name} to {system} / {factor}, {method}: {problem}")
    return compared, wrong


def check_mosaics(program, corpus, folder):
    from rasterio.merge import merge

    compared = wrong = 0
    for names, extra in MOSAICS:
        paths = [str(corpus / name) for name in names]
        for method in ["first", "last", "min", "max", "count"]:
            mosaic = {"method": method, "is_aligned": False, "resampling": "near", **extra}
            facts, values, validity, error = run(program, {"inputs": paths, "mosaic": mosaic}, folder)
            compared += 1
            if values is None:
                wrong += 1
                print(f"{names} {method}: {error}")
                continue
            bounds = rasterio.transform.array_bounds(facts["height"], facts["width"], rasterio.Affine(*facts["transform"]))
            sources = [rasterio.open(path) for path in paths]
            # Merging in rasterio means one system.
            expected, _ = merge(
                sources, bounds=bounds, res=(facts["transform"][0], -facts["transform"][4]), method=method, nodata=0,
                masked=True, dtype="uint16" if method == "count" else None, resampling=Resampling.nearest,
            )
            shape_is = values.shape == expected.shape
            problems = [] if shape_is else [f"shape {values.shape}, wanted {expected.shape}"]
            if shape_is:
                wanted_validity = ~numpy.ma.getmaskarray(expected)
                if method == "count":
                    wanted_validity = expected.filled(0) > 0
                problems += list(compare(values, validity, expected.filled(0), wanted_validity, "near", True))
            wrong += bool(problems)
            for problem in problems:
                print(f"{names} {method}: {problem}")
    return compared, wrong


def main():
    program, corpus = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        warps = check_warps(program, corpus, folder)
        mosaics = check_mosaics(program, corpus, folder)
    compared, wrong = warps[0] + mosaics[0], warps[1] + mosaics[1]
    print(f"{compared} compared, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
