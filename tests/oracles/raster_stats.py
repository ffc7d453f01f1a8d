"""Holds `swath raster stats` against NumPy over what rasterio reads of every TIFF of the corpus, and over made ones.

    python raster_stats.py SWATH CORPUS

Counts, extremes, histograms and different values must be equal; sums, means and deviations within 1e-9 for integers and
1e-6 for floats, percentiles within 1e-6. NumPy works on 64-bit floats; sums of integers are those of Python. Files that
JPEG packs are left out, since codecs round otherwise; so are those that rasterio refuses, or swath by intention.
"""

import json
import math
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy
import rasterio
from geotiff_read import KNOWN, REFUSED, generate, of_corpus, wanted_validity
from swath_runs import Bench, Findings

PERCENTS = [0, 2, 33.3, 50, 98, 100]
BINS = 17
UNIQUES = 300


def number(value):
    """A number as the result writes it."""
    return float(value) if isinstance(value, str) else value


def near(got, wanted, tolerance):
    got = number(got)
    if wanted is None or got is None:
        return got is wanted
    if math.isnan(wanted) or math.isinf(wanted):
        return repr(float(got)) == repr(float(wanted))
    return abs(got - wanted) <= tolerance * max(abs(wanted), 1e-300)


def check_band(findings, what, got, values, valid):
    chosen = values[valid]
    whole = chosen.dtype.kind in "iu"
    floats = chosen.astype("float64")
    finite = floats[numpy.isfinite(floats)]
    tolerance = 1e-9 if whole else 1e-6
    findings.expect(f"{what} counts", (got["count"], got["valid"], got["nodata"]),
                    (values.size, chosen.size, values.size - chosen.size))
    if chosen.size == 0:
        findings.expect(f"{what} of nothing", [got[name] for name in ("min", "max", "mean", "std")], [None] * 4)
        return
    least, greatest = (chosen.min().item(), chosen.max().item())
    findings.expect(f"{what} extremes", (number(got["min"]), number(got["max"])), (least, greatest))
    total = sum(map(int, chosen.tolist())) if whole else math.fsum(finite)
    if finite.size < floats.size:
        total = float(floats.sum())
    with numpy.errstate(all="ignore"):
        mean = total / chosen.size
        std = float(floats.std()) if whole or finite.size < floats.size else float(numpy.sqrt(((floats - mean) ** 2).mean()))
        wanted = numpy.percentile(floats, PERCENTS)
    findings.expect(f"{what} sum {got['sum']} {total}", near(got["sum"], total, tolerance), True)
    findings.expect(f"{what} mean {got['mean']} {mean}", near(got["mean"], mean, tolerance), True)
    spread = near(got["std"], std, tolerance) or abs(number(got["std"]) - std) <= 1e-12 * numpy.abs(floats).max()
    findings.expect(f"{what} std {got['std']} {std}", bool(spread), True)
    percentiles = [each["value"] for each in got["percentiles"]]
    # Between infinities NumPy finds none, where there is one.
    pairs = [(one, float(two)) for one, two in zip(percentiles, wanted, strict=True) if not numpy.isnan(two)]
    close = all(near(one, two, 1e-6) for one, two in pairs)
    findings.expect(f"{what} percentiles {percentiles} {wanted}", close, True)
    if finite.size:
        counts, edges = numpy.histogram(finite, BINS)
        findings.expect(f"{what} histogram", got["histogram"]["counts"], counts.tolist())
        findings.expect(f"{what} edges", numpy.allclose(got["histogram"]["edges"], edges, rtol=1e-12, atol=0), True)
    different, times = numpy.unique(chosen, return_counts=True)
    uniques = got["uniques"]
    findings.expect(f"{what} many values", uniques["exceeded"], len(different) > UNIQUES)
    if len(different) <= UNIQUES:
        pairs = [(number(each["value"]), each["count"]) for each in uniques["values"]]
        findings.expect(f"{what} values", pairs, list(zip(different.tolist(), times.tolist(), strict=True)))


def statistics(bench, path):
    """What swath makes of a raster, or the error."""
    words = ["raster", "stats", path, "--percentiles", ",".join(map(str, PERCENTS)), f"--histogram={BINS}"]
    words += [f"--uniques={UNIQUES}", "-m", "256MB", "--json"]
    done = subprocess.run([bench.program, *map(str, words)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return (json.loads(done.stdout)["statistics"][0], "") if done.returncode == 0 else (None, done.stdout + done.stderr)


def check(findings, bench, path, name):
    try:
        source = rasterio.open(path)
        values = source.read()
    except Exception:
        return
    with source:
        if source.compression is not None and source.compression.name.lower().startswith(("jpeg", "ycbcr")):
            return
        got, error = statistics(bench, path)
        if got is None:
            findings.expect(f"{name} is read: {error}", REFUSED.get(path.name, "nothing") in error, True)
            return
        if path.name in KNOWN:
            return
        valid = wanted_validity(source, values)
    findings.expect(f"{name} bands", len(got["bands"]), len(values))
    for band, of_band in enumerate(got["bands"]):
        check_band(findings, f"{name} band {band + 1}", of_band, values[band], valid[band])


def made(bench):
    """Rasters in which sums are hard."""
    random = numpy.random.default_rng(11)
    far = 8e5 + random.normal(0, 0.5, (700, 900))
    some = random.normal(0, 1e-3, (300, 2100))
    infinite = some.astype("float32").copy()
    infinite[5, 7:9] = numpy.inf
    cases = {
        "far.tif": far, "far32.tif": far.astype("float32"), "steps.tif": (random.random((600, 700)) * 9).astype("uint8"),
        "wide.tif": random.integers(-(2**62), 2**62, (300, 400)), "infinite.tif": infinite,
        "wild.tif": some * 10.0 ** random.integers(-90, 90, some.shape),
        "wide32.tif": random.integers(0, 2**32, (900, 700), dtype="uint32"),
    }
    for name, values in cases.items():
        path = bench.folder / name
        options = dict(tiled=True, blockxsize=256, blockysize=128) if "wi" in name else dict(blockysize=3)
        with rasterio.open(path, "w", driver="GTiff", count=1, height=values.shape[0], width=values.shape[1],
                           dtype=values.dtype, compress="deflate", **options) as target:
            target.write(values, 1)
        yield path


def main():
    bench, findings, corpus = Bench(sys.argv[1]), Findings(), Path(sys.argv[2])
    warnings.simplefilter("ignore")
    os.environ["GDAL_PAM_ENABLED"] = "NO"
    with rasterio.Env(GDAL_PAM_ENABLED="NO"):
        for path, name in of_corpus(corpus):
            check(findings, bench, path, name)
        for path in made(bench):
            check(findings, bench, path, path.name)
        for number, path in enumerate(generate(bench.folder)):
            # They come in many packings, which are another oracle's affair.
            if number % 7 == 0 or not path.name[0] in "uif":
                check(findings, bench, path, path.name)
    findings.close()


main()
