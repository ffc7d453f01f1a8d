"""Holds long tables that [pivot] makes wide against pandas: rows, and each cell by its sensor and time.

    python pivots.py SWATH CORPUS

The long tables are real: readings of rivers in a document, samples of a laboratory, an export of one quantity, and a
wide table of some councils that is melted first, shuffled and given duplicates. Each is ingested as a whole, and again
in batches, a quantity after the other.
"""

import sys
from pathlib import Path

import numpy
import pandas
import pyarrow.dataset
from real_documents import waterml
from swath_runs import Bench, Findings

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"


def csv(path, sep=","):
    return pandas.read_csv(path, sep=sep, dtype=str, keep_default_na=False)


def schema(name, sensor, time, parameter, value, keep, drop=()):
    """The schema file of a case of real_files.py, with a pivot and without columns that differ from name to name."""
    sections = (SCHEMAS / name).read_text("utf-8").split("\n[")
    gone = {f"columns.{column}]" for column in drop} | {"dedup]"}
    kept = [section for section in sections if section.split("\n")[0] not in gone]
    pivot = f'\n[pivot]\nname = "{parameter}"\nvalue = "{value}"\n'
    return "\n[".join(kept) + f'{pivot}\n[dedup]\nkey = ["{sensor}", "{time}"]\nkeep = "{keep}"\n'


def council(folder):
    """What four stations measured, melted; the time says which station, too, where several have it."""
    frames = [csv(path, ";").assign(station=path.stem) for path in sorted((folder / "council").glob("*.csv"))]
    frame = pandas.concat(frames, ignore_index=True)
    names = [name for name in frame.columns if name not in ("DateTime", "station")]
    long = frame.melt(["station", "DateTime"], names, "parameter", "value").dropna()
    again = long.sample(500, random_state=1)
    other = long.sample(300, random_state=2)
    other = other.assign(value=(pandas.to_numeric(other["value"], errors="coerce") + 1000).astype(str))
    other = other[other["value"] != "nan"]
    return pandas.concat([long, again, other]).sample(frac=1, random_state=3).reset_index(drop=True)


def wide(long, key, name, value, keep):
    """The wide table by pandas: the first or the last value of each cell that is one."""
    cells = long.dropna(subset=[value]).groupby([*key, name])[value]
    table = (cells.first() if keep == "first" else cells.last()).unstack(name)
    # Keys without any value are rows as well.
    return table.reindex(pandas.MultiIndex.from_frame(long[key].drop_duplicates())).sort_index()


def expect_table(findings, what, lake, wanted, key, least):
    table = pyarrow.dataset.dataset(lake, partitioning=None).to_table().to_pandas()
    findings.expect(f"{what}: rows", len(table), len(wanted))
    findings.expect(f"{what}: columns", sorted(set(wanted.columns) - set(table.columns)), [])
    table[key[0]] = table[key[0]].astype(str)
    table = table.set_index(key).sort_index()
    findings.expect(f"{what}: keys", table.index.equals(wanted.index.set_names(key)), True)
    cells = 0
    for name in wanted.columns:
        found, meant = table[name].astype("float64").to_numpy(), wanted[name].to_numpy()
        meant = meant.astype(table[name].dtype if table[name].dtype != "Int32" else "float64").astype("float64")
        findings.expect(f"{what}, {name}: nulls", int(numpy.isnan(found).sum()), int(numpy.isnan(meant).sum()))
        findings.expect(f"{what}, {name}: cells", numpy.array_equal(found, meant, equal_nan=True), True)
        cells += int((~numpy.isnan(found)).sum())
    findings.expect(f"{what}: at least {least} cells with a value", cells >= least, True)
    return cells


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    findings, bench, folder = Findings(), Bench(sys.argv[1]), Path(sys.argv[2]).resolve() / "telemetry"
    iso = dict(utc=True, format="ISO8601")
    melted = bench.folder / "council.csv"
    council(folder).to_csv(melted, index=False)
    samples = csv(folder / "usgs/samples_results.txt")
    moments = samples["Activity_StartDate"] + " " + samples["Activity_StartTime"]
    samples = samples.assign(time=pandas.to_datetime(moments).dt.tz_localize("-05:00").dt.tz_convert("UTC"))
    long = csv(melted)
    openaq = csv(folder / "openaq/air_quality_long.csv")
    rivers = waterml(folder / "usgs/waterservices_iv.txt")
    of_council = 'columns.station = { type = "category", role = "sensor" }\ncolumns.parameter = {}\n' \
        'columns.DateTime = { type = "timestamp", role = "time" }\ncolumns.value = { type = "float64" }\n' \
        '[pivot]\nname = "parameter"\nvalue = "value"\n[dedup]\nkey = ["station", "DateTime"]\nkeep = "%s"\n'
    cases = [
        ("rivers", folder / "usgs/waterservices_iv.txt", 20,
         lambda keep: schema("waterml.toml", "site", "time", "parameter", "value", keep, ["unit"]),
         dict(sensor=rivers["site"], time=pandas.to_datetime(rivers["time"], **iso), name=rivers["parameter"],
              value=pandas.to_numeric(rivers["value"])), ["site", "time"], 20),
        ("samples", folder / "usgs/samples_results.txt", len(samples),
         lambda keep: schema("usgs_samples.toml", "site", "time", "characteristic", "value", keep,
                             ["code", "reading", "unit", "detection_limit", "analysed"]),
         dict(sensor=samples["Location_Identifier"], time=samples["time"], name=samples["Result_Characteristic"],
              value=pandas.to_numeric(samples["Result_Measure"])), ["site", "time"], 20),
        ("one quantity", folder / "openaq/air_quality_long.csv", 232,
         lambda keep: schema("openaq.toml", "location", "time", "parameter", "value", keep),
         dict(sensor=openaq["location"], time=pandas.to_datetime(openaq["date.utc"], **iso), name=openaq["parameter"],
              value=pandas.to_numeric(openaq["value"])), ["location", "time"], 232),
        ("councils", melted, len(long), lambda keep: of_council % keep,
         dict(sensor=long["station"], time=pandas.to_datetime(long["DateTime"], **iso), name=long["parameter"],
              value=pandas.to_numeric(long["value"])), ["station", "DateTime"], 80_000),
    ]
    for what, path, rows, schema_of, columns, key, least in cases:
        frame = pandas.DataFrame(columns)
        findings.expect(f"{what}: rows by pandas", len(frame), rows)
        for keep in ("first", "last"):
            wanted = wide(frame, ["sensor", "time"], "name", "value", keep)
            file, lake = bench.folder / "schema.toml", bench.folder / f"{what} {keep}"
            file.write_text(schema_of(keep), "utf-8")
            words = ["--schema", file, "--partition", "month", "-m", "64MB"]
            counts = bench.run("sensor", "ingest", path, "-o", lake, *words)["rows"]
            findings.expect(f"{what}, {keep}: read", (counts["read"], counts["rejected"]), (rows, 0))
            findings.expect(f"{what}, {keep}: merged and duplicate", counts["merged"] + counts["duplicate"],
                            rows - len(wanted))
            cells = expect_table(findings, f"{what}, {keep}", lake, wanted, key, least)
            print(f"{what}, {keep}: {counts}, {cells} cells", flush=True)
            if path == melted:
                batches = long.sort_values("parameter", kind="stable")
                lake = bench.folder / f"{what} {keep}, batch by batch"
                for number, (_, batch) in enumerate(batches.groupby("parameter", sort=True)):
                    batch.to_csv(bench.folder / "batch.csv", index=False)
                    # Which columns there will be is said with the first batch.
                    names = ", ".join(f'"{name}"' for name in wanted.columns)
                    pivot = f'[pivot]\ncolumns = [{names}]'
                    file.write_text(schema_of(keep).replace("[pivot]", pivot), "utf-8")
                    words = ["--schema", file, "--partition", "month"] if number == 0 else []
                    bench.run("sensor", "ingest", bench.folder / "batch.csv", "-o", lake, "--append", *words)
                expect_table(findings, lake.name, lake, wanted, key, least)
    findings.close()


if __name__ == "__main__":
    main()
