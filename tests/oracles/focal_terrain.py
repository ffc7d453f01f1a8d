"""Holds focal statistics against NumPy and SciPy, and terrain against gdaldem, on synthetic and real heights.

    python focal_terrain.py RASTER_OP CORPUS

RASTER_OP is the example of that name of `swath-formats`. gdaldem is the one in rasterio's own copy of GDAL, called as a C
library. It computes with 32-bit floats where heights are floats, so that much noise is allowed for there; where heights
are integers, slopes in degrees must agree to 1e-5 of their value.
"""

import ctypes
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy
import rasterio
import scipy.ndimage as ndimage
from pyproj import Geod

CROP = 180


def heights(rows, columns, dtype, gaps):
    """Hills with flat ground, and some patches and single pixels without a value."""
    row, column = numpy.mgrid[:rows, :columns]
    random = numpy.random.default_rng(5)
    values = 400 * numpy.sin(row / 17) * numpy.cos(column / 23) + 3 * row + random.normal(0, 4, (rows, columns))
    values = numpy.maximum(values, -100)
    if dtype == "uint8":
        values = (values + 400) / 8
    values = values.clip(0, 254) if dtype == "uint8" else values
    values = values.astype(dtype)
    hidden = numpy.zeros((rows, columns), bool)
    if gaps:
        hidden[40:60, 30:70] = True
        hidden |= random.random((rows, columns)) < 0.02
        hidden[0, 5] = hidden[-1, -1] = True
    return values, hidden


def inputs(folder, corpus):
    """Paths of rasters, each of one band with nodata where pixels are missing."""

    def write(name, values, hidden, nodata, crs, transform):
        path = Path(folder) / f"{name}.tif"
        values = numpy.where(hidden, values.dtype.type(nodata), values) if hidden.any() else values
        profile = dict(driver="GTiff", count=1, height=values.shape[0], width=values.shape[1], dtype=values.dtype,
                       crs=crs, transform=transform, nodata=nodata, tiled=True, blockxsize=64, blockysize=64)
        with rasterio.open(path, "w", **profile) as target:
            target.write(values, 1)
        return path

    utm = rasterio.Affine(10, 0, 500000, 0, -20, 5400000)
    square = rasterio.Affine(30, 0, 500000, 0, -30, 5400000)
    for dtype, nodata in [("int16", -9999), ("float32", -9999), ("uint8", 255)]:
        for gaps in [False, True]:
            values, hidden = heights(150, 130, dtype, gaps)
            yield write(f"{dtype}-{'gaps' if gaps else 'full'}", values, hidden, nodata, "EPSG:32632", square)
    values, hidden = heights(90, 80, "int16", True)
    yield write("oblong", values, hidden, -9999, "EPSG:32632", utm)
    yield write("degrees", values, hidden, -9999, "EPSG:4326", rasterio.Affine(3 / 3600, 0, 10, 0, -3 / 3600, 62))
    yield write("line", *heights(1, 80, "int16", False), -9999, "EPSG:32632", square)
    real = ["geo/olinda_dem_utm25s.tif", "large/co_elevation_roi.tif", "large/srtm90.tif", "geo/elev.tif"]
    for path in (corpus / "raster" / name for name in real):
        if not path.exists():
            print(f"skipped  {path}: it is not there")
            continue
        with rasterio.open(path) as source:
            row, column = max(0, source.height // 2 - CROP), max(0, source.width // 2 - CROP)
            window = rasterio.windows.Window(column, row, min(CROP, source.width), min(CROP, source.height))
            values = source.read(1, window=window)
            hidden = source.read_masks(1, window=window) == 0
            nodata = -9999 if source.nodata is None else source.nodata
            if not (values.dtype.kind == "i" and not hidden.any() and (values == nodata).any()):
                yield write(f"real-{path.stem}", values, hidden, nodata, source.crs, source.window_transform(window))


def run(program, path, operation, folder):
    """The pixels of an operation, with NaN for none."""
    pixels = Path(folder) / "pixels"
    ran = subprocess.run([program, str(path), json.dumps(operation), str(pixels)], capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit(f"{path.name} {operation}: {ran.stderr}")
    facts = json.loads(ran.stdout)
    shape = (facts["height"], facts["width"])
    values = numpy.fromfile(pixels, dtype=facts["dtype"], count=shape[0] * shape[1]).reshape(shape)
    validity = numpy.fromfile(pixels, dtype="uint8", offset=values.nbytes).reshape(shape)
    return numpy.where(validity != 0, values.astype("float64"), numpy.nan)


# Focal statistics.


def disc(radius):
    row, column = numpy.mgrid[-int(radius):int(radius) + 1, -int(radius):int(radius) + 1]
    return row**2 + column**2 <= radius**2 + 1e-9


def windows(values, footprint, edges):
    """All pixels of the footprint around each pixel, in a third dimension; NaN for none."""
    rows, columns = footprint.shape[0] // 2, footprint.shape[1] // 2
    mode = dict(mode="edge") if edges == "replicate" else dict(mode="constant", constant_values=numpy.nan)
    padded = numpy.pad(values, ((rows, rows), (columns, columns)), **mode)
    return numpy.lib.stride_tricks.sliding_window_view(padded, footprint.shape)[..., footprint]


def most_frequent(pixels):
    found, counts = numpy.unique(pixels[~numpy.isnan(pixels)], return_counts=True)
    return found[counts.argmax()] if len(found) else numpy.nan


def wanted_focal(values, statistic, footprint, edges):
    border = dict(mode="nearest") if edges == "replicate" else dict(mode="constant", cval=0.0)
    present = (~numpy.isnan(values)).astype("float64")
    filled = numpy.nan_to_num(values)
    if isinstance(statistic, dict) and "gaussian" in statistic:
        blur = lambda plane: ndimage.gaussian_filter(plane, statistic["gaussian"], **border)
        return blur(filled) / blur(present)
    if isinstance(statistic, dict) and "kernel" in statistic:
        correlate = lambda plane: ndimage.correlate(plane, footprint, **border)
        return correlate(filled) / correlate(present)
    if statistic == "sobel":
        return numpy.hypot(ndimage.sobel(values, 0, mode="nearest"), ndimage.sobel(values, 1, mode="nearest"))
    if statistic == "laplace":
        return ndimage.laplace(values, mode="nearest")
    count = ndimage.correlate(present, footprint.astype("float64"), **border)
    total = ndimage.correlate(filled, footprint.astype("float64"), **border)
    limit = lambda function, none: function(numpy.where(present == 0, none, values), footprint=footprint,
                                            **(border | ({} if edges == "replicate" else dict(cval=none))))
    if statistic in ("sum", "count", "mean"):
        return {"sum": total, "count": count, "mean": total / numpy.maximum(count, 1)}[statistic]
    if statistic in ("min", "max", "range"):
        least, most = limit(ndimage.minimum_filter, numpy.inf), limit(ndimage.maximum_filter, -numpy.inf)
        return {"min": least, "max": most, "range": most - least}[statistic]
    around = windows(values, footprint, edges)
    if statistic == "majority":
        return numpy.apply_along_axis(most_frequent, 2, around)
    if isinstance(statistic, dict):
        return numpy.nanpercentile(around, statistic["percentile"], axis=2)
    return {"std": numpy.nanstd, "variance": numpy.nanvar, "median": numpy.nanmedian}[statistic](around, axis=2)


def focal_cases(full):
    names = ["mean", "sum", "min", "max", "range", "std", "variance", "median", "majority", "count", {"percentile": 30.0}]
    for edges in ["shrink", "replicate"]:
        for statistic in names:
            yield statistic, {"square": 2}, numpy.ones((5, 5), bool), edges
            yield statistic, {"circle": 3.5}, disc(3.5), edges
        yield {"gaussian": 1.7}, {"square": 1}, None, edges
        weights = numpy.arange(1.0, 16.0).reshape(3, 5)
        kernel = {"rows": 3, "columns": 5, "weights": weights.ravel().tolist()}
        yield {"kernel": {"normalised": True}}, {"kernel": kernel}, weights, edges
    if full:
        yield "sobel", {"square": 1}, None, "replicate"
        yield "laplace", {"square": 1}, None, "replicate"


def focal(program, path, folder):
    values = run(program, path, "none", folder)
    if values.size > 40000:
        return
    for statistic, footprint, array, edges in focal_cases(not numpy.isnan(values).any()):
        options = {"statistic": statistic, "footprint": footprint, "edges": edges}
        got = run(program, path, {"focal": options}, folder)
        wanted = wanted_focal(values, statistic, array, edges)
        wanted = numpy.where(numpy.isnan(values), numpy.nan, wanted)
        scale = numpy.nanmax(numpy.abs(values)) if statistic in ("laplace", "sobel") else 1e-3
        tolerance = 1e-6 * numpy.maximum(numpy.abs(wanted), scale)
        yield f"{path.name} {json.dumps(options)[:100]}", differences(got, wanted, tolerance)


# Terrain.


class Gdal:
    """GDAL's `DEMProcessing` out of the copy that rasterio brings."""

    def __init__(self):
        folder = Path(rasterio.__file__).parent.parent
        names = sorted((folder / "rasterio.libs").glob("libgdal*"))
        self.library = ctypes.CDLL(str(names[0])) if names else None
        if self.library is None:
            return
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        for name, result, arguments in [
            ("GDALAllRegister", None, []),
            ("GDALOpenEx", pointer, [text, ctypes.c_uint, pointer, pointer, pointer]),
            ("GDALClose", ctypes.c_int, [pointer]),
            ("GDALDEMProcessingOptionsNew", pointer, [pointer, pointer]),
            ("GDALDEMProcessingOptionsFree", None, [pointer]),
            ("GDALDEMProcessing", pointer, [text, pointer, text, text, pointer, pointer]),
        ]:
            function = getattr(self.library, name)
            function.restype, function.argtypes = result, arguments
        self.library.GDALAllRegister()

    def process(self, path, mode, words, out):
        array = (ctypes.c_char_p * (len(words) + 1))(*[word.encode() for word in words], None)
        source = self.library.GDALOpenEx(str(path).encode(), 2, None, None, None)
        options = self.library.GDALDEMProcessingOptionsNew(ctypes.cast(array, ctypes.c_void_p), None)
        error = ctypes.c_int(0)
        made = self.library.GDALDEMProcessing(str(out).encode(), source, mode.encode(), None, options,
                                              ctypes.cast(ctypes.byref(error), ctypes.c_void_p))
        self.library.GDALDEMProcessingOptionsFree(options)
        if not made:
            sys.exit(f"GDAL made nothing of {path} {mode} {words}")
        self.library.GDALClose(made)
        self.library.GDALClose(source)
        with rasterio.open(out) as result:
            values = result.read(1).astype("float64")
            return numpy.where(result.read_masks(1) == 0, numpy.nan, values)


def terrain_cases():
    for edges, more in [("nodata", []), ("extrapolate", ["-compute_edges"])]:
        for kind, mode, words in [("slope", "slope", []), ("aspect", "aspect", []), ("hillshade", "hillshade", []),
                                  ("multidirectional", "hillshade", ["-multidirectional"])]:
            for method, word in [("horn", "Horn"), ("zevenbergen_thorne", "ZevenbergenThorne")]:
                yield dict(kind=kind, method=method, edges=edges), mode, words + ["-alg", word] + more
        percent = dict(kind="slope", units="percent", edges=edges)
        yield percent, "slope", ["-p"] + more
        light = dict(kind="hillshade", edges=edges, azimuth=70.0, altitude=20.0, z_factor=2.5)
        yield light, "hillshade", ["-az", "70", "-alt", "20", "-z", "2.5"] + more
        yield dict(kind="tri", edges=edges), "TRI", ["-alg", "Riley"] + more
        yield dict(kind="tpi", edges=edges), "TPI", more
        yield dict(kind="roughness", edges=edges), "roughness", more


def terrain(program, path, folder, gdal):
    with rasterio.open(path) as source:
        # GDAL takes a metre per unit where it knows no system; an aspect of its own knows nothing of oblong pixels.
        if source.crs is None or source.crs.is_geographic:
            return
        width, height = source.transform.a, -source.transform.e
        exact, top = source.dtypes[0] != "float32", numpy.abs(source.read(1, masked=True)).max()
    # What sums of heights in 32-bit floats may be off, as a slope.
    noise = 0.0 if exact else 8 * float(top) * 2.0**-24 / (8 * min(width, height)) * 2
    gradient = run(program, path, {"terrain": dict(kind="slope", units="percent", edges="extrapolate")}, folder) / 100
    for options, mode, words in terrain_cases():
        if options["kind"] == "aspect" and abs(width / height - 1) > 1e-9:
            continue
        got = run(program, path, {"terrain": options}, folder)
        wanted = gdal.process(path, mode, words, Path(folder) / "gdal.tif")
        what = f"{path.name} {' '.join(map(str, options.values()))}"
        if options["kind"] in ("hillshade", "multidirectional"):
            # One over the square root is an approximation there: halves may be rounded otherwise.
            apart = numpy.abs(got - wanted)
            few = numpy.nansum(apart) <= max(2, 2e-3 * apart.size)
            yield what, differences(got, wanted, 1.0 if few else 0.0)
        elif options["kind"] == "aspect":
            turn = numpy.abs(got - wanted)
            got = numpy.where(turn > 180, wanted + 360 - turn, got)
            flat = gradient <= 4 * noise
            got, wanted = numpy.where(flat, numpy.nan, got), numpy.where(flat, numpy.nan, wanted)
            yield what, differences(got, wanted, 1e-4 + numpy.degrees(2 * noise / numpy.maximum(gradient, noise + 1e-9)))
        else:
            scale = {"slope": 100.0, "tri": 8 * height, "tpi": 8 * height, "roughness": 8 * height}[options["kind"]]
            yield what, differences(got, wanted, 1e-5 * numpy.abs(wanted) + noise * scale + 1e-6)


def by_formula(program, path, folder):
    """Slopes on the ellipsoid, and curvature, which gdaldem has not."""
    values = run(program, path, "none", folder)
    if min(values.shape) < 3:
        return
    with rasterio.open(path) as source:
        wide, high = numpy.full(values.shape[0], source.transform.a), numpy.full(values.shape[0], -source.transform.e)
        if source.crs is not None and source.crs.is_geographic:
            geod = Geod(ellps="GRS80" if source.crs.to_epsg() == 4269 else "WGS84")
            latitudes = source.transform.f + source.transform.e * (numpy.arange(values.shape[0]) + 0.5)
            small = 1e-3
            wide *= [geod.inv(-small, latitude, small, latitude)[2] / (2 * small) for latitude in latitudes]
            high *= [geod.inv(0, latitude - small, 0, latitude + small)[2] / (2 * small) for latitude in latitudes]
    wide, high = wide[1:-1, None], high[1:-1, None]
    at = lambda row, column: values[row:values.shape[0] - 2 + row, column:values.shape[1] - 2 + column]
    east = (at(0, 2) + 2 * at(1, 2) + at(2, 2) - at(0, 0) - 2 * at(1, 0) - at(2, 0)) / (8 * wide)
    north = (at(0, 0) + 2 * at(0, 1) + at(0, 2) - at(2, 0) - 2 * at(2, 1) - at(2, 2)) / (8 * high)
    gap = sum(at(row, column) * 0 for row in range(3) for column in range(3))
    across = (at(1, 0) + at(1, 2)) / 2 - at(1, 1)
    down = (at(0, 1) + at(2, 1)) / 2 - at(1, 1)
    flat = (east == 0) & (north == 0)
    aspect = numpy.where(flat, numpy.nan, numpy.degrees(numpy.arctan2(-east, -north)) % 360)
    for kind, wanted in [("slope", numpy.degrees(numpy.arctan(numpy.hypot(east, north)))), ("aspect", aspect),
                         ("curvature", -200 * (across / wide**2 + down / high**2))]:
        wanted = numpy.pad(wanted + gap, 1, constant_values=numpy.nan)
        got = run(program, path, {"terrain": dict(kind=kind)}, folder)
        yield f"{path.name} {kind} by formula", differences(got, wanted, 1e-6 * numpy.maximum(numpy.abs(wanted), 1e-3))


def differences(got, wanted, tolerance):
    """What is wrong, or nothing."""
    if got.shape != wanted.shape:
        return f"shape {got.shape}, wanted {wanted.shape}"
    missing = numpy.isnan(got) != numpy.isnan(wanted)
    if missing.any():
        row, column = numpy.argwhere(missing)[0]
        return f"{missing.sum()} pixels differ in validity, the first at {row}, {column}: {got[row, column]}"
    apart = numpy.abs(got - wanted)
    wrong = apart > tolerance
    if wrong.any():
        row, column = numpy.unravel_index(numpy.nanargmax(numpy.where(wrong, apart, -1)), apart.shape)
        return f"{wrong.sum()} pixels differ, most at {row}, {column}: {got[row, column]}, wanted {wanted[row, column]}"
    return None


def main():
    program, corpus = sys.argv[1], Path(sys.argv[2])
    warnings.simplefilter("ignore")
    numpy.seterr(all="ignore")
    gdal = Gdal()
    compared = wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in inputs(folder, corpus):
            found = [focal(program, path, folder), by_formula(program, path, folder)]
            if gdal.library is not None:
                found.append(terrain(program, path, folder, gdal))
            for what, difference in (pair for pairs in found for pair in pairs):
                compared += 1
                if difference is not None:
                    wrong += 1
                    print(f"differs  {what}: {difference}", flush=True)
    if gdal.library is None:
        print("skipped  gdaldem: this rasterio brings no GDAL of its own")
    print(f"{compared} compared, {wrong} wrong")
    sys.exit(1 if wrong or not compared else 0)


if __name__ == "__main__":
    main()
