"""Holds ingests of real files against pandas: per column type, nulls, sum or distinct texts; time range in UTC; rows.

    python real_files.py SWATH CORPUS [--pending]

Each case is ingested by inference, and some again with a short schema file of tests/schemas. pandas gets every cell as
text and the settings of the case, which were found by reading the files; it infers nothing. At the end stands how many
of the files of the corpus are right. With --pending, the cases are those that swath does not get right yet.
"""

import sys
from pathlib import Path

import numpy
import pandas
import pyarrow
import pyarrow.compute
import pyarrow.dataset
from real_cases import CASES, iso
from real_documents import DOCUMENTS, PENDING
from swath_runs import Bench, Findings

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"
KINDS = {"t": "timestamp[us, tz=UTC]", "D": "date32[day]", "i": "int32", "l": "int64", "f": "float", "d": "double",
         "s": "string", "c": "dictionary<values=string, indices=int32, ordered=0>"}
NUMBERS = {"i": "int64", "l": "int64", "f": "float32", "d": "float64"}
OF_SWATH = {"geometry", "bbox"}


def as_text(case, paths):
    """All cells of all files as text, in the order of the paths; columns that a file lacks are missing there."""
    settings = dict(sep=case.get("sep", ","), dtype=str, keep_default_na=False, encoding="utf-8")
    settings |= case.get("settings", {})
    read = case.get("read", lambda path: pandas.read_csv(path, **settings))
    frame = pandas.concat([read(path) for path in paths], ignore_index=True)
    return case["prepare"](frame) if "prepare" in case else frame


def wanted_values(text, letter, decimal, missing, read_time):
    """What the cells of a column mean: numbers and microseconds since 1970 as floats, or texts; NaN for no value."""
    there = text[~(text.isna() | text.isin(missing))]
    if letter == "t":
        meant = read_time(there).dt.as_unit("us").astype("int64").astype("float64")
    elif letter in NUMBERS:
        numbers = there.str.replace(decimal, ".", regex=False).astype("float64")
        meant = numbers.astype(NUMBERS[letter]).astype("float64")
    else:
        meant = there.astype(object)
    return meant.reindex(text.index).reset_index(drop=True)


def found_values(column, letter):
    """The same of a column of the lake."""
    if letter == "t":
        column = pyarrow.compute.cast(column, "int64")
    if letter in NUMBERS or letter == "t":
        return pandas.Series(column.to_numpy(zero_copy_only=False).astype("float64"))
    return pandas.Series(column.cast("string").to_pylist(), dtype=object).astype(object)


def expect_column(findings, what, found, wanted, letter):
    findings.expect(f"{what}: nulls", int(found.isna().sum()), int(wanted.isna().sum()))
    found, wanted = found.dropna(), wanted.dropna()
    if letter == "t":
        for edge in ("min", "max"):
            got, want = (pandas.Timestamp(getattr(values, edge)(), unit="us", tz="UTC") for values in (found, wanted))
            findings.expect(f"{what}: {edge} in UTC", got, want)
        # As whole numbers of any size, so that no clock change in between can hide.
        findings.expect(f"{what}: sum of times", sum(map(int, found)), sum(map(int, wanted)))
    elif letter in NUMBERS:
        # Sorted alike, so that both sums add the same numbers in the same order.
        findings.expect(f"{what}: sum", *(float(numpy.sort(values.to_numpy()).sum()) for values in (found, wanted)))
    else:
        counts = (values.value_counts().to_dict() for values in (found, wanted))
        findings.expect(f"{what}: texts and how often", *counts)


def row_hashes(columns):
    """A number for each row, in no order of theirs; -0 is 0."""
    frame = pandas.DataFrame({name: values + 0.0 if values.dtype == "float64" else values.where(values.notna(), None)
                              for name, values in columns.items()})
    return numpy.sort(pandas.util.hash_pandas_object(frame, index=False).to_numpy())


def expect_lake(findings, what, lake, frame, types, case, missing, read_time):
    table = pyarrow.dataset.dataset(lake, partitioning=None).to_table()
    kinds = {field.name: str(field.type) for field in table.schema if field.name not in OF_SWATH}
    findings.expect(f"{what}: rows", table.num_rows, case["rows"])
    columns = [column for column, letter in types.items() if letter != "-"]
    findings.expect(f"{what}: columns", sorted(kinds), sorted(columns))
    if table.num_rows != len(frame):
        return
    found, wanted = {}, {}
    for column, letter in types.items():
        if letter in "-?":
            continue
        findings.expect(f"{what}, {column}: type", kinds.get(column), KINDS[letter])
        if kinds.get(column) == KINDS[letter]:
            source = column if column in frame else case.get("sources", {}).get(column, column)
            found[column] = found_values(table[column].combine_chunks(), letter)
            wanted[column] = wanted_values(frame[source], letter, case.get("decimal", "."), missing, read_time)
            expect_column(findings, f"{what}, {column}", found[column], wanted[column], letter)
    is_same = numpy.array_equal(row_hashes(found), row_hashes(wanted))
    findings.expect(f"{what}: values stand in the rows that they stood in", is_same, True)


def runs_of(case, frame):
    """What to run: name, options, what it lacks, types of columns, markers of no value, reading of time."""
    missing = case.get("missing", [""])
    if "types" in case:
        types = dict(zip(frame.columns, case["types"], strict=True))
        lacks = "lacks" in case or "?" in case["types"]
        yield "by inference", [], lacks, types, missing, case.get("inferred_time", iso)
    if "schema" in case:
        name, options, lacks = case["schema"], ["--schema", SCHEMAS / case["schema"]], "schema_lacks" in case
        yield name, options, lacks, case["schema_types"], case.get("schema_missing", missing), case.get("time", iso)


def run_cases(cases, findings, bench, folder, may_fail):
    """The files that are right, by inference and with a schema file."""
    right = {"by inference": set(), "with a schema file": set()}
    for number, case in enumerate(cases):
        paths = sorted(folder.glob(case["files"]))
        frame = as_text(case, paths)
        findings.expect(f"{case['name']}: rows by pandas", len(frame), case["rows"])
        for name, options, lacks, types, missing, read_time in runs_of(case, frame):
            what, lake = f"{case['name']} ({name})", bench.folder / f"lake-{number}-{len(options)}"
            words = ["--partition", case.get("partition", "month"), "-m", "64MB", *options]
            wrong = len(findings.wrong)
            try:
                result = bench.run("sensor", "ingest", folder / case["files"], "-o", lake, *words)
            except SystemExit as refusal:
                if not may_fail:
                    raise
                findings.expect(f"{what}: accepted", str(refusal).splitlines()[1], "a lake")
                continue
            findings.expect(f"{what}: rejected", result["rows"]["rejected"], case.get("rejected", 0))
            findings.expect(f"{what}: duplicates", result["rows"]["duplicate"], 0)
            expect_lake(findings, what, lake, frame, types, case, missing, read_time)
            print(f"{what}: {result['rows']}", flush=True)
            if not lacks and len(findings.wrong) == wrong:
                right["with a schema file" if options else "by inference"].update(paths)
    return right


def main():
    words = [word for word in sys.argv[1:] if word != "--pending"]
    if len(words) != 2:
        sys.exit(__doc__)
    is_pending = "--pending" in sys.argv
    findings, bench, folder = Findings(), Bench(words[0]), Path(words[1]).resolve() / "telemetry"
    files = {path for path in folder.rglob("*") if path.is_file()}
    of_cases = {path for case in CASES + DOCUMENTS + PENDING for path in folder.glob(case["files"])}
    findings.expect("files without a case", sorted(path.name for path in files - of_cases), [])
    right = run_cases(PENDING if is_pending else CASES + DOCUMENTS, findings, bench, folder, is_pending)
    inferred, schema = right["by inference"], right["with a schema file"] - right["by inference"]
    left = sorted(str(path.relative_to(folder)) for path in files - inferred - schema)
    print(f"of {len(files)} files, right by inference: {len(inferred)}, others with a schema file: {len(schema)}")
    if not is_pending:
        findings.expect("at least 44 files are right by inference", len(inferred) >= 44, True)
        findings.expect("files that are not right", left, [])
        print(f"refused or not right: {len(left)}: {', '.join(left)}")
    findings.close()


if __name__ == "__main__":
    main()
