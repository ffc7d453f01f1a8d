"""Holds what the reader of GeoTIFF makes of every TIFF of the corpus against rasterio.

    python geotiff_read.py GEOTIFF_DUMP CORPUS

GEOTIFF_DUMP is the example of that name of `swath-formats`. Shape, type, nodata, transform, EPSG code, the masks and
all pixels must be equal, pixels of JPEG within 2 (one in 200 may differ by 5: codecs round otherwise; those of
rasterio 1.4 and 1.5 differ from each other by up to 20 and by 0.3 on average where colours are YCbCr, and 1.4 from
swath by 0.6 in small overviews, so with 1.4 these may differ by 24, and by 0.75 on average). What rasterio reads and
swath does not must be refused with a hint, and stand in the list below.
"""

import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy
import rasterio
from rasterio.enums import ColorInterp, MaskFlags

# What is refused on purpose, and the word that its message must have.
REFUSED = {
    "fax4.tiff": "CCITT",
    "ojpeg_chewey_subsamp21_multi_strip.tiff": "old-style JPEG",
    "ojpeg_single_strip_no_rowsperstrip.tiff": "old-style JPEG",
}
# What libtiff is known to read otherwise, and why that is so.
KNOWN = {"tiled-cmyk-i8.tif": "GDAL turns inks into colours, which is not the reader's affair"}


def of_corpus(corpus):
    """The TIFFs of the corpus in order, each with its name there."""
    found = sorted(path for path in (corpus / "raster").rglob("*") if path.suffix in {".tif", ".tiff"})
    return [(path, str(path.relative_to(corpus))) for path in found]


def dump(program, path, level, folder):
    pixels = Path(folder) / "pixels"
    words = [program, str(path), str(level), str(pixels)]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=300)
    if ran.returncode != 0:
        return None, None, None, ran
    facts = json.loads(ran.stdout)
    shape = (len(facts["bands"]), facts["height"], facts["width"])
    count = int(numpy.prod(shape))
    values = numpy.fromfile(pixels, dtype=facts["dtype"], count=count).reshape(shape)
    validity = numpy.fromfile(pixels, dtype="uint8", offset=values.nbytes, count=count).reshape(shape)
    return facts, values, validity, ran


def wanted_validity(source, values):
    """The masks of rasterio, but NaN is never a value, and opacity says it of all bands, whatever their number and type."""
    opacity = [band for band in range(source.count) if source.colorinterp[band] == ColorInterp.alpha]
    planes = []
    for band in range(source.count):
        plane = source.read_masks(band + 1) != 0
        if MaskFlags.all_valid in source.mask_flag_enums[band] and opacity:
            plane &= values[opacity[-1]] != 0
        if values.dtype.kind == "f":
            plane &= ~numpy.isnan(values[band])
        planes.append(plane)
    return numpy.array(planes)


def close(values, wanted, photometric):
    """Whether pixels of JPEG are as good as equal."""
    apart = numpy.abs(values.astype(int) - wanted.astype(int))
    if rasterio.__version__.startswith("1.4.") and photometric == "ycbcr":
        return apart.max() <= 24 and apart.mean() <= 0.75
    return apart.max() <= 5 and numpy.count_nonzero(apart > 2) <= max(4, apart.size / 200)


def same_number(one, other):
    return one == other or (one != one and other != other)


def differences(source, facts, values, validity):
    """Compares one level; yields what differs."""
    wanted = source.read()
    dtype = {"float16": "float32"}.get(source.dtypes[0], source.dtypes[0])
    if facts["dtype"] != dtype:
        yield f"type {facts['dtype']}, wanted {dtype}"
        return
    if values.shape != wanted.shape:
        yield f"shape {values.shape}, wanted {wanted.shape}"
        return
    if facts["compression"] == "jpeg":
        if not close(values, wanted, source.profile.get("photometric")):
            yield f"pixels differ by up to {numpy.abs(values.astype(int) - wanted.astype(int)).max()}"
    elif not numpy.array_equal(values, wanted.astype(dtype), equal_nan=values.dtype.kind == "f"):
        yield f"{numpy.count_nonzero(values != wanted)} of {values.size} pixels differ"
    expected = wanted_validity(source, values)
    if not numpy.array_equal(validity != 0, expected):
        yield f"{numpy.count_nonzero((validity != 0) != expected)} pixels differ in validity"
    nodata = None if facts["nodata"] is None else float(facts["nodata"])
    if not same_number(nodata, source.nodata):
        fits = source.nodata is not None and numpy.array(source.nodata).astype(dtype) == source.nodata
        if nodata is not None or fits:
            yield f"nodata {nodata}, wanted {source.nodata}"
    identity = source.transform.is_identity
    transform = facts["transform"]
    if transform is None and not identity:
        yield f"no transform, wanted {tuple(source.transform)[:6]}"
    elif transform is not None and not numpy.allclose(transform, tuple(source.transform)[:6], rtol=1e-12, atol=1e-9):
        yield f"transform {transform}, wanted {tuple(source.transform)[:6]}"
    yield from system_differences(source, facts)
    meta = [(band["description"], band["scale"] or 1.0, band["offset"] or 0.0, band["units"]) for band in facts["bands"]]
    expected = list(zip(source.descriptions, source.scales, source.offsets, source.units))
    if meta != expected:
        yield f"bands {meta}, wanted {expected}"


def system_differences(source, facts):
    if source.crs is not None and facts["crs"] is None:
        # Better none than a wrong one, as long as it is said. What PROJ knows by a code must be known here.
        if not facts["warnings"] or source.crs.to_epsg() is not None:
            yield f"no system and no warning, wanted {source.crs.to_string()[:80]}"
        return
    if source.crs is None:
        if facts["crs"] is not None:
            yield f"system {facts['crs']}, wanted none"
        return
    wanted = source.crs.to_epsg()
    if wanted is not None and wanted == facts["epsg"]:
        return
    if facts["projjson"] is not None:
        # A definition of its own: the same system by PROJ's judgement is enough.
        ours = rasterio.crs.CRS.from_user_input(json.dumps(facts["projjson"]))
        if wanted is not None and ours.to_epsg() == wanted or ours == source.crs or same_places(ours, source):
            return
    yield f"system {facts['epsg']} ({facts['crs']}), wanted {wanted} ({source.crs.to_string()[:60]})"


def same_places(ours, source):
    """Whether the corners of the grid are the same points in both systems, to a millimetre or its share of a degree."""
    from rasterio.warp import transform

    window = source.bounds
    xs, ys = [window.left, window.right, window.left], [window.top, window.bottom, window.bottom]
    try:
        there = numpy.array(transform(source.crs, ours, xs, ys))
    except Exception as error:
        print(f"no way between the systems of {source.name}: {error}")
        return False
    scale = 1e-3 if source.crs.is_projected else 1e-8
    return bool(numpy.abs(there - numpy.array([xs, ys])).max() <= scale)


def check(program, path, folder):
    """Answers a verdict and a line."""
    facts, values, validity, ran = dump(program, path, 0, folder)
    if facts is None:
        message = ran.stderr.strip().replace("\n", " | ")
        if ran.returncode not in (4, 5) or "panicked" in ran.stderr:
            return "differs", f"exit code {ran.returncode}: {message}"
    try:
        source = rasterio.open(path)
        source.read(1, window=((0, 1), (0, 1)))
    except Exception as error:
        if facts is None:
            return "refused", f"{message} (rasterio too)"
        return "more", f"rasterio refuses it: {error}"
    with source:
        if facts is None:
            known = next((word for name, word in REFUSED.items() if path.name == name), None)
            verdict = "refused" if known is not None and known in message else "differs"
            try:
                source.read()
            except Exception:
                verdict = "refused"
            return verdict, message
        try:
            found = list(differences(source, facts, values, validity))
        except rasterio.errors.RasterioIOError as error:
            return "more", f"rasterio refuses it: {error}"
        overviews, photometric = source.overviews(1), source.profile.get("photometric")
    if len(overviews) > len(facts["overviews"]):
        found.append(f"{len(facts['overviews'])} overviews, wanted {overviews}")
    shapes = facts["overviews"]
    for level in range(min(len(overviews), len(shapes))):
        with rasterio.open(path, overview_level=level) as source:
            if [source.height, source.width] not in shapes:
                found.append(f"overview {level} is missing")
                continue
            own = shapes.index([source.height, source.width]) + 1
            facts, values, validity, ran = dump(program, path, own, folder)
            if facts is None:
                found.append(f"overview {level}: {ran.stderr}")
                continue
            wanted = source.read()
            same = numpy.array_equal(values, wanted, equal_nan=values.dtype.kind == "f")
            is_jpeg = facts["compression"] == "jpeg" and values.shape == wanted.shape
            if not same and not (is_jpeg and close(values, wanted, photometric)):
                found.append(f"overview {level} differs")
            elif not numpy.array_equal(validity != 0, wanted_validity(source, values)):
                found.append(f"overview {level} differs in validity")
    if not found:
        return "ok", f"{facts['compression']} {facts['dtype']}, {len(overviews)} overviews"
    if path.name in KNOWN:
        return "known", f"{KNOWN[path.name]}: {'; '.join(found)}"
    if all(line.startswith("system") for line in found) and "esri" in path.name:
        return "known", f"PROJ does not know the names of WKT 1 that swath-crs writes into PROJJSON: {found[0]}"
    return "differs", "; ".join(found)


def pixels(dtype, bands, rows, columns):
    """Smooth, with noise in the last digits, so that every packing has something to do."""
    random = numpy.random.default_rng(7)
    row, column = numpy.mgrid[0:rows, 0:columns]
    planes = []
    for band in range(bands):
        plane = 100 + 40 * numpy.sin(row / 40 + band) + 30 * numpy.cos(column / 25) + random.random((rows, columns))
        planes.append(plane)
    values = numpy.array(planes)
    if numpy.dtype(dtype).kind == "f":
        return (values * 1.001).astype(dtype)
    if numpy.dtype(dtype).kind == "i":
        values = values - 110
    return values.astype(dtype) * (1 if numpy.dtype(dtype).itemsize == 1 else 37)


def cases():
    """Names, data and options of creation."""
    tiled = dict(tiled=True, blockxsize=64, blockysize=48)
    types = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]
    layouts = [("tiles", tiled), ("strips", dict(blockysize=7)), ("strip", dict(blockysize=150))]
    for dtype in types:
        predictors = [1, 2, 3] if dtype.startswith("float") else [1, 2]
        for packing in ["none", "deflate", "lzw", "zstd", "packbits"]:
            for predictor in predictors if packing in ("deflate", "lzw", "zstd") else [1]:
                for bands, interleave in [(1, "pixel"), (3, "pixel"), (3, "band"), (5, "pixel")]:
                    for order in ["LITTLE", "BIG"]:
                        layout, options = layouts[(bands + predictor + len(dtype)) % 3]
                        name = f"{dtype}-{packing}-{predictor}-{bands}{interleave}-{layout}-{order.lower()}"
                        extra = dict(predictor=predictor) if predictor > 1 else {}
                        yield name, pixels(dtype, bands, 150, 130), dict(
                            options, compress=packing, interleave=interleave, endianness=order, **extra)
    for dtype in ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]:
        for packing in ["lerc", "lerc_deflate", "lerc_zstd"]:
            for bands, interleave in [(1, "pixel"), (3, "pixel"), (3, "band")]:
                for error in [0, 0.5]:
                    name = f"{dtype}-{packing}-{bands}{interleave}-{error}"
                    options = dict(tiled, compress=packing, interleave=interleave, max_z_error=error)
                    yield name, pixels(dtype, bands, 150, 130), options
    for bits in [1, 2, 4, 7, 9, 12, 15]:
        dtype = "uint8" if bits <= 8 else "uint16"
        for packing in ["none", "deflate"]:
            data = (pixels("uint16", 3, 150, 130) % (1 << bits)).astype(dtype)
            for layout, options in layouts[:2]:
                yield f"bits-{bits}-{packing}-{layout}", data, dict(options, compress=packing, nbits=bits)
    half = pixels("float32", 1, 150, 130)
    yield "bits-16-float", half.astype("float16").astype("float32"), dict(tiled, nbits=16, compress="deflate", predictor=3)
    holes = pixels("float32", 2, 150, 130)
    holes[:, 20:90, 30:110] = numpy.nan
    yield "holes-nan", holes, dict(tiled, compress="deflate", nodata=numpy.nan)
    yield "holes-nan-lerc", holes, dict(tiled, compress="lerc")
    yield "holes-nan-lerc-band", holes, dict(tiled, compress="lerc_zstd", interleave="band")
    yield "holes-nan-no-nodata", holes, dict(tiled, compress="zstd")
    filled = numpy.where(numpy.isnan(holes), -3.4e38, holes).astype("float32")
    yield "holes-float", filled, dict(tiled, compress="lzw", nodata=-3.4e38)
    whole = pixels("int16", 1, 150, 130)
    whole[:, 40:, 60:] = -9999
    yield "holes-int16", whole, dict(tiled, compress="deflate", predictor=2, nodata=-9999)
    yield "nodata-beyond", pixels("uint8", 1, 150, 130), dict(tiled, nodata=None)
    yield "sparse", numpy.where(numpy.arange(130) < 60, whole, 0).astype("int16"), dict(tiled, sparse_ok=True)
    yield "sparse-nodata", numpy.where(numpy.arange(130) < 60, whole, -9999).astype("int16"), dict(
        tiled, sparse_ok=True, nodata=-9999, compress="zstd")
    color = pixels("uint8", 3, 150, 130)
    color[:, 30:40] = color[:, 60:70, ::-1]
    for quality in [60, 95]:
        for photometric in ["ycbcr", "rgb"]:
            size = dict(tiled=True, blockxsize=64, blockysize=64)
            yield f"jpeg-{photometric}-{quality}", color, dict(size, compress="jpeg", photometric=photometric,
                                                               jpeg_quality=quality)
            yield f"jpeg-{photometric}-{quality}-strips", color, dict(blockysize=16, compress="jpeg",
                                                                      photometric=photometric, jpeg_quality=quality)
    yield "jpeg-gray", color[:1], dict(tiled, blockysize=64, compress="jpeg")
    yield "jpeg-band", color, dict(tiled, blockysize=64, compress="jpeg", interleave="band")
    yield "big", whole, dict(tiled, bigtiff="YES", compress="deflate")
    yield "alpha", pixels("uint8", 4, 150, 130), dict(tiled, photometric="rgb", alpha="yes")


PLACES = [
    (32633, rasterio.Affine(10, 0, 500000, 0, -10, 5400000)),
    (4326, rasterio.Affine(0.01, 0, 14, 0, -0.01, 51)),
    (3857, rasterio.Affine(30, 2, 1000000, 3, -30, 6000000)),
]
SYSTEMS = [
    "+proj=lcc +lat_0=46.5 +lon_0=3 +lat_1=49 +lat_2=44 +x_0=700000 +y_0=6600000 +ellps=GRS80 +units=m",
    "+proj=lcc +lat_0=40 +lat_1=40 +lon_0=-90 +k_0=0.9999 +x_0=1000 +y_0=2000 +datum=WGS84 +units=m",
    "+proj=aea +lat_0=23 +lon_0=-96 +lat_1=29.5 +lat_2=45.5 +x_0=12 +y_0=34 +datum=NAD83 +units=m",
    "+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80 +units=m",
    "+proj=stere +lat_0=90 +lat_ts=71 +lon_0=-39 +x_0=5 +y_0=6 +datum=WGS84 +units=m",
    "+proj=stere +lat_0=-90 +lon_0=10 +k_0=0.994 +x_0=2000000 +y_0=2000000 +datum=WGS84 +units=m",
    "+proj=merc +lon_0=20 +lat_ts=41 +x_0=7 +y_0=8 +datum=WGS84 +units=m",
    "+proj=tmerc +lat_0=1 +lon_0=9.5 +k=0.9996 +x_0=500000 +y_0=3 +datum=WGS84 +units=us-ft",
    "+proj=utm +zone=33 +ellps=intl +units=m",
    "+proj=sterea +lat_0=52 +lon_0=5 +k=0.9999 +x_0=155000 +y_0=463000 +ellps=bessel +units=m",
    "+proj=omerc +lat_0=46.95 +lonc=7.44 +alpha=90 +gamma=90 +k=1 +x_0=600000 +y_0=200000 +ellps=bessel +units=m",
    "+proj=cass +lat_0=10.4 +lon_0=-61.3 +x_0=86501 +y_0=65379 +ellps=clrk66 +units=m",
    "+proj=longlat +ellps=intl",
    "+proj=longlat +a=6370000 +b=6370000",
    "+proj=robin +lon_0=0 +datum=WGS84 +units=m",
]


def write(path, data, options, system=None, place=None):
    options = {key: value for key, value in options.items() if value is not None}
    options.setdefault("nodata", None)
    code, affine = place or PLACES[len(path.name) % len(PLACES)]
    profile = dict(driver="GTiff", count=data.shape[0], height=data.shape[1], width=data.shape[2], dtype=data.dtype,
                   crs=system or f"EPSG:{code}", transform=affine, **options)
    with rasterio.open(path, "w", **profile) as target:
        target.write(data)


def generate(folder):
    """Files of every kind that GDAL writes and that is read here; those that it does not write are left out."""
    folder = Path(folder)
    for name, data, options in cases():
        path = folder / f"{name}.tif"
        try:
            write(path, data, options)
        except Exception as error:
            print(f"skipped  {name}: {error}")
            continue
        yield path
    small = pixels("uint8", 2, 40, 30)
    for number, system in enumerate(SYSTEMS):
        for flavour in ["STANDARD", "ESRI_PE"]:
            path = folder / f"system-{number}-{flavour.lower()}.tif"
            place = (0, rasterio.Affine(0.1, 0, 10, 0, -0.1, 40)) if "longlat" in system else (
                0, rasterio.Affine(25, 0, 480000, 0, -25, 250000))
            try:
                write(path, small, dict(geotiff_keys_flavor=flavour), system, place)
            except Exception as error:
                print(f"skipped  {path.name}: {error}")
                continue
            yield path
    yield from special(folder)


def special(folder):
    """Masks, overviews, metadata, points, world files."""
    data = pixels("uint16", 2, 150, 130)
    mask = numpy.full((150, 130), True)
    mask[30:60, 20:100] = False
    for name, inside in [("mask-inside", True), ("mask-beside", False)]:
        path = folder / f"{name}.tif"
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside):
            write(path, data, dict(tiled=True, blockxsize=64, blockysize=64, compress="deflate"))
            with rasterio.open(path, "r+") as target:
                target.write_mask(mask)
                target.build_overviews([2, 4])
        yield path
    path = folder / "overviews-beside.tif"
    write(path, data, dict(tiled=True, blockxsize=64, blockysize=64))
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(path, "r+") as target:
        target.build_overviews([2, 4])
    yield path
    path = folder / "metadata.tif"
    write(path, data, {})
    with rasterio.open(path, "r+") as target:
        target.scales, target.offsets = (0.1, 2.0), (-5.0, 0.0)
        target.units, target.descriptions = ("m", "a<b"), ("height & depth", "zwei")
        target.update_tags(AREA_OR_POINT="Point", OTHER="x > y")
        target.update_tags(1, NAME="band")
    yield path
    path = folder / "world.tif"
    with rasterio.open(path, "w", driver="GTiff", count=1, height=9, width=8, dtype="uint8") as target:
        target.write(pixels("uint8", 1, 9, 8))
    (folder / "world.tfw").write_text("10\n0.5\n0.25\n-10\n500005\n5399995\n")
    yield path
    path = folder / "cog.tif"
    write(folder / "cog-source.tif", pixels("uint8", 3, 700, 600), dict(tiled=True, blockxsize=256, blockysize=256))
    from rasterio.shutil import copy

    copy(folder / "cog-source.tif", path, driver="COG", blocksize=256, compress="ZSTD", predictor="YES")
    yield path


def main():
    program, corpus = sys.argv[1], Path(sys.argv[2])
    warnings.simplefilter("ignore")
    os.environ["GDAL_PAM_ENABLED"] = "NO"
    folders = [corpus / "raster", corpus / "malformed" / "tiff", corpus / "malformed" / "tiff_fuzz"]
    names = {".tif", ".tiff", ".bin"}
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in names)
    counts = {}
    with tempfile.TemporaryDirectory() as folder, rasterio.Env(GDAL_PAM_ENABLED="NO"):
        for path in paths:
            verdict, line = check(program, path, folder)
            counts[verdict] = counts.get(verdict, 0) + 1
            print(f"{verdict:8} {path.relative_to(corpus)}: {line}", flush=True)
        for path in generate(folder):
            verdict, line = check(program, path, folder)
            counts[verdict] = counts.get(verdict, 0) + 1
            if verdict != "ok":
                print(f"{verdict:8} generated {path.name}: {line}", flush=True)
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    if not paths:
        sys.exit("no TIFF was found")
    sys.exit(1 if counts.get("differs") else 0)


if __name__ == "__main__":
    main()
