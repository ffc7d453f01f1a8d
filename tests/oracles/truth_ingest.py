"""Holds an ingest of generated readings against DuckDB: the very rows, which duplicate was kept, order, hourly sums.

    python truth_ingest.py SWATH

DuckDB reads the same CSV as lines of text, in their order, and decides by its own SQL what a reading is:
row_number() over (partition by key order by source, offset) = 1 is `first`. The lake must hold exactly those rows.
`lake_opens.py` then opens one of the lakes with every reader that the docs name.
"""

import hashlib
import json
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import duckdb
from pyarrow import parquet
from swath_runs import Bench, Findings

HERE = Path(__file__).resolve().parent
SCHEMA = HERE.parent / "schemas" / "telemetry.toml"
FLOATS = ["pm25", "pm10", "temp_c", "rh", "soil_moisture", "battery_v"]
DIRTY = ["--duplicates", "0.03", "--conflicts", "0.03", "--missing", "0.05", "--malformed", "0.003", "--disorder", "0.02"]

# Sources in the order of their arguments, with what generates them; then options of the ingest.
CASES = [
    ("one file", [["--size", "20MB", "--sensors", "300", *DIRTY]], ["--partition", "day", "-m", "64MB", "-j", "2"]),
    ("shuffled", [["--size", "20MB", "--sensors", "40", "--shuffle", "--seed", "3", *DIRTY]],
     ["--partition", "none", "-m", "48MB", "-j", "1"]),
    # The same sensors and times in two files with other values: nearly all of the second is a duplicate of the first.
    ("two files that overlap", [["--rows", "90000", "--sensors", "200", "--seed", "5", *DIRTY],
                                ["--rows", "120000", "--sensors", "200", "--seed", "6", "--shuffle", *DIRTY]],
     ["--partition", "day,sensor:4", "-m", "64MB", "-j", "2"]),
    ("by cell", [["--rows", "90000", "--sensors", "200", "--seed", "8", "--shuffle", *DIRTY]],
     ["--partition", "h3:4", "-m", "64MB", "-j", "2"]),
]


def read_sources(connection, sources):
    """The table `reading`: every line that is a reading, with its source and place in it."""
    connection.execute("create or replace table line (source int, place bigint, text varchar)")
    for number, source in enumerate(sources):
        # One column that no byte of the file splits; one thread, so that row_number() is the order of the file.
        connection.execute(
            f"insert into line select {number}, row_number() over (), text from read_csv('{source}', auto_detect=false, "
            "header=true, delim='\x01', quote='', escape='', columns={'text': 'VARCHAR'}, all_varchar=true)"
        )
    fields = "string_split(text, ',')"
    numbers = ["lat", "lon", *FLOATS]
    raw = ", ".join(f"f[{place}] as raw_{name}" for place, name in enumerate(numbers, 3))
    good = " and ".join(f"(raw_{name} = '' or try_cast(raw_{name} as double) is not null)" for name in numbers)
    values = ", ".join(
        f"try_cast(nullif(raw_{name}, '') as {'float' if name in FLOATS else 'double'}) as {name}" for name in numbers
    )
    connection.execute(
        f"""create or replace table reading as
        with split as (select source, place, {fields} as f from line),
        named as (select source, place, len(f) as fields, f[1] as sensor_id, f[2] as raw_time, {raw} from split)
        select source, place, sensor_id, try_cast(raw_time as timestamptz) as timestamp, {values},
               round(try_cast(nullif(raw_pm25, '') as double) * 100)::bigint as hundredths
        from named where fields = 10 and sensor_id <> '' and try_cast(raw_time as timestamptz) is not null and {good}"""
    )


def expect_rows(findings, connection, what, keep):
    """Exactly the readings that SQL keeps, value for value."""
    order = "asc" if keep == "first" else "desc"
    columns = ", ".join(["sensor_id", "epoch_us(timestamp) as us", "lat", "lon", *FLOATS])
    connection.execute(
        f"""create or replace temp table wanted as select * from reading
        qualify row_number() over (partition by sensor_id, timestamp order by source {order}, place {order}) = 1"""
    )
    for name, left, right in (("missing", "wanted", "lake"), ("extra", "lake", "wanted")):
        sql = f"select count(*) from (select {columns} from {left} except all select {columns} from {right})"
        findings.expect(f"{what}: rows {name}", connection.execute(sql).fetchone()[0], 0)
    hours = "select sensor_id, date_trunc('hour', timestamp) as hour, count(pm25) as n, sum({}) as total from {} group by all"
    wanted = hours.format("hundredths", "wanted")
    got = hours.format("round(pm25::double * 100)::bigint", "lake")
    sql = f"select count(*), count(*) filter (w.total is not distinct from g.total and w.n = g.n) from ({wanted}) w full join ({got}) g using (sensor_id, hour)"
    both, same = connection.execute(sql).fetchone()
    findings.expect(f"{what}: hours of a sensor with equal sums, of {both}", same, both)
    if both == 0:
        findings.expect(f"{what}: there are hours to compare", False, True)


def expect_order(findings, connection, what):
    """Sorted by sensor (its text, bytewise) and time in every file, and in the right folder."""
    sql = """select count(*) from (
        select sensor_id, timestamp, lag(sensor_id) over w as sensor_before, lag(timestamp) over w as time_before
        from lake window w as (partition by filename order by file_row_number))
        where sensor_before > sensor_id or (sensor_before = sensor_id and time_before >= timestamp)"""
    findings.expect(f"{what}: rows out of order", connection.execute(sql).fetchone()[0], 0)
    names = [row[0] for row in connection.execute("describe lake").fetchall()]
    if "date" in names:
        sql = "select count(*) from lake where strftime(timestamp, '%Y-%m-%d') <> date::varchar"
        findings.expect(f"{what}: rows in the folder of another day", connection.execute(sql).fetchone()[0], 0)


def expect_manifest(findings, lake, what):
    manifest = json.loads((lake / "_swath" / "manifest.json").read_text())
    for file in manifest["files"]:
        content = (lake / file["path"]).read_bytes()
        findings.expect(f"{what}: sha256 of {file['path']}", hashlib.sha256(content).hexdigest(), file["sha256"])
        findings.expect(f"{what}: size of {file['path']}", len(content), file["bytes"])


def expect_opens(findings, connection, bench, lake):
    """Every reader that is named in the docs sees the same facts; they were counted from the text."""
    sums = ", ".join(f"sum({name}::double), count(*) filter ({name} is null)" for name in ["lat", "lon", *FLOATS])
    row = connection.execute(f"select count(*), epoch_us(min(timestamp)), epoch_us(max(timestamp)), {sums} from wanted").fetchone()
    names = ["lat", "lon", *FLOATS]
    facts = {
        "rows": row[0],
        "columns": {"sensor_id": "category", "timestamp": "timestamp", "lat": "float64", "lon": "float64"}
        | {name: "float32" for name in FLOATS},
        "partitions": ["date"],
        "sums": dict(zip(names, row[3::2])),
        "nulls": dict(zip(names, row[4::2])),
        "time": [datetime.fromtimestamp(us / 1e6, timezone.utc).isoformat() for us in row[1:3]],
        "geometry": "geometry",
        "crs": "EPSG:4326",
    }
    path = bench.folder / "facts.json"
    path.write_text(json.dumps(facts))
    done = subprocess.run([sys.executable, HERE / "lake_opens.py", lake, path], capture_output=True, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for answer in answers:
        print(f"  {answer['reader']}: {answer['status']} ({answer['detail']})", flush=True)
        findings.expect(f"opens in {answer['reader']}", answer["status"], "ok")
    findings.expect("readers asked", len(answers) >= 5, True)


def expect_declared_order(findings, bench):
    """Footers declare an order only where rows have it, also where sensors are numbers, or sensors and times are missing."""
    sensors = {
        "texts": ("category", lambda at: f"s{at * 37 % 110}", "true", ["id", "time"]),
        "gaps": ("category", lambda at: "" if at % 6 == 0 else f"s{at * 37 % 110}", "false", ["id", "time"]),
        "strings": ("string", lambda at: "" if at % 6 == 0 else f"s{at * 37 % 110}", "false", ["id", "time"]),
        "numbers": ("int32", lambda at: at * 37 % 110, "true", []),
    }
    for name, (kind, sensor, required, declared) in sensors.items():
        rows = [f"{sensor(at)},{'' if at % 11 == 0 else 1_700_000_000 + at * 7919 % 90_000},{at}" for at in range(40_000)]
        (bench.folder / "order.csv").write_text("id,time,v\n" + "\n".join(rows) + "\n")
        (bench.folder / "order.toml").write_text(
            f'[columns.id]\ntype = "{kind}"\nrole = "sensor"\nrequired = {required}\n[columns.time]\ntype = "timestamp"\n'
            'format = "epoch_s"\nrole = "time"\nrequired = false\n[columns.v]\ntype = "int32"\n[dedup]\nkey = []\n'
        )
        lake = bench.folder / f"order-{name}"
        bench.run("sensor", "ingest", "order.csv", "-o", lake, "--schema", "order.toml", "-m", "64MB", "--partition", "day")
        for path in sorted(lake.rglob("*.parquet")):
            file = parquet.ParquetFile(path)
            for group in range(file.metadata.num_row_groups):
                order = file.metadata.row_group(group).sorting_columns
                names = [file.metadata.schema.column(column.column_index).path for column in order]
                findings.expect(f"order declared by {name}, {path.name}", names, declared)
                flags = {(column.descending, column.nulls_first) for column in order}
                findings.expect(f"flags of the order by {name}", flags - {(False, False)}, set())
                table = file.read_row_group(group, columns=names).to_pydict() if names else {}
                # A key of bytes, as Parquet orders texts; a value that is missing is behind all others.
                key = [[(v is None, str(v).encode()) for v in values] for values in table.values()]
                keys = list(zip(*key))
                findings.expect(f"rows in the order declared by {name}", keys == sorted(keys), True)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    findings, bench = Findings(), Bench(sys.argv[1])
    connection = duckdb.connect()
    connection.execute("set threads = 1; set timezone = 'UTC'; set preserve_insertion_order = true")
    last = bench.folder / "last.toml"
    last.write_text(SCHEMA.read_text() + 'keep = "last"\n')
    for number, (name, inputs, options) in enumerate(CASES):
        sources, truths = [], []
        for place, words in enumerate(inputs):
            # Named against the order of the arguments: their order counts, not that of the names.
            source = bench.folder / f"{number}-{9 - place}.csv"
            truths.append(bench.run("synth", "telemetry", "-o", source, *words)["truth"])
            sources.append(source)
        read_sources(connection, sources)
        for keep, schema in (("first", SCHEMA), ("last", last)):
            what, lake = f"{name}, {keep}", bench.folder / f"lake-{number}-{keep}"
            result = bench.run("sensor", "ingest", *sources, "-o", lake, "--schema", schema, *options)
            connection.execute(
                f"create or replace view lake as select * from read_parquet('{lake}/**/*.parquet', "
                "hive_partitioning=true, filename=true, file_row_number=true)"
            )
            expect_rows(findings, connection, what, keep)
            expect_order(findings, connection, what)
            expect_manifest(findings, lake, what)
            lines, readings = (connection.execute(f"select count(*) from {table}").fetchone()[0] for table in ("line", "reading"))
            kept = connection.execute("select count(*) from wanted").fetchone()[0]
            rows = result["rows"]
            findings.expect(f"{what}: read", rows["read"], lines)
            findings.expect(f"{what}: rejected", rows["rejected"], lines - readings)
            findings.expect(f"{what}: duplicate", rows["duplicate"], readings - kept)
            findings.expect(f"{what}: written", rows["written"], kept)
            if len(truths) == 1:
                sql = "select sum(round(pm25::double * 100)::bigint) from lake"
                total = connection.execute(sql).fetchone()[0]
                findings.expect(f"{what}: sum of pm25 as generated", total, truths[0][f"pm25_sum_x100_{keep}"])
            print(f"{what}: {rows}", flush=True)
            if number == 0 and keep == "first":
                expect_opens(findings, connection, bench, lake)
    expect_declared_order(findings, bench)
    findings.close()


if __name__ == "__main__":
    main()
