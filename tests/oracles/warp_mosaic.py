"""Holds warps and mosaics of GeoTIFFs of the corpus against rasterio (GDAL).

    python warp_mosaic.py RASTER_WARP CORPUS

RASTER_WARP is the example of that name of `swath-formats`, with `swath` in the folder above. Each warp is compared with `rasterio.warp.reproject` onto
the same grid with an exact transformer (tolerance 0), the first two bands of each file. Away from edges of values and
gaps, 99.9 % of the values must be within a thousandth of the range of values, or one for integers, and 99.9 % of all
pixels must agree in whether they have a value; pixels of `near` and of other methods that choose one value must be equal
on 99.9 % of the pixels. For these every place is computed, for the others to within 0.001 pixels: with the 0.125 pixels
that are usual in GDAL, nearest pixels may be neighbours along the lines where two are equally near. `swath raster warp` must
do as well on the same grids with the accuracy that it has when nothing is said. Suggested grids are held against
`calculate_default_transform`.

Pixels that cover whole ones, or halves of them, must equal those of NumPy: the mode by area, least and greatest values,
and quantiles. Mosaics of pieces and of whole files must equal those of `rasterio.merge.merge`; means of `swath raster mosaic`
those of NumPy, and its mosaics of rasters in two systems what NumPy makes of their warps by GDAL.

Not compared: GDAL's mode (see below); grids that reach a pole in a Mercator projection, where GDAL suggests rows
hundreds of thousands of kilometres beyond it; the splitting of outputs of which little is in the input into chunks with
a scale each (SRC_FILL_RATIO_HEURISTICS), since here a raster has one scale; and B-splines where the output is slightly
coarser (see KNOWN).
"""

import json
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import rasterio
from rasterio.enums import Resampling
from rasterio.warp import calculate_default_transform, reproject

from warp_pieces import blocks, cut, wanted_mode, wanted_rank
from warp_program import check_means, check_mixed, grid_of, moved, warped

warnings.filterwarnings("ignore")

# The status when GDAL is too old to tell: that of rasterio 1.4 weighs areas, ranks and edges otherwise.
CANNOT_TELL = 77
# No value, in what GDAL computes.
GAP = -1e30
# How many bands are compared.
BANDS = 2
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
    ("raster/geo/lc.tif", "EPSG:4326", 1.0),
    ("raster/geo/na.tif", "EPSG:3413", 1.0),
    ("raster/geo/olinda_dem_utm25s.tif", "EPSG:4326", 0.5),
    ("raster/geo/L7_ETMs.tif", "EPSG:4326", 2.0),
    ("raster/rasterio/RGB.byte.tif", "EPSG:4326", 1.0),
    ("raster/rasterio/RGB.byte.tif", "EPSG:3857", 3.0),
    ("raster/large/bahamas_rgb.tif", "EPSG:5070", 3.0),
    ("raster/rasterio/rgb1_fake_nir_epsg3857.tif", "EPSG:32618", 1.0),
    ("raster/rasterio/world.byte.tif", "EPSG:3413", 12.0),
    ("raster/large/co_elevation_roi.tif", "EPSG:32613", 1.0),
    ("raster/large/co_elevation_roi.tif", "EPSG:3857", 2.5),
    ("raster/rasterio/world.byte.tif", "EPSG:3857", 6.0),
]
# Where GDAL's own result is not continuous: of this warp its B-spline with XSCALE 0.99 differs from that with 1 by up to
# 7.2 m, in the mean by 0.33 m, though the kernels differ by a hundredth. The scale is 0.936 here. At 4,000 places the
# B-spline of that scale, summed with NumPy, is within 0.00013 m of swath, and up to 2.8 m from GDAL 3.12.2.
KNOWN = {("raster/large/co_elevation_roi.tif", "EPSG:32613", "cubicspline")}
# Inputs of which blocks of pixels are compared with NumPy.
BLOCKS = ["raster/rasterio/RGB.byte.tif", "raster/geo/lc.tif", "raster/geo/olinda_dem_utm25s.tif", "raster/geo/L7_ETMs.tif"]
# Inputs that are cut into pieces and joined again, and inputs that are joined as they are.
CUT = ["raster/rasterio/RGB.byte.tif", "raster/large/co_elevation_roi.tif", "raster/geo/L7_ETMs.tif"]
JOINED = ["raster/rasterio/RGB.byte.tif", "raster/large/bahamas_rgb.tif", "raster/rasterio/rgb_lzw.tif"]
# An input whose pieces are brought to several systems and joined in another one.
MIXED = ("raster/large/co_elevation_roi.tif", ["EPSG:32612", "EPSG:4326", "EPSG:3857"], "EPSG:5070")


def eroded(mask, steps):
    """The pixels of a mask that are at least so many pixels from what is not in it."""
    mask = numpy.pad(mask, 1)
    for _ in range(steps):
        inner = mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
        mask = numpy.pad(inner, 1)
    return mask[1:-1, 1:-1]


def run(program, options, folder, want_pixels=True):
    pixels = Path(folder) / f"pixels_{options.get('resampling')}"
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


def wanted_warp(source, data, mask, system, transform, shape, method):
    """Values and validity by GDAL, computed in 64-bit floats, so that every type has a number for no value; one band
    after the other, since a band that is warped with others keeps values whose middle pixel has none."""
    out = numpy.full((len(data), *shape), GAP)
    for band, plane in enumerate(numpy.where(mask, data.astype("float64"), GAP)):
        reproject(
            plane, out[band], src_transform=source.transform, src_crs=source.crs, dst_transform=transform,
            dst_crs=system, src_nodata=GAP, dst_nodata=GAP, resampling=Resampling[NAMES.get(method, method)],
            tolerance=0, num_threads=1, warp_mem_limit=2048, SRC_FILL_RATIO_HEURISTICS="NO",
        )
    valid = out > GAP / 10
    if data.dtype.kind in "iu":
        info = numpy.iinfo(data.dtype)
        out = numpy.clip(numpy.where(out < 0, -numpy.floor(0.5 - out), numpy.floor(out + 0.5)), info.min, info.max)
    return numpy.where(valid, out, 0), valid


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


def swath_beside(example):
    return Path(example).resolve().parent.parent / f"swath{Path(example).suffix}"


def check_warps(program, corpus, folder):
    compared = wrong = 0
    pool = ThreadPoolExecutor(2)
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
            data, mask = source.read(), source.read_masks() != 0
            if data.dtype.kind == "f":
                mask &= ~numpy.isnan(data)
            is_integer = not source.dtypes[0].startswith("float")
            data, mask = data[:BANDS], mask[:BANDS]
            like = grid_of(folder, "like", system, scaled, size)

            def check(method):
                options = {
                    "inputs": [str(path)], "crs": system, "resampling": method,
                    "error_pixels": 0.0 if method in CHOOSE else 0.001,
                    "target": [affine, {"rows": size[0], "columns": size[1]}],
                }
                _, values, validity, error = run(program, options, folder)
                if values is None:
                    return [error]
                wanted = wanted_warp(source, data, mask, system, scaled, size, method)
                problems = list(compare(values[:BANDS], validity[:BANDS], *wanted, method, is_integer))
                values, validity, error = warped(swath_beside(program), path, like, len(data), method, folder)
                if values is None:
                    return [*problems, error]
                as_run = compare(values, validity, *wanted, method, is_integer)
                return problems + [f"as it is run: {problem}" for problem in as_run]

            # Of values that GDAL holds as floats, a new one never becomes the mode, however much it covers; bytes,
            # which it counts in bins, have no number left for no value.
            methods = [method for method in METHODS if method != "mode" and (name, system, method) not in KNOWN]
            for method, problems in zip(methods, pool.map(check, methods)):
                compared += 1
                wrong += bool(problems)
                for problem in problems:
                    print(f"{name} to {system} / {factor}, {method}: {problem}")
    return compared, wrong


def check_blocks(program, corpus, folder):
    """Three by three pixels to one, and for the mode, whose pixels weigh by area, one and a half by one and a half."""
    compared = wrong = 0
    ranks = {"min": 0.0, "q1": 0.25, "med": 0.5, "q3": 0.75, "max": 1.0}
    for name in BLOCKS:
        with rasterio.open(corpus / name) as source:
            data, mask = source.read(), source.read_masks() != 0
            grid = source.transform
        if data.dtype.kind == "f":
            mask &= ~numpy.isnan(data)
        for method, times, factor in [("mode", 1, 3), ("mode", 2, 3), *((method, 1, 3) for method in ranks)]:
            pieces = [
                [blocks(plane.repeat(times, 0).repeat(times, 1), factor) for plane in planes] for planes in (data, mask)
            ]
            wanted, valid = [], []
            for values, there in zip(*pieces):
                plane = wanted_mode(values, there) if method == "mode" else wanted_rank(values, there, ranks[method])
                valid.append(there.any(axis=-1))
                wanted.append(numpy.where(valid[-1], plane, 0))
            wanted, valid = numpy.array(wanted), numpy.array(valid)
            scaled = grid * rasterio.Affine.scale(factor / times)
            shape = {"rows": valid.shape[1], "columns": valid.shape[2]}
            options = {
                "inputs": [str(corpus / name)], "resampling": method,
                "target": [dict(zip("abcdef", tuple(scaled)[:6])), shape],
            }
            compared += 1
            _, values, validity, error = run(program, options, folder)
            if values is None:
                problems = [error]
            else:
                off = numpy.count_nonzero((validity != valid) | (valid & (values != wanted)))
                problems = [f"{off} of {valid.size} pixels differ from those of NumPy"] if off else []
            wrong += bool(problems)
            for problem in problems:
                print(f"{name}, {method} of {factor / times} pixels: {problem}")
    return compared, wrong


def check_mosaics(program, corpus, folder):
    from rasterio.merge import merge

    compared = wrong = 0
    for paths in [*(cut(corpus / name, folder) for name in CUT), [str(corpus / name) for name in JOINED]]:
        names = ", ".join(Path(path).name for path in paths)
        for method in ["first", "last", "min", "max", "count"]:
            mosaic = {"method": method, "is_aligned": False, "resampling": "near"}
            facts, values, validity, error = run(program, {"inputs": paths, "mosaic": mosaic}, folder)
            compared += 1
            if values is None:
                wrong += 1
                print(f"{names}, {method}: {error}")
                continue
            bounds = rasterio.transform.array_bounds(facts["height"], facts["width"], rasterio.Affine(*facts["transform"]))
            resolution = (facts["transform"][0], -facts["transform"][4])
            expected, _ = merge(
                [rasterio.open(path) for path in paths], bounds=bounds, res=resolution, method=method, masked=True,
                resampling=Resampling.nearest, **({"dtype": "uint16", "nodata": 0} if method == "count" else {}),
            )
            there = expected.filled(0) > 0 if method == "count" else ~numpy.ma.getmaskarray(expected)
            if values.shape != expected.shape:
                problems = [f"shape {values.shape}, wanted {expected.shape}"]
            else:
                off = numpy.count_nonzero((validity != there) | (there & (values != expected.filled(0))))
                problems = [f"{off} of {there.size} pixels differ from those of rasterio.merge"] if off else []
            wrong += bool(problems)
            for problem in problems:
                print(f"{names}, {method}: {problem}")
    return compared, wrong


def check_program_mosaics(program, corpus, folder):
    swath = swath_beside(program)
    cases = [(name, "mean", lambda name=name: check_means(swath, cut(corpus / name, folder), folder)) for name in CUT]
    name, systems, system = MIXED
    # The pieces overlap, and differ where they do.
    paths = [moved(path, other, folder) for path, other in zip(cut(corpus / name, folder), systems)]

    def warp(source, *grid):
        return wanted_warp(source, source.read(), source.read_masks() != 0, *grid, "bilinear")

    for method in ["first", "last", "max", "mean"]:
        one = lambda method=method: check_mixed(swath, paths, system, method, warp, eroded, folder)
        cases.append((f"{name} in {', '.join(systems)} to {system}", method, one))
    wrong = 0
    for names, method, one in cases:
        problems = one()
        wrong += bool(problems)
        for problem in problems:
            print(f"{names}, {method}: {problem}")
    return len(cases), wrong


def main():
    program, corpus = sys.argv[1], Path(sys.argv[2])
    if rasterio.__version__.startswith("1.4."):
        print(f"the GDAL {rasterio.__gdal_version__} of rasterio {rasterio.__version__} is too old to tell")
        return CANNOT_TELL
    with tempfile.TemporaryDirectory() as folder:
        checks = (check_warps, check_blocks, check_mosaics, check_program_mosaics)
        counts = [check(program, corpus, folder) for check in checks]
    compared, wrong = (sum(count) for count in zip(*counts))
    print(f"{compared} compared, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
