"""What `warp_mosaic.py` makes of corpus files: blocks of pixels with what NumPy says of them, and pieces to join."""

from pathlib import Path

import numpy
import rasterio
import rasterio.windows


def blocks(plane, factor):
    """The pixels under each pixel that is `factor` times as wide and high, in order of rows and columns."""
    rows, columns = (size // factor for size in plane.shape)
    plane = plane[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    return plane.transpose(0, 2, 1, 3).reshape(rows, columns, factor * factor)


def wanted_mode(data, mask):
    """The value that most pixels of a block have, of equal ones the first."""
    counts = numpy.zeros(data.shape, dtype="int32")
    for other in range(data.shape[-1]):
        counts += (data == data[..., other : other + 1]) & mask[..., other : other + 1]
    first = numpy.argmax(numpy.where(mask, counts, -1), axis=-1)
    return numpy.take_along_axis(data, first[..., None], axis=-1)[..., 0]


def wanted_rank(data, mask, share):
    """Number ⌈n · share⌉ in order of the n pixels of a block that have a value; the least where `share` is 0."""
    data = numpy.sort(numpy.where(mask, data.astype("float64"), numpy.inf), axis=-1)
    place = numpy.maximum(numpy.ceil(mask.sum(axis=-1) * share).astype(int), 1) - 1
    return numpy.take_along_axis(data, place[..., None], axis=-1)[..., 0]


def cut(path, folder):
    """Three pieces of a raster that overlap, the second with other values, the third beyond a gap."""
    pieces = []
    with rasterio.open(path) as source:
        rows, columns = source.shape
        parts = [
            ((0, 2 * rows // 3), (0, 2 * columns // 3)),
            ((rows // 3, 4 * rows // 5), (columns // 2, columns)),
            ((9 * rows // 10, rows), (0, columns // 4)),
        ]
        for number, ((top, bottom), (left, right)) in enumerate(parts):
            window = rasterio.windows.Window(left, top, right - left, bottom - top)
            data, mask = source.read(window=window), source.read_masks(window=window) != 0
            if number == 1:
                data = (data[mask].max() - data // 2).astype(data.dtype)
            # The gap of `co_elevation_roi.tif` is no 32-bit float, which rasterio.merge takes amiss.
            gap = source.nodata if source.nodata is None or data.dtype.kind != "f" else -9999.0
            data = data if gap is None else numpy.where(mask, data, data.dtype.type(gap))
            pieces.append(Path(folder) / f"{Path(path).stem}_{number}.tif")
            place = {"width": right - left, "height": bottom - top, "transform": source.window_transform(window)}
            profile = {"driver": "GTiff", "dtype": data.dtype, "count": source.count, "crs": source.crs}
            with rasterio.open(pieces[-1], "w", nodata=gap, **profile, **place) as out:
                out.write(data)
    return [str(piece) for piece in pieces]
