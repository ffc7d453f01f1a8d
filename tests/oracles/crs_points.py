#!/usr/bin/env python3
"""Holds transformed points against pyproj: for every EPSG code, random points of its area of use.

Run from the repository root with a Python that has pyproj:  python tests/oracles/crs_points.py [points per code]
Two questions per code. Projection: from the code to the geographic system below it and back, which must agree with
PROJ to 1 mm. Shift: from WGS 84 to the code, where PROJ may choose another transformation than swath; there the
difference must stay below three times the accuracies that the two state, together. Codes that swath refuses are counted, by
reason. Ends with status 77 when PROJ is too old to tell, with 1 when a code disagrees that is not listed in KNOWN. Prints
one JSON object.
"""

import collections
import json
import math
import random
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pyproj
from pyproj.database import query_crs_info
from pyproj.enums import PJType

warnings.simplefilter("ignore")
# The registry that the embedded tables were made from; with an older one, codes differ that were mended since.
OLDEST_PROJ = (9, 8)
CANNOT_TELL = 77
ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ["cargo", "run", "--quiet", "--release", "-p", "swath-crs", "--example", "crs_facts"]
TOLERANCE_M = 1e-3
# Codes where swath and this PROJ are known to differ, with the reason.
KNOWN = {
    5225: "Modified Krovak: the two differ by 3.4 mm; the cause is not known",
    5516: "as 5225",
    28191: "inverse Cassini-Soldner, far from the meridian: 15 to 20 mm; the cause is not known",
}
# Some inverse equal-area projections differ from PROJ by up to 1.6 mm.
INVERSE_TOLERANCE_M = 2e-3


def ask(questions):
    text = "".join(json.dumps(question) + "\n" for question in questions)
    done = subprocess.run(EXAMPLE, input=text, capture_output=True, text=True, cwd=ROOT, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def codes():
    found = {}
    for kind in (PJType.GEOGRAPHIC_2D_CRS, PJType.PROJECTED_CRS):
        for info in query_crs_info("EPSG", kind, allow_deprecated=True):
            found[int(info.code)] = info
    return [found[code] for code in sorted(found)]


def places(area, count, dice):
    """Points in the middle nine tenths of an area of use."""
    west, south, east, north = area.west, area.south, area.east, area.north
    width = east - west if east >= west else east - west + 360
    for _ in range(count):
        longitude = west + width * dice.uniform(0.05, 0.95)
        latitude = south + (north - south) * dice.uniform(0.05, 0.95)
        yield (longitude + 180) % 360 - 180, latitude


def metres_apart(crs, a, b):
    """The distance of two points given in `crs`, roughly."""
    unit = crs.axis_info[0].unit_conversion_factor
    if not crs.is_geographic:
        return math.hypot(a[0] - b[0], a[1] - b[1]) * unit
    radius = 6378137.0
    turn = math.remainder((a[0] - b[0]) * unit, 2 * math.pi)
    return radius * math.hypot(turn * math.cos(a[1] * unit), (a[1] - b[1]) * unit)


def reason(text):
    text = re.sub(r"EPSG:\d+[^)]*\)+|\d+(\.\d+)?", "…", text)
    return text[:110]


class Tally:
    def __init__(self):
        self.worst = (0.0, None)
        self.points = self.codes = self.point_refusals = 0
        self.refused = collections.Counter()
        self.refused_codes = collections.defaultdict(list)
        self.wrong = {}

    def facts(self):
        return {
            "codes_computed": self.codes,
            "points": self.points,
            "points_refused": self.point_refusals,
            "worst_m_within_tolerance": self.worst,
            "codes_refused": {text: [n, self.refused_codes[text][:12]] for text, n in self.refused.most_common()},
            "codes_wrong": self.wrong,
        }

    def take(self, code, crs, answer, expected, tolerance):
        if "error" in answer:
            key = reason(answer["error"])
            self.refused[key] += 1
            self.refused_codes[key].append(code)
            return
        self.codes += 1
        for ours, (theirs, allowed) in zip(answer["points"], expected):
            if not all(map(math.isfinite, theirs)):
                continue
            if isinstance(ours, str):
                self.point_refusals += 1
                continue
            self.points += 1
            apart = metres_apart(crs, ours, theirs)
            if apart > max(tolerance, allowed):
                self.wrong[code] = max(apart, self.wrong.get(code, 0.0))
            elif apart > self.worst[0]:
                self.worst = (apart, code)


def main():
    if tuple(map(int, pyproj.proj_version_str.split(".")[:2])) < OLDEST_PROJ:
        print(f"PROJ {pyproj.proj_version_str} has an older EPSG registry; wanted 9.8 or newer (pyproj 3.8, Python 3.12)")
        return CANNOT_TELL
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    dice = random.Random(20240229)
    wgs84 = pyproj.CRS.from_epsg(4326)
    questions, expectations, not_in_proj = [], [], []
    for info in codes():
        code, crs = int(info.code), pyproj.CRS.from_epsg(int(info.code))
        if len(crs.axis_info) != 2 or info.area_of_use is None:
            continue
        spots = list(places(info.area_of_use, count, dice))
        base = crs.geodetic_crs if not crs.is_geographic else None
        try:
            over = pyproj.Transformer.from_crs(wgs84, crs, always_xy=True)
            down = pyproj.Transformer.from_crs(base, crs, always_xy=True) if base is not None else None
        except pyproj.exceptions.ProjError:
            not_in_proj.append(code)
            continue
        if base is not None and base.to_epsg():
            degrees = base.axis_info[0].unit_conversion_factor / math.radians(1)
            meridian = base.prime_meridian.longitude * base.prime_meridian.unit_conversion_factor / math.radians(1)
            local = [((x - meridian) / degrees, y / degrees) for x, y in spots]
            planes = [down.transform(*spot) for spot in local]
            questions.append(["points", f"EPSG:{base.to_epsg()}", f"EPSG:{code}", local])
            expectations.append(("projection", code, crs, [(plane, 0.0) for plane in planes]))
            finite = [(s, p) for s, p in zip(local, planes) if all(map(math.isfinite, p))]
            back = pyproj.Transformer.from_crs(crs, base, always_xy=True)
            questions.append(["points", f"EPSG:{code}", f"EPSG:{base.to_epsg()}", [p for _, p in finite]])
            expectations.append(("unprojection", code, base, [(back.transform(*p), 0.0) for _, p in finite]))
        expected = []
        for spot in spots:
            point = over.transform(*spot)
            try:
                accuracy = over.get_last_used_operation().accuracy
            except pyproj.exceptions.ProjError:
                accuracy = -1.0
            # Where PROJ falls back on carrying degrees over, there is nothing to compare with.
            expected.append((point, accuracy if accuracy >= 0 else math.inf))
        questions.append(["points", "EPSG:4326", f"EPSG:{code}", spots])
        expectations.append(("shift", code, crs, expected))
    tallies = {kind: Tally() for kind in ("projection", "unprojection", "shift")}
    agreeing = 0
    for answer, (kind, code, crs, expected) in zip(ask(questions), expectations):
        accuracy = answer.get("accuracy_m")
        if kind == "shift" and "error" not in answer:
            exact = [
                isinstance(ours, list) and metres_apart(crs, ours, theirs) <= TOLERANCE_M
                for ours, (theirs, _) in zip(answer["points"], expected)
                if all(map(math.isfinite, theirs))
            ]
            agreeing += sum(exact)
            expected = [(theirs, 3 * (allowed + (accuracy or 0.0))) for theirs, allowed in expected]
        tolerance = INVERSE_TOLERANCE_M if kind == "unprojection" else TOLERANCE_M
        tallies[kind].take(code, crs, answer, expected, tolerance)
    facts = {"pyproj": pyproj.__version__, "points_per_code": count, "not_in_proj": not_in_proj}
    facts.update({kind: tally.facts() for kind, tally in tallies.items()})
    facts["shift"]["points_equal_to_1_mm"] = agreeing
    print(json.dumps(facts, indent=1))
    wrong = {code for tally in tallies.values() for code in tally.wrong}
    return 1 if {int(code) for code in wrong} - set(KNOWN) else 0


if __name__ == "__main__":
    sys.exit(main())
