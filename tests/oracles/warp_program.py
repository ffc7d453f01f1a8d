"""What `warp_mosaic.py` holds of the program itself, as users run it: warps with the accuracy that nothing is said of, and
mosaics by mean and of rasters in several systems."""

import subprocess
from pathlib import Path

import numpy
import rasterio
import rasterio.windows
from rasterio.enums import Resampling
from rasterio.warp import calculate_default_transform, reproject

# No value, in what is moved.
GAP = -9999


def run(program, words, output):
    """Values and validity of all bands that the program writes, or what it says."""
    words = [program, "raster", *map(str, words), "-o", output, "--overwrite", "-q", "-j", "1", "-m", "700MB"]
    ran = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL)
    if ran.returncode != 0:
        return None, None, f"{' '.join(map(str, words))}: {ran.stderr.strip()}".replace("\n", " | ")
    with rasterio.open(output) as made:
        values, validity = made.read(), made.read_masks() != 0
    return values, validity, ""


def grid_of(folder, name, system, transform, shape):
    """A raster that has a grid and nothing else, for `--like`."""
    path = Path(folder) / f"{name}.tif"
    rows, columns = shape
    with rasterio.open(path, "w", driver="GTiff", dtype="uint8", count=1, width=columns, height=rows, crs=system,
                       transform=transform, sparse_ok=True):
        pass
    return path


def warped(program, path, like, bands, method, folder):
    """A warp onto the grid of a raster, with the accuracy that is usual."""
    words = ["warp", path, "--like", like, "-r", method, "--ovr", "none"]
    return run(program, words + [f"-b{band + 1}" for band in range(bands)], Path(folder) / f"warped_{method}.tif")


def check_means(program, paths, folder):
    """The mean of pieces of one grid, which are rasters with a nodata value or none; see `warp_pieces.cut`."""
    sources = [rasterio.open(path) for path in paths]
    size = sources[0].res
    left, top = min(source.bounds.left for source in sources), max(source.bounds.top for source in sources)
    columns = round((max(source.bounds.right for source in sources) - left) / size[0])
    rows = round((top - min(source.bounds.bottom for source in sources)) / size[1])
    total, counts = (numpy.zeros((sources[0].count, rows, columns)) for _ in range(2))
    for source in sources:
        column, row = round((source.bounds.left - left) / size[0]), round((top - source.bounds.top) / size[1])
        data, mask = source.read().astype("float64"), source.read_masks() != 0
        mask &= ~numpy.isnan(data)
        place = (slice(None), slice(row, row + source.height), slice(column, column + source.width))
        total[place] += numpy.where(mask, data, 0)
        counts[place] += mask
        source.close()
    values, validity, error = run(program, ["mosaic", *paths, "--method", "mean"], Path(folder) / "mean.tif")
    if values is None:
        return [error]
    if values.shape != total.shape:
        return [f"shape {values.shape}, wanted {total.shape}"]
    there = counts > 0
    with numpy.errstate(all="ignore"):
        wanted = numpy.where(there, total / counts, 0)
    near = numpy.isclose(values.astype("float64"), wanted, rtol=1e-6, atol=1e-9)
    off = numpy.count_nonzero((validity != there) | (there & ~near))
    return [f"{off} of {there.size} means differ from those of NumPy"] if off else []


def moved(path, system, folder):
    """A raster in another system; only what GDAL makes of it here is compared from then on."""
    output = Path(folder) / f"{Path(path).stem}_moved.tif"
    with rasterio.open(path) as source:
        transform, width, height = calculate_default_transform(
            source.crs, system, source.width, source.height, *source.bounds
        )
        data = numpy.full((source.count, height, width), GAP, dtype="float32")
        reproject(source.read().astype("float32"), data, src_transform=source.transform, src_crs=source.crs,
                  src_nodata=source.nodata, dst_transform=transform, dst_crs=system, dst_nodata=GAP,
                  resampling=Resampling.bilinear)
        profile = {"driver": "GTiff", "dtype": "float32", "count": source.count, "nodata": GAP}
        with rasterio.open(output, "w", width=width, height=height, crs=system, transform=transform, **profile) as out:
            out.write(data)
    return str(output)


def joined(method, values, valid):
    """What NumPy makes of warped rasters."""
    values, valid = numpy.array(values), numpy.array(valid)
    if method in ("first", "last"):
        order = valid if method == "first" else valid[::-1]
        chosen = order.argmax(axis=0)
        chosen = chosen if method == "first" else len(valid) - 1 - chosen
        return numpy.take_along_axis(values, chosen[None], axis=0)[0]
    if method == "max":
        return numpy.where(valid, values, -numpy.inf).max(axis=0)
    with numpy.errstate(all="ignore"):
        return numpy.where(valid, values, 0).sum(axis=0) / valid.sum(axis=0)


def check_mixed(program, paths, system, method, warp, eroded, folder):
    """Floats in several systems, brought to one by bilinear weights. `warp` answers what GDAL makes of an open raster;
    where an input ends nearby, or another begins, a pixel more or less says nothing, so that only pixels away from the
    edges of all inputs are compared. The grid goes beyond the first input on all sides and is finer than all of them:
    GDAL takes what is coarse here for fine, since it counts the pixels without a place in the input, too."""
    with rasterio.open(paths[0]) as source:
        transform, width, height = calculate_default_transform(
            source.crs, system, source.width, source.height, *source.bounds
        )
    transform *= rasterio.Affine.translation(-0.1 * width, -0.1 * height) * rasterio.Affine.scale(0.6)
    shape = (round(1.2 * height / 0.6), round(1.2 * width / 0.6))
    like = grid_of(folder, f"like_{method}", system, transform, shape)
    words = ["mosaic", *paths, "--like", like, "-r", "bilinear", "--method", method]
    values, validity, error = run(program, words, Path(folder) / "mixed.tif")
    if values is None:
        return [error]
    each, valid = [], []
    for path in paths:
        with rasterio.open(path) as source:
            data, mask = warp(source, system, transform, shape)
        each.append(data)
        valid.append(mask)
    there = numpy.any(valid, axis=0)
    problems = []
    off = numpy.count_nonzero(validity != there)
    if off > 0.001 * there.size:
        problems.append(f"validity differs on {off} of {there.size} pixels")
    settled = numpy.array([[eroded(plane, 4) | eroded(~plane, 4) for plane in planes] for planes in valid]).all(axis=0)
    inner = settled & there & validity
    wanted = joined(method, each, valid)[inner]
    apart = numpy.abs(wanted - values[inner])
    limit = 0.001 * (wanted.max() - wanted.min())
    off = numpy.count_nonzero(apart > limit)
    if off > 0.001 * apart.size:
        problems.append(f"{off} of {apart.size} values differ by more than {limit:.3g} (at most {apart.max():.3g})")
    return problems
