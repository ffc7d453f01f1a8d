"""Holds ingests of Arrow IPC that pyarrow and Polars wrote against the table they wrote, and against its Parquet.

    python arrow_ingest.py SWATH

Every type that is read, as file and as stream, packed in every way, in one record batch and in many; dictionaries with
further entries and with other ones. The part of the lake must be, byte for byte, that which comes of the same table as
Parquet, and what pyarrow reads from it must be what was written.
"""

import gzip
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import polars
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather, ipc
from swath_runs import Bench, Findings

WORDS = ["--partition", "none", "--target-file-size", "1GB"]


def table_of(rows):
    """A column of every type; every seventh value is null, but for the first two columns."""
    def gaps(make, step=7):
        return [None if row % step == 3 else make(row) for row in range(rows)]

    start = datetime(2025, 3, 1)
    utc = start.replace(tzinfo=timezone.utc)
    moment = [start + timedelta(seconds=row * 61) for row in range(rows)]
    columns = {
        "id": pa.array(range(rows), pa.int64()),
        "time": pa.array([utc + timedelta(seconds=row) for row in range(rows)], pa.timestamp("us", "UTC")),
        "flag": pa.array(gaps(lambda row: row % 3 == 0), pa.bool_()),
        "dec32": pa.array(gaps(lambda row: Decimal(row * 7 - 90).scaleb(-2)), pa.decimal32(9, 2)),
        "dec64": pa.array(gaps(lambda row: Decimal(row * 7 - 90).scaleb(-3)), pa.decimal64(18, 3)),
        "dec128": pa.array(gaps(lambda row: Decimal(row * 12345678901234567 - 5).scaleb(-4)), pa.decimal128(38, 4)),
        "date32": pa.array(gaps(lambda row: date(1969, 1, 1) + timedelta(days=row % 50000)), pa.date32()),
        "date64": pa.array(gaps(lambda row: date(1999, 1, 1) + timedelta(days=row % 20000)), pa.date64()),
        "half": pa.array(gaps(lambda row: (row % 2000) / 8 - 60), pa.float16()),
        "single": pa.array(gaps(lambda row: row * 0.37 - 5), pa.float32()),
        "double": pa.array(gaps(lambda row: row * 0.123456789 - 5), pa.float64()),
        "text": pa.array(gaps(lambda row: f"ä{row}" + "x" * (row % 40)), pa.string()),
        "large": pa.array(gaps(lambda row: f"L{row % 50}"), pa.large_string()),
        "view": pa.array(gaps(lambda row: f"v{row}" if row % 2 else f"a longer text of row {row}"), pa.string_view()),
        "coded": pa.array(gaps(lambda row: f"c{row % 300}")).dictionary_encode(),
        "coded8": pa.array(gaps(lambda row: "abc"[row % 3])).cast(pa.dictionary(pa.int8(), pa.string())),
        "naive": pa.array([None if row % 7 == 3 else moment[row] for row in range(rows)], pa.timestamp("ms")),
    }
    for bits in (8, 16, 32, 64):
        half = 1 << (bits - 1)
        columns[f"int{bits}"] = pa.array(gaps(lambda row: (row * 7919) % (2 * half) - half), getattr(pa, f"int{bits}")())
        top = min(2 * half, 1 << 63)
        columns[f"uint{bits}"] = pa.array(gaps(lambda row: (row * 7919) % top), getattr(pa, f"uint{bits}")())
    for unit in ("s", "ms", "us", "ns"):
        columns[f"zoned_{unit}"] = pa.array(gaps(lambda row: start + timedelta(seconds=row)), pa.timestamp(unit, "Europe/Berlin"))
    return pa.table(columns)


def as_parquet(table):
    """The same table with the types that Parquet has for them here."""
    for number, field in enumerate(table.schema):
        if field.type == pa.float16():
            table = table.set_column(number, field.name, table[field.name].cast(pa.float32()))
        if field.type in (pa.string_view(), pa.large_string()) or pa.types.is_dictionary(field.type):
            table = table.set_column(number, field.name, table[field.name].cast(pa.string()))
        if pa.types.is_decimal(field.type) and field.type.bit_width < 128:
            table = table.set_column(number, field.name, table[field.name].cast(pa.decimal128(20, field.type.scale)))
    return table


def write(path, table, stream, codec, rows):
    options = ipc.IpcWriteOptions(compression=codec, emit_dictionary_deltas=not stream)
    make = ipc.new_stream if stream else ipc.new_file
    with make(str(path), table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)


def part(bench, source, lake, *words):
    result = bench.run("sensor", "ingest", source, "-o", lake, *WORDS, *words)
    return (bench.folder / lake / "part-00000.parquet").read_bytes(), result


def expect_values(findings, what, lake, table):
    """The lake has the values that were written, as pyarrow reads both."""
    got = pq.read_table(lake)
    findings.expect(f"{what}: rows", got.num_rows, table.num_rows)
    for field in table.schema:
        values, wanted = got[field.name], table[field.name]
        if pa.types.is_dictionary(values.type):
            values = values.cast(pa.string())
        if pa.types.is_dictionary(field.type) or field.type in (pa.string_view(), pa.large_string()):
            wanted = wanted.cast(pa.string())
        elif pa.types.is_decimal(field.type):
            wanted = pa.chunked_array([pa.array([None if v is None else float(v) for v in wanted.to_pylist()], pa.float64())])
        elif field.type == pa.timestamp("ms"):
            wanted = wanted.cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
        elif pa.types.is_date(field.type):
            wanted = wanted.cast(pa.date32())
        if pa.types.is_timestamp(values.type):
            values, wanted = values.cast(pa.int64()), wanted.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        same = values.combine_chunks().to_pylist() == wanted.combine_chunks().to_pylist()
        findings.expect(f"{what}: {field.name} ({field.type})", same, True)


def expect_layouts(findings, bench):
    table = table_of(30_000)
    pq.write_table(as_parquet(table), bench.folder / "in.parquet")
    wanted, _ = part(bench, "in.parquet", "parquet", "-m", "256MB")
    for stream in (False, True):
        for codec in (None, "lz4", "zstd"):
            for rows in (30_000, 7_001, 640):
                name = f"{'stream' if stream else 'file'}-{codec}-{rows}"
                write(bench.folder / f"{name}.arrow", table, stream, codec, rows)
                got, result = part(bench, f"{name}.arrow", name, "-m", "128MB")
                findings.expect(f"{name}: rows read", result["rows"]["read"], table.num_rows)
                findings.expect(f"{name}: the part is that of Parquet", got == wanted, True)
    expect_values(findings, "layouts", bench.folder / "file-lz4-640" / "part-00000.parquet", table)
    # From a pipe, and packed as a whole.
    whole = (bench.folder / "stream-zstd-7001.arrow").read_bytes()
    (bench.folder / "whole.arrow.gz").write_bytes(gzip.compress(whole, 1))
    got, _ = part(bench, "whole.arrow.gz", "gz", "-m", "128MB")
    findings.expect("gzip: the part is that of Parquet", got == wanted, True)
    command = [bench.program, "sensor", "ingest", "-", "-o", "piped", *WORDS, "-m", "128MB", "--json"]
    done = subprocess.run(command, cwd=bench.folder, input=whole, capture_output=True)
    findings.expect(f"standard input: exit {done.stderr[-300:]}", done.returncode, 0)
    if done.returncode == 0:
        got = (bench.folder / "piped" / "part-00000.parquet").read_bytes()
        findings.expect("standard input: the part is that of Parquet", got == wanted, True)


def expect_large_batches(findings, bench):
    """One record batch, packed, with more rows than are unpacked in memory."""
    table = table_of(250_000).select(["id", "time", "double", "text", "view", "coded", "int16"])
    pq.write_table(as_parquet(table), bench.folder / "large.parquet")
    wanted, _ = part(bench, "large.parquet", "large-parquet", "-m", "256MB")
    for codec in (None, "lz4", "zstd"):
        write(bench.folder / f"large-{codec}.arrow", table, codec == "lz4", codec, 1 << 30)
        got, result = part(bench, f"large-{codec}.arrow", f"large-{codec}", "-m", "64MB")
        findings.expect(f"large, {codec}: the part is that of Parquet", got == wanted, True)
        memory = result["memory"]
        findings.expect(f"large, {codec}: peak within the prediction", memory["actual_peak"] <= memory["predicted_peak"], True)


def expect_dictionaries(findings, bench):
    """Dictionaries that grow, and such that are replaced."""
    rows = 5_000
    texts = [[f"{letter}{row % 50}" for row in range(rows)] for letter in "abca"]
    plain = pa.table({"id": pa.array(range(4 * rows)), "key": pa.array(sum(texts, []))})
    pq.write_table(plain, bench.folder / "keys.parquet")
    # Some types of columns are told by the file: strings in both.
    for deltas, stream in ((True, False), (True, True), (False, True)):
        name = f"keys-{'deltas' if deltas else 'replaced'}-{'stream' if stream else 'file'}"
        known, batches = [], []
        for number, own in enumerate(texts):
            known = known + sorted(set(own) - set(known)) if deltas else sorted(set(own))
            codes = pa.array([known.index(text) for text in own], pa.int16())
            coded = pa.DictionaryArray.from_arrays(codes, pa.array(known))
            batches.append(pa.record_batch({"id": pa.array(range(number * rows, (number + 1) * rows)), "key": coded}))
        make = ipc.new_stream if stream else ipc.new_file
        options = ipc.IpcWriteOptions(emit_dictionary_deltas=deltas)
        with make(str(bench.folder / f"{name}.arrow"), batches[0].schema, options=options) as writer:
            for batch in batches:
                writer.write_batch(batch)
        part(bench, f"{name}.arrow", name, "-m", "64MB")
        got = pq.read_table(bench.folder / name / "part-00000.parquet")
        findings.expect(f"{name}: keys", got["key"].cast(pa.string()).to_pylist(), plain["key"].to_pylist())
        findings.expect(f"{name}: order", got["id"].to_pylist(), plain["id"].to_pylist())
    # Values that are no texts.
    numbers = pa.array([float(row % 9) for row in range(rows)]).dictionary_encode()
    table = pa.table({"id": pa.array(range(rows)), "number": numbers})
    write(bench.folder / "numbers.arrow", table, False, "zstd", 1_000)
    part(bench, "numbers.arrow", "numbers", "-m", "64MB")
    got = pq.read_table(bench.folder / "numbers" / "part-00000.parquet")
    findings.expect("a dictionary of numbers", got["number"].to_pylist(), numbers.to_pylist())


def expect_polars(findings, bench):
    table = table_of(20_000).drop(["dec32", "dec64", "half", "coded8"])
    frame = polars.from_arrow(table)
    frame.write_parquet(bench.folder / "polars.parquet")
    wanted, _ = part(bench, "polars.parquet", "polars-parquet", "-m", "256MB")
    for codec in ("uncompressed", "lz4", "zstd"):
        for stream in (False, True):
            name = f"polars-{codec}-{'stream' if stream else 'file'}"
            write_frame = frame.write_ipc_stream if stream else frame.write_ipc
            write_frame(bench.folder / f"{name}.arrow", compression=codec)
            got, _ = part(bench, f"{name}.arrow", name, "-m", "128MB")
            findings.expect(f"{name}: the part is that of Parquet", got == wanted, True)


def expect_members(findings, bench):
    """Members of structs are columns, null where the struct is; lists are left out."""
    rows = 3_000
    inner = [None if row % 5 == 2 else {"a": row, "b": f"t{row}"} for row in range(rows)]
    table = pa.table({"id": pa.array(range(rows)), "s": pa.array(inner), "l": pa.array([[row] for row in range(rows)])})
    feather.write_feather(table, str(bench.folder / "members.feather"))
    _, result = part(bench, "members.feather", "members", "-m", "64MB")
    got = pq.read_table(bench.folder / "members" / "part-00000.parquet")
    findings.expect("members: a", got["s.a"].to_pylist(), [None if one is None else one["a"] for one in inner])
    findings.expect("members: b", got["s.b"].cast(pa.string()).to_pylist(), [None if one is None else one["b"] for one in inner])
    findings.expect("members: columns", [name for name in got.column_names if name == "l"], [])


def main():
    findings, bench = Findings(), Bench(sys.argv[1])
    expect_layouts(findings, bench)
    expect_large_batches(findings, bench)
    expect_dictionaries(findings, bench)
    expect_polars(findings, bench)
    expect_members(findings, bench)
    findings.close()


if __name__ == "__main__":
    main()
