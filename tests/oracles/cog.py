"""Holds cloud optimised GeoTIFFs against GDAL: the layout, the pixels, and each pixel of each overview.

    python cog.py SWATH

`rio cogeo validate --strict` must find nothing. The full resolution must be the input; overviews must be those that GDAL
builds of the same input: the nearest and most frequent pixel identical, means within what rounding allows, for even
sizes and odd ones. Beside gaps the two share weights otherwise, so kernels wider than what a pixel covers are compared
where all that they reach is valid; so is the most frequent pixel, for which GDAL writes 0 where it finds no valid one.
"""

import sys

import numpy
import rasterio
from numpy.lib.stride_tricks import sliding_window_view
from rasterio.enums import Resampling
from rasterio.transform import from_origin
from rio_cogeo.cogeo import cog_validate
from swath_runs import Bench, Findings

RESAMPLINGS = ["nearest", "average", "bilinear", "cubic", "mode"]
# Pixels of the larger level on each side of the two by two that a kernel reaches, at even sizes; at odd ones one more.
HALO = {"bilinear": 1, "cubic": 3, "mode": 0}

# Rows and columns of rasters that have odd levels: all of them, some, or only the smaller ones as in scenes of 10980².
ODD = [(687, 1373), (1025, 1371), (1373, 1000), (1098, 1098)]


def surface(rows, columns, bands, dtype, seed):
    """Hills with noise, over much of the range of the type."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:rows, 0:columns]
    planes = [numpy.sin(x / 37 + band) * numpy.cos(y / 53) * 90 + 120 for band in range(bands)]
    values = numpy.array(planes) + random.normal(0, 6, (bands, rows, columns))
    if numpy.dtype(dtype).kind == "f":
        return values.astype(dtype)
    scale = {"uint8": 1, "int16": -100, "uint16": 200, "int32": 5000}[dtype]
    return numpy.rint(values * scale).astype(dtype)


def write(path, values, nodata=None, mask=None):
    bands, rows, columns = values.shape
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(
        path, "w", driver="GTiff", width=columns, height=rows, count=bands, dtype=values.dtype, nodata=nodata,
        crs="EPSG:32633", transform=from_origin(500000, 5200000, 10, 10), tiled=True, blockxsize=256, blockysize=256,
    ) as target:
        target.write(values)
        if mask is not None:
            target.write_mask(mask)


def levels(path, values, nodata, mask, resampling, count):
    """The overviews that GDAL makes, each of the one before it; left to itself it makes those of a mask otherwise."""
    for _ in range(count):
        write(path, values, nodata, mask)
        with rasterio.open(path, "r+") as level:
            level.build_overviews([2], Resampling[resampling])
        with rasterio.open(path, overview_level=0) as level:
            values = level.read()
            mask = None if mask is None else level.dataset_mask()
            yield level.read(masked=True)


def all_valid(valid, halo):
    """Where the two by two under each pixel of the next level, and `halo` around them, are valid."""
    rows, columns = valid.shape
    halo += (rows | columns) % 2
    padded = numpy.pad(valid, ((halo, halo + rows % 2), (halo, halo + columns % 2)), constant_values=True)
    side = 2 + 2 * halo
    windows = sliding_window_view(padded, (side, side))[::2, ::2]
    return windows.all(axis=(2, 3))


def check_level(findings, what, got, wanted, resampling, compared_below, skips_edges):
    """One band of one overview; answers which of its pixels were compared."""
    findings.expect(f"{what} shape", got.shape, wanted.shape)
    got_valid, wanted_valid = ~numpy.ma.getmaskarray(got), ~numpy.ma.getmaskarray(wanted)
    both = got_valid & wanted_valid
    if skips_edges:
        both[[0, -1]] = False
    if resampling in HALO:
        # What differs beside a gap goes on to differ in smaller levels.
        both &= all_valid(compared_below, HALO[resampling])
    else:
        findings.expect(f"{what} validity", int((got_valid != wanted_valid).sum()), 0)
    apart = numpy.abs(got.data[both].astype(float) - wanted.data[both].astype(float))
    if resampling in ("nearest", "mode"):
        findings.expect(f"{what} pixels that differ", int((apart > 0).sum()), 0)
    elif got.dtype.kind == "f":
        scale = numpy.abs(wanted.data[both].astype(float)).max()
        findings.expect(f"{what} within 1e-6", bool(apart.max() <= 1e-6 * scale), True)
    else:
        # A mean that lies in the middle between two integers may be rounded to either of them.
        findings.expect(f"{what} within 1", bool(apart.max() <= 1), True)
        findings.expect(f"{what} share that differs below 13 %", bool((apart > 0).mean() < 0.13), True)
    findings.expect(f"{what} compares much", bool(both.mean() > 0.3), True)
    return both if resampling in HALO else got_valid


def check(findings, bench, name, values, nodata, resampling, mask=None, block=256):
    source, output, peer = (bench.folder / file for file in ("in.tif", "out.tif", "peer.tif"))
    write(source, values, nodata, mask)
    bench.run(
        "raster", "convert", source, "-o", output, "--overwrite", "-f", "cog", "-m", "64MB", "--co", f"BLOCKSIZE={block}",
        "--co", f"OVERVIEW_RESAMPLING={resampling}", "--co", "COMPRESS=DEFLATE",
    )
    what = f"{name} {resampling}"
    valid, errors, warnings = cog_validate(output, strict=True, quiet=True)
    findings.expect(f"{what} is a COG", (valid, errors, warnings), (True, [], []))
    with rasterio.open(output) as ours:
        factors = ours.overviews(1)
        got, wanted = (pixels if mask is None else pixels[:, mask > 0] for pixels in (ours.read(), values))
        findings.expect(f"{what} pixels", numpy.array_equal(got, wanted, equal_nan=values.dtype.kind == "f"), True)
    wanted_levels = list(levels(peer, values, nodata, mask, resampling, len(factors)))
    for band in range(1, values.shape[0] + 1):
        with rasterio.open(output) as ours:
            below = ~numpy.ma.getmaskarray(ours.read(band, masked=True))
        skips_edges = False
        for level, factor in enumerate(factors):
            with rasterio.open(output, overview_level=level) as ours:
                got, wanted = ours.read(band, masked=True), wanted_levels[level][band - 1]
            # Where columns are pairs and nothing is missing, GDAL takes the mean of two whole rows where it finds two
            # under a pixel: under the first and the last one, which cover less of the second where rows are odd.
            rows, columns = below.shape
            if resampling == "average" and nodata is None and mask is None:
                skips_edges |= rows % 2 > columns % 2
            level_what = f"{what} band {band} 1:{factor}"
            below = check_level(findings, level_what, got, wanted, resampling, below, skips_edges)


def check_odd(findings, bench, values, resampling):
    """Levels of odd sizes, all valid, with a nodata value and with a mask."""
    _, rows, columns = values.shape
    what = f"{values.dtype} {columns}×{rows}"
    check(findings, bench, what, values, None, resampling, block=128)
    random = numpy.random.default_rng(6)
    valid = random.random((rows, columns)) >= 0.00002
    valid[rows // 3 : rows // 2, columns // 4 : columns // 3] = False
    valid[-3:, -40:] = False
    gappy = numpy.where(valid, numpy.maximum(values, 1), 0).astype(values.dtype)
    check(findings, bench, f"{what} with gaps", gappy, 0, resampling, block=128)
    mask = numpy.where(valid, 255, 0).astype("uint8")
    check(findings, bench, f"{what} with a mask", values, None, resampling, mask, block=128)


def main():
    bench, findings = Bench(sys.argv[1]), Findings()
    for resampling in RESAMPLINGS:
        for dtype, bands in [("uint8", 3), ("int16", 1), ("uint16", 2), ("float32", 1), ("float64", 1)]:
            check(findings, bench, f"{dtype} × {bands}", surface(1536, 2048, bands, dtype, 1), None, resampling)
        gappy = surface(1024, 1024, 1, "int16", 2)
        random = numpy.random.default_rng(3)
        gappy[0][random.random(gappy[0].shape) < 0.0005] = -32768
        gappy[0][300:500, 200:450] = -32768
        check(findings, bench, "int16 with gaps", gappy, -32768, resampling)
        gappy = surface(1024, 1024, 1, "float32", 4)
        gappy[0][random.random(gappy[0].shape) < 0.0005] = numpy.nan
        gappy[0][100:300, 600:] = numpy.nan
        check(findings, bench, "float32 with gaps", gappy, numpy.nan, resampling)
        for rows, columns in ODD:
            for dtype in ["uint8", "uint16", "float32"]:
                check_odd(findings, bench, surface(rows, columns, 1, dtype, 5), resampling)
    findings.close()


main()
