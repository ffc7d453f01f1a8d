"""The ingest as DuckDB does it: one row per key, one folder per day, Parquet with zstd; no points, no sort.

    python duckdb_ingest.py INPUT.csv OUTPUT [THREADS]

Prints one JSON object: wall_s, cpu_s, peak (resident bytes), output (bytes). It is a yardstick for `cargo xtask bench`.
"""

import json
import resource
import shutil
import sys
import time
from pathlib import Path

import duckdb

source, output = sys.argv[1], sys.argv[2]
threads = sys.argv[3] if len(sys.argv) > 3 and sys.argv[3] else "2"
values = ["lat", "lon", "pm25", "pm10", "temp_c", "rh", "soil_moisture", "battery_v"]
types = {"sensor_id": "VARCHAR", "timestamp": "TIMESTAMP"}
types |= {name: "DOUBLE" if name in ("lat", "lon", "pm25") else "FLOAT" for name in values}
columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
table = (
    f"read_csv('{source}', header=true, ignore_errors=true, auto_detect=false, delim=',', quote='', escape='', "
    f"columns={{{columns}}})"
)
picked = ", ".join(f"any_value({name}) as {name}" for name in values)

shutil.rmtree(output, ignore_errors=True)
started = time.monotonic()
connection = duckdb.connect()
connection.execute(f"set threads = {threads}; set temp_directory = '{output}.tmp'; set preserve_insertion_order = false")
connection.execute(
    f"copy (select sensor_id, timestamp, {picked}, strftime(timestamp, '%Y-%m-%d') as day from {table} "
    f"where sensor_id is not null and sensor_id <> '' group by sensor_id, timestamp) "
    f"to '{output}' (format parquet, compression zstd, partition_by (day), overwrite_or_ignore)"
)
wall = time.monotonic() - started
usage = resource.getrusage(resource.RUSAGE_SELF)
status = Path("/proc/self/status")
peak = usage.ru_maxrss * 1024
if status.exists():
    # The high-water mark of this process alone; ru_maxrss also counts the pages of the parent that started it.
    peak = next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
size = sum(file.stat().st_size for file in Path(output).rglob("*.parquet"))
print(json.dumps({"wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime, "peak": peak, "output": size}))
shutil.rmtree(output, ignore_errors=True)
