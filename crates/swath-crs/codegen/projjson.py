#!/usr/bin/env python3
"""Makes data/projjson.bin: the PROJJSON of every 2-D EPSG code, small enough to live in the program.

Run with a Python that has pyproj:  python crates/swath-crs/codegen/projjson.py
It asks pyproj for each geographic 2-D and projected EPSG code, deprecated ones too (old data still names them),
replaces every part that occurs twice or more (datums, axes, methods, parameters, areas, ...) by a reference to a
shared table, and deflates both in blocks, so that a reader inflates a few dozen kilobytes for one code.

Layout, all integers little-endian:
  "SWPJ" u8 version=1, u8 zero, u16 shared block count S, u16 code block count C, u16 length of the version text,
  version text (UTF-8), then S+C rows (u32 first key, u32 inflated length, u32 deflated length), then the blocks.
A block is zlib data. Its lines are "key TAB json"; keys of shared blocks are reference numbers, of code blocks EPSG
codes; code lines carry a "d" before the tab when the code is deprecated. A JSON string "@n" is a reference.

It does not decide which codes can be transformed: that is the business of the backends.
"""

import json
import struct
import sys
import zlib
from collections import Counter
from pathlib import Path

import pyproj
from pyproj.database import get_database_metadata, query_crs_info
from pyproj.enums import PJType

TARGET = Path(__file__).resolve().parent.parent / "data" / "projjson.bin"
BLOCK_BYTES = 24_000
OGC_BASE = 4_000_000_000  # where OGC:CRS27, CRS83 and CRS84 stand, behind all EPSG codes
SHORTEST_SHARED = 8  # a reference is about six characters; shorter parts are not worth one


def text(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def documents():
    """(code, deprecated, PROJJSON) of every 2-D code, in the order of the codes."""
    found = {}
    for kind in (PJType.GEOGRAPHIC_2D_CRS, PJType.PROJECTED_CRS):
        for info in query_crs_info("EPSG", kind, allow_deprecated=True):
            found[int(info.code)] = info.deprecated
    for code in sorted(found):
        document = pyproj.CRS.from_epsg(code).to_json_dict()
        if len(document["coordinate_system"]["axis"]) == 2:
            yield code, found[code], document
    for number in (27, 83, 84):
        document = pyproj.CRS.from_authority("OGC", f"CRS{number}").to_json_dict()
        yield OGC_BASE + number, False, document


class Sharing:
    """Replaces repeated parts by references, deepest first."""

    def __init__(self, values):
        self.count = Counter()
        for value in values:
            self.tally(value, set())
        chosen = [part for part, n in self.count.items() if n > 1 and len(part) >= SHORTEST_SHARED]
        chosen.sort(key=lambda part: (-self.count[part], part))
        self.number = {part: i for i, part in enumerate(chosen)}
        self.lines = [self.shrink(json.loads(part), top=True) for part in chosen]

    def tally(self, value, seen):
        # A part inside a part that was already seen is counted once only: it will be stored once.
        if isinstance(value, str):
            assert not value.startswith("@"), value
        key = text(value)
        self.count[key] += 1
        if self.count[key] > 1:
            return
        for child in children(value):
            self.tally(child, seen)

    def shrink(self, value, top=False):
        if not top:
            number = self.number.get(text(value))
            if number is not None:
                return f"@{number}"
        if isinstance(value, dict):
            return {key: self.shrink(child) for key, child in value.items()}
        if isinstance(value, list):
            return [self.shrink(child) for child in value]
        return value


def children(value):
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def blocks(rows):
    """Rows (key, line) gathered to about BLOCK_BYTES: (first key, text)."""
    first, lines, size = None, [], 0
    for key, line in rows:
        data = line.encode()
        if lines and size + len(data) > BLOCK_BYTES:
            yield first, b"".join(lines)
            lines, size = [], 0
        if not lines:
            first = key
        lines.append(data)
        size += len(data)
    if lines:
        yield first, b"".join(lines)


def main():
    rows = list(documents())
    sharing = Sharing([document for _, _, document in rows])
    shared = [(i, f"{i}\t{text(line)}\n") for i, line in enumerate(sharing.lines)]
    codes = [
        (code, f"{code}{'d' if deprecated else ''}\t{text(sharing.shrink(document, top=True))}\n")
        for code, deprecated, document in rows
    ]
    parts = [list(blocks(shared)), list(blocks(codes))]
    version = f"EPSG {get_database_metadata('EPSG.VERSION')} of {get_database_metadata('EPSG.DATE')}".encode()
    table, body = b"", b""
    for first, data in parts[0] + parts[1]:
        packed = zlib.compress(data, 9)
        table += struct.pack("<III", first, len(data), len(packed))
        body += packed
    head = struct.pack("<4sBBHHH", b"SWPJ", 1, 0, len(parts[0]), len(parts[1]), len(version)) + version
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_bytes(head + table + body)
    print(f"{len(rows)} codes, {len(shared)} shared parts, {len(parts[0])}+{len(parts[1])} blocks,"
          f" {len(head) + len(table) + len(body)} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
