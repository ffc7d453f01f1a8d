"""Holds what `swath raster convert`, `clip` and `calc` write against rasterio and NumPy: pixels, also those that are not
seen, and what a file says of them.

    python passed_on.py SWATH CORPUS

Every TIFF of the corpus, and made ones with masks, opacity, palettes, points for pixels, and words for bands. `convert`
and `clip` must give back every stored value; shape, type, nodata, transform, masks, colours, palette, descriptions,
units, scales and offsets must be the same. `calc` of 64-bit floats must agree with NumPy within 1e-12. Pixels of JPEG are
not compared one by one here: codecs round otherwise. Then come expressions, boxes and scales; see `computed.py`.
"""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import computed
import numpy
import rasterio
from geotiff_read import KNOWN, of_corpus, same_number
from rasterio.windows import Window
from swath_runs import Bench, Findings

# Pixels that are read; a corpus has larger files for other tests.
PIXELS_MAX = 20_000_000
# A file of single bits for which GDAL makes a palette of its own.
BITS = {"tiled-gray-i1.tif"}


def made(bench):
    """Rasters whose files say more than pixels."""
    random = numpy.random.default_rng(3)
    common = dict(driver="GTiff", height=300, width=410, crs="EPSG:32633", tiled=True, blockxsize=128, blockysize=128,
                  transform=rasterio.Affine(10, 0, 500000, 0, -10, 5400000))

    def write(name, values, after=lambda target: None, internal_mask=True, **options):
        path = bench.folder / f"{name}.tif"
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal_mask), rasterio.open(
                path, "w", count=len(values), dtype=values.dtype, **(common | options)) as target:
            target.write(values)
            after(target)
        return path

    shape = (300, 410)
    colours = random.integers(1, 255, (4, *shape), dtype="uint8")
    colours[3] = 255
    colours[3, 40:170, 100:300] = random.integers(0, 2, (130, 200)) * 128
    colours[3, 200:260, 20:90] = 0
    yield write("rgba", colours, photometric="rgb", alpha="yes", compress="deflate")
    yield write("rgba-premultiplied", colours, photometric="rgb", alpha="premultiplied")
    yield write("grey-alpha", colours[2:], alpha="yes", interleave="band", compress="lzw")
    yield write("rgba16", colours.astype("uint16") * 257, photometric="rgb", alpha="yes", compress="zstd")
    yield write("five-bands-alpha", numpy.concatenate([colours[:1], colours]), alpha="yes")
    mask = random.random(shape) > 0.3

    def masked(target):
        target.write_mask(mask)

    yield write("mask-inside", colours[:3], masked, photometric="rgb", compress="deflate")
    yield write("mask-beside", colours[:1], masked, internal_mask=False)
    yield write("mask-nodata", colours[:1], masked, nodata=7)

    def palette(target):
        target.write_colormap(1, {number: (number, 255 - number, number // 2, 255) for number in range(256)})

    yield write("palette", colours[:1], palette, photometric="palette")

    def words(target):
        target.descriptions = ("height", "depth", None)
        target.units = ("m", "dm", "")
        target.scales, target.offsets = (0.1, 1, 2), (5, 0, -1)
        target.update_tags(AREA_OR_POINT="Point", TIFFTAG_COPYRIGHT="nobody's", own="thing")

    heights = random.normal(100, 20, (3, *shape)).astype("float32")
    heights[:, 10:50, 60:90] = numpy.nan
    heights[1, 100:120] = -9999
    # Systems without a code, or in which nothing is computed here.
    systems = {"sinusoidal": "+proj=sinu +R=6371007.181 +units=m", "robinson": "ESRI:54030", "web": "ESRI:102100",
               "equidistant": "ESRI:102005", "local": 'LOCAL_CS["a site",UNIT["metre",1]]',
               "azimuthal": "+proj=aeqd +lat_0=50 +lon_0=10 +datum=WGS84", "albers": "ESRI:102003"}
    for system, text in systems.items():
        yield write(f"system-{system}", colours[:1], crs=text)
        yield write(f"system-{system}-points", colours[:1], lambda target: target.update_tags(AREA_OR_POINT="Point"),
                    crs=text)

    yield write("words", heights, words, nodata=-9999, compress="deflate", predictor=3)
    yield write("nan", heights, nodata=numpy.nan)
    yield write("neither", heights.astype("float64"))


def same_pixels(one, two):
    return one.shape == two.shape and numpy.array_equal(one, two, equal_nan=one.dtype.kind == "f")


def facts(source):
    """What a file says of its pixels, but for their place."""
    return {
        "types": source.dtypes, "colours": [colour.name for colour in source.colorinterp],
        "descriptions": source.descriptions, "units": [unit or "" for unit in source.units], "scales": source.scales,
        "offsets": source.offsets, "crs": source.crs, "point": source.tags().get("AREA_OR_POINT"),
    }


def colormap(source):
    try:
        return source.colormap(1)
    except ValueError:
        return None


def run(bench, *words):
    done = subprocess.run([bench.program, "raster", *map(str, words), "--overwrite", "-m", "256MB"], cwd=bench.folder,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.returncode, done.stderr + done.stdout


def check(findings, bench, path, name):
    try:
        source = rasterio.open(path)
        if source.width * source.height * source.count > PIXELS_MAX or "complex" in source.dtypes[0]:
            return
        values = source.read()
    except Exception:
        return
    with source:
        jpeg = source.compression is not None and source.compression.name.lower().startswith(("jpeg", "ycbcr"))
        output = bench.folder / "converted.tif"
        code, said = run(bench, "convert", path, "-o", output)
        if code != 0:
            # What is refused is held against a list by geotiff_read.py.
            findings.expect(f"{name} is refused in words: {said}", code in (2, 5) and "panicked" not in said, True)
            return
        with rasterio.open(output) as made:
            got = made.read()
            if path.name not in KNOWN and not jpeg:
                findings.expect(f"{name} pixels", same_pixels(got, values.astype(got.dtype)), True)
                masks = (source.read_masks() != 0, made.read_masks() != 0)
                findings.expect(f"{name} masks", numpy.array_equal(*masks), True)
            wanted, found = facts(source), facts(made)
            for what in wanted:
                # Keys of which GDAL makes nothing.
                if what == "crs" and wanted[what] is None:
                    continue
                # Floats of 16 bits become wider ones, inks stay inks, and bits that GDAL shows by a palette stay bits.
                if what == "types" and ("float16" in source.dtypes or path.name in KNOWN):
                    continue
                if what == "colours" and (path.name in KNOWN or path.name in BITS or jpeg):
                    continue
                # A file without a system has no way to say so.
                if what == "point" and made.crs is None:
                    continue
                findings.expect(f"{name} {what}", found[what], wanted[what])
            # What no pixel can be says nothing, and is left out.
            fits = source.nodata is not None and same_number(values.dtype.type(0) + numpy.float64(source.nodata).astype(
                values.dtype).astype("float64"), float(source.nodata))
            if source.nodata is None or fits:
                findings.expect(f"{name} nodata {made.nodata} {source.nodata}",
                                same_number(made.nodata, source.nodata), True)
            near = numpy.allclose(tuple(made.transform)[:6], tuple(source.transform)[:6], rtol=1e-12, atol=1e-9)
            findings.expect(f"{name} transform", near, True)
            if path.name not in BITS:
                findings.expect(f"{name} palette", colormap(made), colormap(source))
        clip(findings, bench, path, name, source, values, jpeg or path.name in KNOWN)
        calculate(findings, bench, path, name, source, values, jpeg or path.name in KNOWN)


def clip(findings, bench, path, name, source, values, inexact):
    rows, columns = max(1, source.height // 3), max(1, source.width // 2)
    row, column = source.height - rows, min(1, source.width - columns)
    output = bench.folder / "clipped.tif"
    code, said = run(bench, "clip", path, "-o", output, "--window", f"{column},{row},{columns},{rows}")
    findings.expect(f"{name} clip {said}", code, 0)
    if code != 0:
        return
    window = Window(column, row, columns, rows)
    with rasterio.open(output) as made:
        got = made.read()
        if not inexact:
            wanted = values[:, row:row + rows, column:column + columns]
            findings.expect(f"{name} clipped pixels", same_pixels(got, wanted.astype(got.dtype)), True)
            same = numpy.array_equal(made.read_masks() != 0, source.read_masks(window=window) != 0)
            findings.expect(f"{name} clipped masks", same, True)
        if not source.transform.is_identity:
            place = rasterio.windows.transform(window, source.transform)
            near = numpy.allclose(tuple(made.transform)[:6], tuple(place)[:6], rtol=1e-9, atol=1e-9)
            findings.expect(f"{name} clipped place", near, True)


def calculate(findings, bench, path, name, source, values, inexact):
    output = bench.folder / "computed.tif"
    code, said = run(bench, "calc", "sqrt(abs(b1)) * 2 + 1", path, "-o", output, "--dtype", "float64")
    findings.expect(f"{name} calc {said}", code, 0)
    if code != 0 or inexact:
        return
    with rasterio.open(output) as made, numpy.errstate(all="ignore"):
        got, valid = made.read(1), made.read_masks(1) != 0
        wanted = numpy.sqrt(numpy.abs(values[0].astype("float64"))) * 2 + 1
    there = (source.read_masks(1) != 0) & ~numpy.isnan(wanted)
    findings.expect(f"{name} computed validity", numpy.array_equal(valid, there), True)
    findings.expect(f"{name} computed", numpy.allclose(got[there], wanted[there], rtol=1e-12, atol=0), True)


def main():
    bench, findings, corpus = Bench(sys.argv[1]), Findings(), Path(sys.argv[2])
    warnings.simplefilter("ignore")
    os.environ["GDAL_PAM_ENABLED"] = "NO"
    with rasterio.Env(GDAL_PAM_ENABLED="NO"):
        for path, name in of_corpus(corpus):
            check(findings, bench, path, name)
        for path in made(bench):
            check(findings, bench, path, path.stem)
        computed.check(findings, bench, run, corpus)
    findings.close()


if __name__ == "__main__":
    main()
