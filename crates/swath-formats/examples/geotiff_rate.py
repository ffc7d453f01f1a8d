"""How many MB of pixels one core decodes per second of its time, here and by rasterio (GDAL), side by side.

    python geotiff_rate.py GEOTIFF_RATE [SIDE]

GEOTIFF_RATE is the example of that name. The files are made here: smooth data with noise, in tiles of 512 x 512.
"""

import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy
import rasterio
from rasterio.windows import Window

PASSES = 5


def surfaces(side):
    row, column = numpy.mgrid[0:side, 0:side]
    random = numpy.random.default_rng(1)
    base = 1500 + 600 * numpy.sin(row / 300) + 500 * numpy.cos(column / 200) + 30 * numpy.sin(row / 9 + column / 13)
    counts = (base * 8 + random.normal(0, 12, (side, side))).astype("uint16")
    heights = numpy.round(base + random.normal(0, 0.5, (side, side)), 2).astype("float32")
    noise = random.normal(0, 2, (3, side, side))
    colors = numpy.clip(numpy.stack([base / 10, base / 12, base / 9]) + noise, 0, 255).astype("uint8")
    return counts[None], heights[None], colors


def rate(path):
    best = 0
    for _ in range(PASSES):
        with rasterio.Env(GDAL_NUM_THREADS=1, GDAL_CACHEMAX=64), rasterio.open(path) as source:
            began, read = time.process_time(), 0
            for row in range(0, source.height, 512):
                read += source.read(window=Window(0, row, source.width, 512)).nbytes
            best = max(best, read / 1e6 / (time.process_time() - began))
    return best


def main():
    program, side = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 4096
    warnings.simplefilter("ignore")
    counts, heights, colors = surfaces(side)
    cases = [
        ("uint16 deflate predictor 2", counts, dict(compress="deflate", predictor=2)),
        ("float32 deflate predictor 3", heights, dict(compress="deflate", predictor=3)),
        ("3 x uint8 deflate predictor 2", colors, dict(compress="deflate", predictor=2)),
        ("uint16 zstd predictor 2", counts, dict(compress="zstd", predictor=2)),
        ("float32 zstd predictor 3", heights, dict(compress="zstd", predictor=3)),
        ("uint16 lzw predictor 2", counts, dict(compress="lzw", predictor=2)),
        ("float32 lerc", heights, dict(compress="lerc")),
        ("3 x uint8 jpeg", colors, dict(compress="jpeg", photometric="ycbcr")),
        ("uint16 none", counts, dict(compress="none")),
    ]
    print(f"{'MB/s of one core':32} {'swath':>8} {'GDAL':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for name, data, options in cases:
            path = Path(folder) / "rate.tif"
            shape = dict(count=len(data), height=side, width=side, dtype=data.dtype, interleave="pixel")
            tiles = dict(tiled=True, blockxsize=512, blockysize=512)
            with rasterio.open(path, "w", driver="GTiff", **shape, **tiles, **options) as target:
                target.write(data)
            here = subprocess.run([program, str(path), str(PASSES)], capture_output=True, text=True, check=True)
            print(f"{name:32} {here.stdout.strip():>8} {rate(path):8.0f}", flush=True)


if __name__ == "__main__":
    main()
