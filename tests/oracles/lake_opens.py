"""Opens a lake by the call that the docs name for each reader, and holds types, rows and CRS against expected facts.

    python lake_opens.py LAKE FACTS.json

FACTS.json: {"rows": 5998251,
             "columns": {"sensor_id": "category", "timestamp": "timestamp", "lat": "float64", "pm25": "float32"},
             "partitions": ["date"],
             "nulls": {"pm25": 60407},                      optional
             "sums": {"lat": 304683000.1},                  optional, compared to 1 in 10^9 (float32: 1 in 10^4)
             "time": ["2025-03-01T00:00:00Z", "2025-03-05T03:59:59Z"],   optional, of the first timestamp column
             "geometry": "geometry",                        optional; none where the lake has no points
             "crs": "OGC:CRS84"}                            optional, anything that pyproj understands

It prints one line of JSON per reader: {"reader", "status": "ok" | "failed" | "skipped", "detail"}. Exit code 0 if no
reader failed, else 1. It does not install anything: a reader that is not there is skipped.
"""

import json
import math
import sys
from datetime import datetime, timezone
from pathlib import Path


class Mismatch(Exception):
    """What a reader shows is not what was expected."""


def expect(what, got, wanted):
    if got != wanted:
        raise Mismatch(f"{what}: wanted {wanted!r}, got {got!r}")


def expect_types(found, facts, spellings):
    """`found` maps columns to the reader's own type names; `spellings` says which of them stand for a swath type."""
    for column, wanted in facts["columns"].items():
        if column not in found:
            raise Mismatch(f"no column {column!r}, only {sorted(found)}")
        if found[column] not in spellings[wanted]:
            raise Mismatch(f"{column}: wanted {wanted} as one of {spellings[wanted]}, got {found[column]!r}")
    for column in facts.get("partitions", []):
        if column not in found:
            raise Mismatch(f"no partition column {column!r}")


def expect_sum(column, got, facts):
    wanted = facts["sums"][column]
    tolerance = 1e-4 if facts["columns"][column] == "float32" else 1e-9
    if not math.isclose(float(got), wanted, rel_tol=tolerance):
        raise Mismatch(f"sum of {column}: wanted {wanted}, got {got}")


def moments(facts):
    """The time column and its range as aware datetimes, or nothing."""
    if "time" not in facts:
        return None
    column = next(name for name, kind in facts["columns"].items() if kind == "timestamp")
    return column, [datetime.fromisoformat(text.replace("Z", "+00:00")) for text in facts["time"]]


def expect_moments(got, facts):
    expect("time range", [moment.astimezone(timezone.utc) for moment in got], moments(facts)[1])


def with_duckdb(lake, facts):
    import duckdb

    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    table = f"read_parquet('{lake}/**/*.parquet', hive_partitioning=true)"
    found = {row[0]: row[1] for row in connection.execute(f"describe select * from {table}").fetchall()}
    expect_types(found, facts, {
        "category": ["VARCHAR"], "string": ["VARCHAR"], "bool": ["BOOLEAN"], "int32": ["INTEGER"], "int64": ["BIGINT"],
        "float32": ["FLOAT"], "float64": ["DOUBLE"], "timestamp": ["TIMESTAMP WITH TIME ZONE"], "date": ["DATE"],
    })

    def one(expression, where="true"):
        return connection.execute(f"select {expression} from {table} where {where}").fetchone()[0]

    expect("rows", one("count(*)"), facts["rows"])
    for column, nulls in facts.get("nulls", {}).items():
        expect(f"nulls of {column}", one("count(*)", f'"{column}" is null'), nulls)
    for column in facts.get("sums", {}):
        expect_sum(column, one(f'sum("{column}"::double)'), facts)
    if moments(facts):
        column = moments(facts)[0]
        got = [one(f'epoch_us({edge}("{column}"))') for edge in ("min", "max")]
        expect_moments([datetime.fromtimestamp(us / 1e6, timezone.utc) for us in got], facts)
    if facts.get("geometry"):
        boxed = one("count(*)", "bbox.xmin is not null")
        expect("boxes beside points", boxed, one(f'count("{facts["geometry"]}")'))
    return duckdb.__version__


def with_polars(lake, facts):
    import polars

    frame = polars.scan_parquet(f"{lake}/**/*.parquet", hive_partitioning=True)
    found = {name: str(dtype) for name, dtype in frame.collect_schema().items()}
    expect_types(found, facts, {
        "category": ["Categorical", "Enum"], "string": ["String"], "bool": ["Boolean"], "int32": ["Int32"],
        "int64": ["Int64"], "float32": ["Float32"], "float64": ["Float64"], "date": ["Date"],
        "timestamp": ["Datetime(time_unit='us', time_zone='UTC')"],
    })
    expect("rows", frame.select(polars.len()).collect().item(), facts["rows"])
    for column, nulls in facts.get("nulls", {}).items():
        expect(f"nulls of {column}", frame.select(polars.col(column).null_count()).collect().item(), nulls)
    for column in facts.get("sums", {}):
        expect_sum(column, frame.select(polars.col(column).cast(polars.Float64).sum()).collect().item(), facts)
    if moments(facts):
        column = polars.col(moments(facts)[0])
        low, high = frame.select(column.min().alias("low"), column.max().alias("high")).collect().row(0)
        expect_moments([low, high], facts)
        expect("rows at or before the last time", frame.filter(column <= high).select(polars.len()).collect().item(),
               facts["rows"] - facts.get("nulls", {}).get(moments(facts)[0], 0))
    return polars.__version__


def with_pandas(lake, facts):
    import pandas

    columns = [*facts["columns"], *facts.get("partitions", [])]
    frame = pandas.read_parquet(lake, columns=columns)
    found = {name: str(dtype) for name, dtype in frame.dtypes.items()}
    expect_types(found, facts, {
        "category": ["category"], "string": ["object", "str", "string"], "bool": ["bool", "object", "boolean"],
        "int32": ["int32", "float64"], "int64": ["int64", "float64"], "float32": ["float32"], "float64": ["float64"],
        "timestamp": ["datetime64[us, UTC]", "datetime64[ns, UTC]"], "date": ["object", "date32[day][pyarrow]"],
    })
    expect("rows", len(frame), facts["rows"])
    for column, nulls in facts.get("nulls", {}).items():
        expect(f"nulls of {column}", int(frame[column].isna().sum()), nulls)
    for column in facts.get("sums", {}):
        expect_sum(column, frame[column].astype("float64").sum(), facts)
    if moments(facts):
        column = frame[moments(facts)[0]]
        expect_moments([column.min().to_pydatetime(), column.max().to_pydatetime()], facts)
    return pandas.__version__


def with_pyarrow(lake, facts):
    import pyarrow
    import pyarrow.compute
    import pyarrow.dataset

    dataset = pyarrow.dataset.dataset(lake, partitioning="hive")
    found = {field.name: str(field.type) for field in dataset.schema}
    expect_types(found, facts, {
        "category": ["dictionary<values=string, indices=int32, ordered=0>"], "string": ["string"], "bool": ["bool"],
        "int32": ["int32"], "int64": ["int64"], "float32": ["float"], "float64": ["double"],
        "timestamp": ["timestamp[us, tz=UTC]"], "date": ["date32[day]"],
    })
    expect("rows", dataset.count_rows(), facts["rows"])
    for column, nulls in facts.get("nulls", {}).items():
        expect(f"nulls of {column}", dataset.count_rows(filter=pyarrow.dataset.field(column).is_null()), nulls)
    for column in facts.get("sums", {}):
        values = dataset.to_table(columns=[column])[column].cast("float64")
        expect_sum(column, pyarrow.compute.sum(values).as_py() or 0.0, facts)
    if moments(facts):
        column = moments(facts)[0]
        range_ = pyarrow.compute.min_max(dataset.to_table(columns=[column])[column]).as_py()
        expect_moments([range_["min"], range_["max"]], facts)
    return pyarrow.__version__


def with_pyarrow_footers(lake, facts):
    """Not a way to open a lake: what its files promise to readers that skip (statistics, page index, order)."""
    import pyarrow
    from pyarrow import parquet

    for file in sorted(Path(lake).rglob("*.parquet")):
        footer = parquet.read_metadata(file)
        for group in range(footer.num_row_groups):
            for leaf in range(footer.num_columns):
                column = footer.row_group(group).column(leaf)
                where = f"{file.name}, row group {group}, {column.path_in_schema}"
                expect(f"offset index of {where}", column.has_offset_index, True)
                if column.path_in_schema == facts.get("geometry"):
                    expect(f"statistics of {where}", column.statistics, None)
                elif column.statistics is None or not column.statistics.has_null_count:
                    raise Mismatch(f"no statistics of {where}")
        if facts.get("geometry"):
            geo = json.loads(footer.metadata[b"geo"])
            expect(f"version of {file.name}", geo["version"], "1.1.0")
            expect(f"geometry of {file.name}", geo["primary_column"], facts["geometry"])
            column = geo["columns"][facts["geometry"]]
            expect(f"encoding of {file.name}", column["encoding"], "WKB")
            expect(f"covering of {file.name}", sorted(column["covering"]["bbox"]), ["xmax", "xmin", "ymax", "ymin"])
    return pyarrow.__version__


def with_geopandas(lake, facts):
    import geopandas
    from pyproj import CRS

    if not facts.get("geometry"):
        return f"{geopandas.__version__} (no points to read)"
    # GeoPandas reads one folder of files that share a schema: a partition at a time.
    folders = sorted({file.parent for file in Path(lake).rglob("*.parquet")})
    rows = 0
    for folder in folders:
        for file in sorted(folder.glob("*.parquet")):
            frame = geopandas.read_parquet(file)
            rows += len(frame)
            expect("geometry column", frame.geometry.name, facts["geometry"])
            if "crs" in facts and CRS(frame.crs) != CRS(facts["crs"]):
                raise Mismatch(f"CRS: wanted {facts['crs']}, got {frame.crs}")
            there = frame[~frame.geometry.isna()]
            if len(there) == 0:
                continue
            west, south, east, north = there.total_bounds
            middle = ((west + east) / 2, (south + north) / 2)
            part = geopandas.read_parquet(file, bbox=(west, south, *middle))
            inside = there.geometry.x.le(middle[0]) & there.geometry.y.le(middle[1])
            # Boxes are rounded outward, so points just beyond the edge may come along; none may be missing.
            if len(part) < int(inside.sum()):
                raise Mismatch(f"read by bbox: wanted at least {int(inside.sum())} rows, got {len(part)}")
    expect("rows", rows, facts["rows"])
    return geopandas.__version__


READERS = {
    "duckdb": with_duckdb,
    "polars": with_polars,
    "pandas": with_pandas,
    "pyarrow": with_pyarrow,
    "pyarrow footers": with_pyarrow_footers,
    "geopandas": with_geopandas,
}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    lake, facts = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    failed = False
    for reader, open_lake in READERS.items():
        try:
            status, detail = "ok", open_lake(lake, facts)
        except ModuleNotFoundError as missing:
            status, detail = "skipped", f"{missing.name} is not installed"
        except Exception as error:  # noqa: BLE001 - any failure of a reader is the finding
            status, detail, failed = "failed", f"{type(error).__name__}: {error}", True
        print(json.dumps({"reader": reader, "status": status, "detail": detail}), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
