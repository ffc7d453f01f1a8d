#!/usr/bin/env python3
"""Holds the embedded PROJJSON, and the reading of WKT and PROJ strings, against pyproj.

Run from the repository root with a Python that has pyproj:  python tests/oracles/crs_projjson.py
Every geographic 2-D and projected EPSG code that this pyproj knows is asked of the built example `crs_facts`. Ends
with status 77 when PROJ is too old to tell, with 1 when one of them differs in meaning, identity or axis order. Prints one
JSON object of counts.
"""

import json
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
SPREAD = 23  # every so-manieth code is also asked as WKT 1, WKT 2, PROJJSON


def ask(questions):
    text = "".join(json.dumps(question) + "\n" for question in questions)
    done = subprocess.run(EXAMPLE, input=text, capture_output=True, text=True, cwd=ROOT, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def known_codes():
    found = set()
    for kind in (PJType.GEOGRAPHIC_2D_CRS, PJType.PROJECTED_CRS):
        found.update(int(info.code) for info in query_crs_info("EPSG", kind, allow_deprecated=True))
    return sorted(found)


def axes(crs):
    # Factors are rounded, because pyproj itself writes them to JSON with one digit less than it holds.
    return [
        (axis.name, axis.direction, axis.unit_name, f"{axis.unit_conversion_factor:.12g}") for axis in crs.axis_info
    ]


def check_codes(codes, failures):
    counts = {"codes": len(codes), "three_dimensional": 0, "unknown_here": []}
    for code, answer in zip(codes, ask(["facts", f"EPSG:{code}"] for code in codes)):
        theirs = pyproj.CRS.from_epsg(code)
        if len(theirs.axis_info) != 2:
            counts["three_dimensional"] += 1
            continue
        if answer.get("projjson") is None:
            counts["unknown_here"].append(code)
            continue
        ours = pyproj.CRS.from_json_dict(answer["projjson"])
        same = ours == theirs and axes(ours) == axes(theirs) and ours.to_authority(min_confidence=100) == theirs.to_authority(min_confidence=100)
        same = same and answer["projjson"] == theirs.to_json_dict() and answer["epsg"] == code
        same = same and answer["name"] == theirs.name and answer["geographic"] == theirs.is_geographic
        if not same:
            failures.append(f"EPSG:{code} differs")
    counts["unknown_here_count"] = len(counts["unknown_here"])
    counts["unknown_here"] = counts["unknown_here"][:20]
    return counts


def check_ogc(failures):
    names = ["OGC:CRS84", "OGC:CRS83", "OGC:CRS27"]
    for name, answer in zip(names, ask(["facts", name] for name in names)):
        theirs = pyproj.CRS.from_user_input(name)
        if pyproj.CRS.from_json_dict(answer["projjson"]) != theirs or answer["epsg"] is not None:
            failures.append(f"{name} differs")


def check_notations(codes, failures):
    """A definition that carries a code must come back as that code, or be refused; never as another system."""
    counts = {}
    for notation in ("WKT1_GDAL", "WKT1_ESRI", "WKT2_2019", "PROJJSON", "PROJ"):
        picked, texts = [], []
        for code in codes[::SPREAD] + [4326, 3857, 32633, 3035, 2154, 27572]:
            theirs = pyproj.CRS.from_epsg(code)
            try:
                if notation == "PROJJSON":
                    text = theirs.to_json()
                elif notation == "PROJ":
                    text = theirs.to_proj4()
                else:
                    text = theirs.to_wkt(notation)
            except pyproj.exceptions.CRSError:
                continue
            if text:
                picked.append(code)
                texts.append(text)
        counts[notation] = {"asked": len(texts), "as_code": 0, "as_definition": 0, "refused": 0}
        for code, answer in zip(picked, ask(["facts", text] for text in texts)):
            if "error" in answer:
                counts[notation]["refused"] += 1
            elif answer["epsg"] is None:
                counts[notation]["as_definition"] += 1
                if answer["projjson"] is not None:
                    pyproj.CRS.from_json_dict(answer["projjson"])  # must be valid
            elif answer["epsg"] == code:
                counts[notation]["as_code"] += 1
            else:
                failures.append(f"EPSG:{code} as {notation} was taken for EPSG:{answer['epsg']}")
    return counts


def main():
    if tuple(map(int, pyproj.proj_version_str.split(".")[:2])) < OLDEST_PROJ:
        print(f"PROJ {pyproj.proj_version_str} has an older EPSG registry; wanted 9.8 or newer (pyproj 3.8, Python 3.12)")
        return CANNOT_TELL
    failures = []
    codes = known_codes()
    facts = {"pyproj": pyproj.__version__, "proj": pyproj.proj_version_str, "table": ask([["version"]])[0]}
    facts["epsg"] = check_codes(codes, failures)
    check_ogc(failures)
    facts["notations"] = check_notations(codes, failures)
    facts["failures"] = failures[:50]
    print(json.dumps(facts, indent=1))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
