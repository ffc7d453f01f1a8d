"""Holds ingests of real files against pandas: per column type, nulls, sum or distinct texts; time range in UTC; rows.

    python real_files.py SWATH CORPUS

Each case is ingested by inference, and some again with a short schema file of tests/schemas. pandas gets every cell as
text and the settings below, which were found by reading the files; it infers nothing.
"""

import sys
from pathlib import Path

import numpy
import pandas
import pyarrow
import pyarrow.dataset
from swath_runs import Bench, Findings

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"
CATEGORY = "dictionary<values=string, indices=int32, ordered=0>"
TIME = "timestamp[us, tz=UTC]"


def plain(frame):
    return frame


def luftdaten_rows(frame):
    """One file was cut off inside its last row, which is no reading."""
    return frame[frame["lat"].notna() & (frame["P1"] != "")]


def uci_rows(frame):
    """The export ends with rows of semicolons only, and has two columns without a name."""
    frame = frame[frame["Date"] != ""]
    return frame.assign(timestamp=frame["Date"] + " " + frame["Time"]).drop(columns=["Date", "Time"])


def iso(values):
    return pandas.to_datetime(values, utc=True, format="ISO8601")


def winter_time(values):
    """Every hour of the day of the clocks' change is there: the station keeps to winter time."""
    local = pandas.to_datetime(values, format="%d/%m/%Y %H.%M.%S")
    return local.dt.tz_localize("+01:00").dt.tz_convert("UTC")


def uci_utc(values):
    return pandas.to_datetime(values, format="%d/%m/%Y %H.%M.%S", utc=True)


def mountain(values):
    return pandas.to_datetime(values, format="ISO8601").dt.tz_localize("-07:00").dt.tz_convert("UTC")


LUFTDATEN = {"sensor_id": CATEGORY, "sensor_type": CATEGORY, "location": "int32", "lat": "double", "lon": "double",
             "timestamp": TIME, "P1": "float", "P2": "float"}
LOGAN = {"datetime": TIME, "temp": "float", "cond": "float", "ph": "float", "do": "float"}
CORRECTED = LOGAN | {"turb": "float", "stage": "float"}
UCI = {"timestamp": TIME, "CO(GT)": "float", "PT08.S1(CO)": "int32", "NMHC(GT)": "int32", "C6H6(GT)": "float",
       "PT08.S2(NMHC)": "int32", "NOx(GT)": "int32", "PT08.S3(NOx)": "int32", "NO2(GT)": "int32",
       "PT08.S4(NO2)": "int32", "PT08.S5(O3)": "int32", "T": "float", "RH": "float", "AH": "float"}
NULLS = ["", "NULL", "-9999"]

MADAVI = ["Time", *(f"field_{number}" for number in range(2, 8)), "SDS_P1", "SDS_P2",
          *(f"field_{number}" for number in range(10, 19)), "samples", "field_20", "field_21", "signal"]


def without_types(frame):
    """The first row says types: 5s, 15s, 10n."""
    return frame.iloc[1:]


# name, files, rows that pandas must find (counted by hand), settings of pandas, types by inference,
# then optionally: schema, its types, names in the file where they differ, reading of time.
CASES = [
    dict(name="luftdaten days", files="luftdaten_days/*.csv", rows=6205, sep=";", types=LUFTDATEN,
         schema="luftdaten.toml", schema_types={"sensor_id": CATEGORY, "timestamp": TIME, "lat": "double",
                                                "lon": "double", "P1": "double", "P2": "double"}),
    dict(name="luftdaten odd", files="luftdaten_odd/*.csv", rows=1274, rejected=1, sep=";", types=LUFTDATEN,
         prepare=luftdaten_rows),
    dict(name="council", files="council/*.csv", rows=44394, sep=";",
         types={"DateTime": TIME, "Ozone": "int32", "Nitrogen Dioxide": "int32", "PM10": "int32", "PM2.5": "int32"},
         schema="council.toml", schema_types={"DateTime": TIME, "no2": "int32", "PM2.5": "double"},
         sources={"no2": "Nitrogen Dioxide"}),
    dict(name="Blacksmith Fork", files="logan_river/BlackSmithFork2015.csv", rows=12816, missing=NULLS, types=CORRECTED),
    dict(name="Franklin Basin", files="logan_river/FranklinBasin2017_2019.csv", rows=103605, missing=NULLS, types=LOGAN,
         schema="logan_river.toml", time=mountain,
         schema_types={"datetime": TIME, "temp": "double", "cond": "double", "do": "float"}),
    # -9999 stands in 9 of 35,029 rows and in 2 of 8,736: found, since files of this size are looked at as a whole.
    dict(name="Main Street 2018", files="logan_river/MS2018.csv", rows=35029, missing=NULLS, types=LOGAN,
         schema="logan_river.toml", time=mountain,
         schema_types={"datetime": TIME, "temp": "double", "cond": "double", "do": "float"}),
    dict(name="Main Street 2020", files="logan_river/MainStreet2020.csv", rows=8736, missing=NULLS, types=CORRECTED,
         schema="logan_river.toml", time=mountain,
         schema_types={"datetime": TIME, "temp": "double", "cond": "double", "do": "float"}),
    dict(name="Mendon", files="logan_river/Mendon2019.csv", rows=25883, missing=NULLS, types=CORRECTED),
    dict(name="Tony Grove", files="logan_river/TonyGrove2014.csv", rows=20674, missing=NULLS, types=CORRECTED,
         schema="logan_river.toml", time=mountain,
         schema_types={"datetime": TIME, "temp": "double", "cond": "double", "do": "float"}),
    # Rows have two fields more than the header names, and not at its end.
    dict(name="Madavi", files="madavi/*.csv", rows=588 + 588 + 589, sep=";",
         settings=dict(header=None, skiprows=1, names=MADAVI),
         schema="madavi.toml", schema_types={"Time": TIME, "SDS_P1": "float", "SDS_P2": "float", "samples": "int32",
                                             "signal": "int32"}),
    # Comments, names, and below them a row of types.
    dict(name="USGS statistics", files="usgs/waterservices_stats.txt", rows=2164, sep="\t", settings=dict(comment="#"),
         prepare=without_types, partition="none",
         types={"agency_cd": CATEGORY, "site_no": CATEGORY, "parameter_cd": CATEGORY, "ts_id": "int32", "month_nu": "int32",
                "count_nu": "int32", "max_va": "float", "mean_va": "float", "p05_va": "float", "p95_va": "int32"}),
    dict(name="USGS sites", files="usgs/nwis_sites.txt", rows=206, sep="\t", settings=dict(comment="#"),
         prepare=without_types, partition="none",
         types={"agency_cd": CATEGORY, "site_no": CATEGORY, "station_nm": "string", "dec_lat_va": "double",
                "dec_long_va": "double", "alt_va": "float", "huc_cd": "string"}),
    dict(name="OpenAQ, long", files="openaq/air_quality_long.csv", rows=232,
         types={"city": CATEGORY, "country": CATEGORY, "date.utc": TIME, "location": CATEGORY, "parameter": CATEGORY,
                "value": "float", "unit": CATEGORY},
         schema="openaq.toml", sources={"time": "date.utc"},
         schema_types={"location": CATEGORY, "time": TIME, "parameter": CATEGORY, "value": "double", "unit": "string"}),
    dict(name="OpenAQ, wide", files="openaq/air_quality_no2.csv", rows=705,
         types={"datetime": TIME, "station_antwerp": "float", "station_paris": "float", "station_london": "float"}),
    dict(name="AirQualityUCI", files="AirQualityUCI.csv", rows=9357, sep=";", decimal=",", missing=["", "-200", "-200,0"],
         types=UCI, prepare=uci_rows, inferred_time=uci_utc, time=winter_time, schema="air_quality_uci.toml",
         sources={"co": "CO(GT)", "nmhc": "NMHC(GT)", "benzene": "C6H6(GT)", "temperature": "T"},
         schema_types={"timestamp": TIME, "co": "double", "nmhc": "int32", "benzene": "float", "temperature": "double"}),
    dict(name="AirQuality, exported anew", files="AirQuality.csv", rows=9357, missing=["", "-200", "-200.0"],
         prepare=uci_rows, types={"timestamp": TIME, "CO(GT)": "float", "PT08.S1(CO)": "double", "NMHC(GT)": "int32",
                                  "C6H6(GT)": "double", "NOx(GT)": "float", "T": "double", "RH": "double"}),
]


def as_text(case, corpus):
    """All cells of all files as text, in the order of the paths; columns that a file lacks are missing there."""
    settings = dict(sep=case.get("sep", ","), dtype=str, keep_default_na=False, encoding="utf-8") | case.get("settings", {})
    frames = [
        pandas.read_csv(path, **settings)
        for path in sorted((corpus / "telemetry").glob(case["files"]))
    ]
    return case.get("prepare", plain)(pandas.concat(frames, ignore_index=True))


def expect_column(findings, what, got, text, kind, case, read_time):
    """One column of the lake against the cells of the files."""
    gone = text.isna() | text.isin(case.get("missing", [""]))
    findings.expect(f"{what}: nulls", got.null_count, int(gone.sum()))
    there = text[~gone]
    values = got.drop_null()
    if kind == TIME:
        wanted = read_time(there)
        low, high = pyarrow.compute.min_max(values).as_py().values()
        findings.expect(f"{what}: first in UTC", pandas.Timestamp(low), wanted.min())
        findings.expect(f"{what}: last in UTC", pandas.Timestamp(high), wanted.max())
        # Sums of microseconds as whole numbers of any size, so that no clock change in between can hide.
        total = sum(pyarrow.compute.cast(values, "int64").to_pylist())
        findings.expect(f"{what}: sum of times", total, sum(wanted.dt.as_unit("us").astype("int64").tolist()))
    elif kind in ("string", CATEGORY):
        got_counts = pandas.Series(values.cast("string").to_pylist(), dtype=object).value_counts().to_dict()
        findings.expect(f"{what}: texts and how often", got_counts, there.astype(object).value_counts().to_dict())
    else:
        numbers = there.str.replace(case.get("decimal", "."), ".", regex=False)
        dtype = {"int32": "int64", "float": "float32", "double": "float64"}[kind]
        wanted = numpy.sort(numbers.astype("float64").to_numpy().astype(dtype).astype("float64"))
        found = numpy.sort(values.to_numpy().astype("float64"))
        findings.expect(f"{what}: count", len(found), len(wanted))
        # Sorted alike, so that both sums add the same numbers in the same order.
        findings.expect(f"{what}: sum", float(found.sum()), float(wanted.sum()))


def expect_lake(findings, what, lake, frame, types, case, read_time):
    dataset = pyarrow.dataset.dataset(lake, partitioning="hive")
    table = dataset.to_table()
    kinds = {field.name: str(field.type) for field in dataset.schema}
    findings.expect(f"{what}: rows", table.num_rows, case["rows"])
    findings.expect(f"{what}: rows by pandas", len(frame), case["rows"])
    for column, kind in types.items():
        findings.expect(f"{what}, {column}: type", kinds.get(column), kind)
        if kinds.get(column) == kind:
            source = case.get("sources", {}).get(column, column) if column not in frame else column
            got = table[column].combine_chunks()
            expect_column(findings, f"{what}, {column}", got, frame[source], kind, case, read_time)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    findings, bench, corpus = Findings(), Bench(sys.argv[1]), Path(sys.argv[2]).resolve()
    for number, case in enumerate(CASES):
        frame = as_text(case, corpus)
        inferred = ("by inference", [], case.get("types"), case.get("inferred_time", iso))
        runs = [inferred] if "types" in case else []
        if "schema" in case:
            schema = ["--schema", SCHEMAS / case["schema"]]
            runs.append((case["schema"], schema, case["schema_types"], case.get("time", iso)))
        for name, options, types, read_time in runs:
            what, lake = f"{case['name']} ({name})", bench.folder / f"lake-{number}-{len(options)}"
            source = corpus / "telemetry" / case["files"]
            words = ["--partition", case.get("partition", "month"), "-m", "64MB", *options]
            result = bench.run("sensor", "ingest", source, "-o", lake, *words)
            findings.expect(f"{what}: rejected", result["rows"]["rejected"], case.get("rejected", 0))
            expect_lake(findings, what, lake, frame, types, case, read_time)
            print(f"{what}: {result['rows']}", flush=True)
    findings.close()


if __name__ == "__main__":
    main()
