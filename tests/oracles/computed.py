"""What `passed_on.py` holds against NumPy and GDAL beside files that come through as they were: expressions of `calc`,
boxes of `clip`, and scales of `convert`, on made rasters and on one of the corpus."""

import numpy
import rasterio
from rasterio.warp import transform_bounds
from rasterio.windows import Window

SHAPE = (300, 410)
PLACE = rasterio.Affine(10, 0, 500000, 0, -10, 5400000)
# How GDAL scales: what `gdal_translate -scale 0 10000 LEAST GREATEST -ot TYPE` makes before it writes pixels.
SCALED = """<VRTDataset rasterXSize="{columns}" rasterYSize="{rows}"><VRTRasterBand dataType="{kind}" band="1">
<ComplexSource><SourceFilename>{path}</SourceFilename><SourceBand>1</SourceBand>
<ScaleOffset>{offset!r}</ScaleOffset><ScaleRatio>{ratio!r}</ScaleRatio></ComplexSource></VRTRasterBand></VRTDataset>"""


def write(bench, name, values, nodata):
    path = bench.folder / f"{name}.tif"
    rows, columns = SHAPE
    with rasterio.open(path, "w", driver="GTiff", count=len(values), dtype=values.dtype, nodata=nodata, width=columns,
                       height=rows, crs="EPSG:32633", transform=PLACE, tiled=True, blockxsize=128, blockysize=128) as out:
        out.write(values)
    return path


def made(bench):
    """Two rasters on one grid with gaps and zeros: their paths, their values as 64-bit floats with NaN for gaps."""
    random = numpy.random.default_rng(11)
    whole = random.integers(-20, 10_000, (3, *SHAPE), dtype="int16")
    whole[0, 20:60, 30:90] = -9999
    whole[2, 50:90, 70:200] = -9999
    whole[:2, 100:110] = 0
    broken = random.normal(0, 3, (2, *SHAPE)).astype("float32")
    broken[1, 40:70, 200:300] = numpy.nan
    broken[0, 105:115] = 0
    paths = write(bench, "whole", whole, -9999), write(bench, "broken", broken, numpy.nan)
    return *paths, numpy.where(whole == -9999, numpy.nan, whole.astype("float64")), broken.astype("float64")


def expressions(a, b):
    """Expressions with the bands that NumPy makes of them; what is not finite is no value."""
    with_gap = numpy.isnan(a[0])
    truth = numpy.where(with_gap | numpy.isnan(a[1]), numpy.nan, ((a[0] > 5000) & (a[1] <= 7000)) | (a[0] == a[1]))
    # The names of rasters here are `a` (three bands) and `b` (two).
    yield "(a[2] - a[1]) / (a[2] + a[1])", [(a[1] - a[0]) / (a[1] + a[0])]
    yield "where(a[1] > a[2], b[1], b[2])", [numpy.where(with_gap, numpy.nan, numpy.where(a[0] > a[1], b[0], b[1]))]
    yield "a[1] > 5000 && a[2] <= 7000 || a[1] == a[2]", [truth]
    yield "clip(a[1] / 10000, 0.1, 0.5)", [numpy.where(with_gap, numpy.nan, numpy.clip(a[0] / 10000, 0.1, 0.5))]
    yield "min(a[*]); max(a[*]); mean(a[*]); std(a[*])", [a.min(0), a.max(0), a.mean(0), a.std(0)]
    yield "sum(a[*], b[*])", [a[0] + a[1] + a[2] + b[0] + b[1]]
    yield "nanmean(a[*]); nanmin(a[*], b[2])", [numpy.nanmean(a, 0), numpy.nanmin([*a, b[1]], 0)]
    yield "not (b[1] < 0) ? sqrt(b[1]) : -log(-b[1]) * 2 ** 3", [
        numpy.where(b[0] < 0, -numpy.log(-b[0]) * 8, numpy.sqrt(b[0]))]
    yield "a[1] % 7 - -b[1] ^ 2; round(b[1] * 2) / 2", [
        numpy.fmod(a[0], 7) + b[0] ** 2, numpy.copysign(numpy.floor(numpy.abs(b[0] * 2) + 0.5), b[0]) / 2]
    yield "is_nodata(b[2]) ? 0 : atan2(b[2], b[1])", [numpy.where(numpy.isnan(b[1]), 0, numpy.arctan2(b[1], b[0]))]


def check_expressions(findings, bench, run):
    one, two, a, b = made(bench)
    output = bench.folder / "expression.tif"
    with numpy.errstate(all="ignore"):
        for text, wanted in expressions(a, b):
            code, said = run(bench, "calc", text, f"a={one}", f"b={two}", "-o", output, "--dtype", "float64")
            findings.expect(f"calc {text}: {said}", code, 0)
            if code != 0:
                continue
            with rasterio.open(output) as computed:
                findings.expect(f"calc {text}: bands", computed.count, len(wanted))
                for band, plane in enumerate(wanted, 1):
                    there = numpy.isfinite(plane)
                    same = numpy.array_equal(computed.read_masks(band) != 0, there)
                    findings.expect(f"calc {text}: validity of band {band}", same, True)
                    near = numpy.allclose(computed.read(band)[there], plane[there], rtol=1e-11, atol=1e-14)
                    findings.expect(f"calc {text}: values of band {band}", near, True)
    # Integers take the nearest value that they have, halves away from zero.
    code, said = run(bench, "calc", "a[1] / 32 - 7.5", f"a={one}", "-o", output, "--dtype", "uint8", "--nodata", "255")
    findings.expect(f"calc of bytes: {said}", code, 0)
    with rasterio.open(output) as computed:
        there, value = ~numpy.isnan(a[0]), numpy.nan_to_num(a[0] / 32 - 7.5)
        # What would be nodata takes its neighbour.
        wanted = numpy.minimum(numpy.clip(numpy.trunc(value + numpy.copysign(0.5, value)), 0, 255), 254)
        findings.expect("calc of bytes: validity", numpy.array_equal(computed.read_masks(1) != 0, there), True)
        findings.expect("calc of bytes", numpy.array_equal(computed.read(1)[there], wanted[there]), True)


def check_clips(findings, bench, run, path):
    """A box of another system, and another raster's ground: every pixel that these touch, and no other."""
    output = bench.folder / "box.tif"
    with rasterio.open(path) as source:
        bounds, size = source.bounds, source.res
        box = [bounds.left + 0.313 * (bounds.right - bounds.left), bounds.bottom + 0.271 * (bounds.top - bounds.bottom),
               bounds.left + 0.687 * (bounds.right - bounds.left), bounds.bottom + 0.744 * (bounds.top - bounds.bottom)]
        degrees = transform_bounds(source.crs, "EPSG:4326", *box)
        like = bench.folder / "like.tif"
        grid = rasterio.transform.from_origin(box[0], box[3], size[0] * 3, size[1] * 3)
        shape = {"width": int((box[2] - box[0]) / size[0] / 3), "height": int((box[3] - box[1]) / size[1] / 3)}
        with rasterio.open(like, "w", driver="GTiff", count=1, dtype="uint8", crs=source.crs, transform=grid, **shape):
            pass
        ground = rasterio.transform.array_bounds(shape["height"], shape["width"], grid)
        around = transform_bounds("EPSG:4326", source.crs, *degrees, densify_pts=101)
        cases = [
            ("--bbox", ["--bbox", ",".join(map(repr, box))], box),
            ("--bbox-crs", ["--bbox", ",".join(map(repr, degrees)), "--bbox-crs", "EPSG:4326"], around),
            ("--like", ["--like", like], ground),
        ]
        for name, words, wanted in cases:
            code, said = run(bench, "clip", path, "-o", output, *words)
            findings.expect(f"clip {name}: {said}", code, 0)
            if code != 0:
                continue
            left, bottom, right, top = ((wanted[0] - bounds.left) / size[0], (bounds.top - wanted[1]) / size[1],
                                        (wanted[2] - bounds.left) / size[0], (bounds.top - wanted[3]) / size[1])
            near = 1e-6
            column, row = int(numpy.floor(left + near)), int(numpy.floor(top + near))
            window = Window(column, row, int(numpy.ceil(right - near)) - column, int(numpy.ceil(bottom - near)) - row)
            with rasterio.open(output) as part:
                place = rasterio.windows.transform(window, source.transform)
                got = (part.width, part.height, tuple(round(number, 6) for number in tuple(part.transform)[:6]))
                expected = (window.width, window.height, tuple(round(number, 6) for number in tuple(place)[:6]))
                findings.expect(f"clip {name}: grid", got, expected)
                if got == expected:
                    same = numpy.array_equal(part.read(), source.read(window=window))
                    findings.expect(f"clip {name}: pixels", same, True)


def check_scales(findings, bench, run):
    """`convert --scale` rounds halves away from zero, as GDAL does; GDAL computes 16 bits in 32-bit floats, so that one
    value in a thousand may lie on the other side of a half. Outside of the range the line goes on, to the ends of the
    type."""
    rows, columns = SHAPE
    values = numpy.arange(-2000, -2000 + rows * columns).reshape(1, *SHAPE) % 15_000 - 2000
    path = write(bench, "ramp", values.astype("int16"), None)
    output = bench.folder / "scaled.tif"
    for dtype, kind, least, greatest in [("uint8", "Byte", 0, 255), ("int16", "Int16", -2500, 2500),
                                         ("int16", "Int16", 0, 5000), ("float32", "Float32", 0, 1)]:
        name = f"convert --scale 0,10000,{least},{greatest} --dtype {dtype}"
        code, said = run(bench, "convert", path, "-o", output, "--scale", f"0,10000,{least},{greatest}", "--dtype", dtype)
        findings.expect(f"{name}: {said}", code, 0)
        if code != 0:
            continue
        with rasterio.open(output) as scaled:
            got = scaled.read(1)
        line = values[0].astype("float64") * (greatest - least) / 10_000 + least
        if dtype == "float32":
            findings.expect(f"{name}: NumPy", numpy.allclose(got, line, rtol=1e-6, atol=1e-9), True)
        else:
            info = numpy.iinfo(dtype)
            line = numpy.clip(numpy.trunc(line + numpy.copysign(0.5, line)), info.min, info.max)
            findings.expect(f"{name}: pixels unlike NumPy's", int(numpy.count_nonzero(got != line)), 0)
        text = SCALED.format(path=path, columns=columns, rows=rows, kind=kind, offset=float(least),
                             ratio=(greatest - least) / 10_000)
        with rasterio.open(text) as source:
            apart = numpy.abs(source.read(1).astype("float64") - got)
        limit = 1e-6 if dtype == "float32" else 0
        findings.expect(f"{name}: pixels unlike GDAL's, up to {apart.max()}",
                        numpy.count_nonzero(apart > limit) <= apart.size / 1000 and apart.max() <= max(limit, 1), True)


def check(findings, bench, run, corpus):
    check_expressions(findings, bench, run)
    check_clips(findings, bench, run, corpus / "raster/rasterio/RGB.byte.tif")
    check_scales(findings, bench, run)
