"""The cases of real_files.py that swath does not get right yet, and how their files are read: JSON, Parquet, columns of
fixed width. They move to CASES one by one.

A column of a document is a dotted path. Its rows are the elements of the innermost array, with the fields of each
object around them repeated; a path begins at the element it is in, not at the root.
"""

import json
import re

import pandas
import pyarrow.parquet
from real_cases import LUFTDATEN, NULLS, clock, iso, joined, places

TMY2 = [3, 2, 2, 2, 4, 4, 4, 1, 1, 4, 1, 1, 4, 1, 1, 4, 1, 1, 4, 1, 1, 4, 1, 1, 4, 1, 1, 2, 1, 1, 2, 1, 1,
        4, 1, 1, 4, 1, 1, 3, 1, 1, 4, 1, 1, 3, 1, 1, 3, 1, 1, 4, 1, 1, 5, 1, 1, 10, 3, 1, 1, 3, 1, 1, 3, 1, 1, 2, 1, 1]


def document(path):
    """Numbers stay the text that they are, so that no digit is lost on the way."""
    return json.loads(path.read_text("utf-8"), parse_float=str, parse_int=str)


def records(path):
    """An array of flat objects."""
    return pandas.DataFrame(document(path), dtype=object)


def features(path):
    """GeoJSON: a row is a feature."""
    rows = []
    for feature in document(path)["features"]:
        properties = {f"properties.{name}": value for name, value in feature["properties"].items()}
        place = {f"geometry.coordinates.{n}": value for n, value in enumerate(feature["geometry"]["coordinates"])}
        rows.append({"id": feature["id"]} | properties | place)
    return pandas.DataFrame(rows, dtype=object)


def waterml(path):
    """WaterML in JSON: a row is a value of a series; most series of days have none."""
    rows = []
    for series in document(path)["value"]["timeSeries"]:
        source, variable = series["sourceInfo"], series["variable"]
        place = source["geoLocation"]["geogLocation"]
        around = {"site": source["siteCode"][0]["value"], "parameter": variable["variableCode"][0]["value"],
                  "unit": variable["unit"]["unitCode"]} | {name: place[name] for name in ("latitude", "longitude")}
        rows += [around | {"time": value["dateTime"], "value": value["value"], "qualifier": value["qualifiers"][0]}
                 for values in series["values"] for value in values["value"]]
    return pandas.DataFrame(rows, dtype=object)


def big_dump(path):
    """Readings are members of an object, whose names are seconds since 1970."""
    rows = []
    for location, place in document(path).items():
        around = {"location": location, "latitude": place["info"]["latitude"], "longitude": place["info"]["longitude"]}
        rows += [around | {"time": moment} | reading for moment, reading in place["readings"].items()]
    return pandas.DataFrame(rows, dtype=object)


def parquet(path):
    return pyarrow.parquet.read_table(path).to_pandas().astype(str)


def fixed(widths, skip):
    """Columns of fixed width."""
    def read(path):
        settings = dict(dtype=str, keep_default_na=False) | places(len(widths))
        return pandas.read_fwf(path, widths=widths, skiprows=skip, **settings)
    return read


def blanks(count, skip):
    """Columns with any number of blanks between and before them."""
    def read(path):
        return pandas.read_csv(path, sep=r"\s+", skiprows=skip, dtype=str, keep_default_na=False, **places(count))
    return read


def repeated(letters):
    """2i3s is iisss."""
    return re.sub(r"(\d+)(.)", lambda found: int(found[1]) * found[2], letters)


def epoch(unit):
    def read(values):
        return pandas.to_datetime(values.astype("int64"), unit=unit, utc=True)
    return read


def surfrad_time(frame):
    return joined(frame, "column_1", "column_3", "column_4", "column_5", "column_6", name="time")


def midc_time(frame):
    """The clock has no zeros before it: 107 is seven minutes past one."""
    return joined(frame.assign(MST=frame["MST"].str.zfill(4)), "Year", "DOY", "MST", name="time")


def day_and_minute(offset):
    """Reads years, days of the year, and hours with minutes up to 2400, which is the next day."""
    def read(values):
        parts = values.str.split(" ", expand=True)
        minutes = pandas.to_timedelta(parts[2].str[:2].astype(int) * 60 + parts[2].str[2:].astype(int), unit="min")
        days = pandas.to_datetime(parts[0] + " " + parts[1], format="%Y %j")
        return (days + minutes).dt.tz_localize(offset).dt.tz_convert("UTC")
    return read


def interval(values):
    """The time is the beginning of an interval."""
    return iso(values.str.split("/").str[0])


DOCUMENTS = [
    dict(name="luftdaten, JSON", files="luftdaten_odd/*.json", rows=589, read=records, types=LUFTDATEN),
    # Two fields without a name moved the others, as in the CSV of the day: Max_cycle is samples, Signal a cycle.
    dict(name="Madavi, JSON", files="madavi/*.json", rows=589, read=records, types="tssssssffssffsssssii",
         inferred_time=clock("UTC", "%Y/%m/%d %H:%M:%S")),
    dict(name="big dump", files="1*.json", rows=21431 + 8051, read=big_dump, time=epoch("s"),
         schema="big_dump.toml", schema_types=dict(location="c", time="t", latitude="d", longitude="d", P1="d",
                                                           P2="d", humidity="f", temperature="f")),
    dict(name="earthquakes", files="vega/earthquakes.json", rows=1707, read=features, time=epoch("ms"),
         schema="earthquakes.toml",
         schema_types=dict(id="s", time="t", updated="t", longitude="d", latitude="d", depth="d", magnitude="d",
                           felt="i", gap="d", alert="c", place="s"),
         sources={"time": "properties.time", "updated": "properties.updated", "longitude": "geometry.coordinates.0",
                  "latitude": "geometry.coordinates.1", "depth": "geometry.coordinates.2",
                  "magnitude": "properties.mag", "felt": "properties.felt",
                  "gap": "properties.gap", "alert": "properties.alert",
                  "place": "properties.place"}),
    *(dict(name=f"WaterML, {name}", files=f"usgs/{files}", rows=rows, read=waterml, schema="waterml.toml",
           schema_types=dict(site="c", time="t", latitude="d", longitude="d", parameter="c", unit="c", value="d",
                             qualifier="c"))
      for name, files, rows in [("instants", "waterservices_iv.txt", 20), ("days", "waterservices_dv.txt", 4)]),
    dict(name="TMY2", files="solar/12839.tm2", rows=8760, read=fixed(TMY2, 1), partition="none",
         schema="tmy2.toml", missing=["", "9999"],
         schema_types=dict(year="i", month="i", day="i", hour="i", ghi="i", ghi_source="c", dry_bulb="i",
                           visibility="i", weather="s", days_since_snow="i"),
         sources=dict(year="column_1", month="column_2", day="column_3", hour="column_4", ghi="column_7",
                      ghi_source="column_8", dry_bulb="column_34", visibility="column_52", weather="column_58",
                      days_since_snow="column_68")),
    *(dict(name=f"USCRN, {name}", files=f"solar/{files}", rows=rows, read=blanks(23, 0), schema="uscrn.toml",
           missing=["", "-99999", "-9999.0", "-99.000"], time=clock("UTC", "%Y%m%d %H%M"),
           prepare=lambda frame: joined(frame, "column_2", "column_3", name="time"),
           schema_types=dict(station="c", time="t", version="f", longitude="d", latitude="d", temperature="f",
                             radiation="i", surface_type="c", soil_moisture="f", soil_temperature="f", wind="f"),
           sources=dict(station="column_1", version="column_6", longitude="column_7", latitude="column_8",
                        temperature="column_9", radiation="column_11", surface_type="column_14",
                        soil_moisture="column_18", soil_temperature="column_19", wind="column_22"))
      for name, files, rows in [("Tucson", "CRNS0101-*.txt", 4), ("blanks before a row", "CRN_with_problems.txt", 3)]),
    dict(name="SURFRAD", files="solar/surfrad-slv16001.dat", rows=1440, read=blanks(48, 2), prepare=surfrad_time,
         schema="surfrad.toml", missing=["", "-9999.9"], time=clock("UTC", "%Y %m %d %H %M"),
         schema_types=dict(time="t", zenith="d", downwelling="d", uvb="d", uvb_flag="i", pressure="d"),
         sources=dict(zenith="column_8", downwelling="column_9", uvb="column_29", uvb_flag="column_30",
                      pressure="column_47")),
    dict(name="flights", files="vega/flights-3m.parquet", rows=3_000_000, read=parquet, types="tllcc"),
    dict(name="CAMS radiation", files="solar/cams_radiation_1min_verbose.csv", rows=4, sep=";",
         settings=dict(skiprows=67), missing=["", "nan"], time=interval, schema="cams_radiation.toml",
         schema_types=dict(time="t", GHI="d", alpha="f"), sources={"time": "# Observation period"}),
    dict(name="MIDC, raw", files="solar/midc_raw_20181018.txt", rows=1440, prepare=midc_time,
         missing=["", "-7999.0"], time=clock("-07:00", "%Y %j %H%M"), schema="midc_raw.toml",
         schema_types=dict(time="t", direct="d", pyrheliometer_temperature="d", pyranometer_temperature="d",
                           pressure="d", gust="f"),
         sources={"direct": "Direct Normal [W/m^2]", "pyrheliometer_temperature": "Temp CHP1 [deg C]",
                  "pyranometer_temperature": "Temp CM22 (platform) [deg C]", "pressure": "Station Pressure [mBar]",
                  "gust": "Peak Wind Speed @ 3m [m/s]"}),
    dict(name="MIDC, short header", files="solar/midc_raw_short_header_20191115.txt", rows=1440,
         settings=places(26) | dict(skiprows=1), missing=["", "-7999"], time=clock("-06:00", "%Y %j %H%M"),
         prepare=lambda frame: midc_time(frame.rename(columns=dict(column_2="Year", column_3="DOY", column_4="MST"))),
         schema="midc_short_header.toml", schema_types={"time": "t", "direct": "d", "unnamed_last": "i"},
         sources={"direct": "column_6", "unnamed_last": "column_26"}),
    # Seven lines after the table say what its columns are, and one whose they are: these are no rows.
    dict(name="PVGIS day", files="solar/pvgis_hourly_*.csv", rows=14, settings=dict(skiprows=8, nrows=14),
         schema="pvgis_hourly.toml", time=clock("UTC", "%Y%m%d:%H%M"),
         schema_types=dict(zip(["time", "Gb(i)", "Gd(i)", "Gr(i)", "H_sun", "T2m", "WS10m", "Int"], "tfffffff"))),
    dict(name="PVGIS year, no rejects", files="solar/tmy_45.000_8.000_2005_2023.csv", rows=8760, partition="year",
         settings=dict(skiprows=17, nrows=8760), schema="pvgis_tmy.toml", time=clock("UTC", "%Y%m%d:%H%M"),
         schema_types=dict(zip(["time(UTC)", "T2m", "RH", "G(h)", "Gb(n)", "Gd(h)", "IR(h)", "WS10m", "WD10m", "SP"],
                               "tffffffffd"))),
    # The first line is station, year and numbers of quantities; -999 stands in one row.
    dict(name="SRML", files="solar/SRML-day-EUPO1801.txt", rows=1440, sep="\t", missing=["", "-999"],
         settings=places(10) | dict(skiprows=1), schema="srml.toml", time=day_and_minute("-08:00"),
         prepare=lambda frame: frame.assign(time="2018 " + frame["column_1"] + " " + frame["column_2"].str.zfill(4)),
         schema_types={"time": "t", "global": "i", "global_flag": "i", "direct": "i", "direct_flag": "i",
                       "diffuse": "d"},
         sources={"global": "column_3", "global_flag": "column_4", "direct": "column_5", "direct_flag": "column_6",
                  "diffuse": "column_9"}),
]

PENDING = [
    # The first line is no row, though it looks like one.
    dict(name="SRML, by inference", files="solar/SRML-day-EUPO1801.txt", rows=1440, sep="\t", missing=["", "-999"],
         partition="none", settings=places(10) | dict(skiprows=1), types="iiiiiiiifi"),
    # Two of 22,100 values and twelve of 20,672 have more digits than 32 bits keep, and 72 of 25,883 are there at all.
    dict(name="Mendon, all columns", files="logan_river/Mendon2019.csv", rows=25883, missing=NULLS,
         types="tfdifdifdifdiffifdi"),
    dict(name="Tony Grove, all columns", files="logan_river/TonyGrove2014.csv", rows=20674, missing=NULLS,
         types="tfdifdifdifdsfdiffi"),
    # A reading of the laboratory has an id of its own, so that none is the same as another.
    dict(name="laboratory, by inference", files="usgs/samples_results.txt", rows=79,
         prepare=lambda frame: joined(frame, "Activity_StartDate", "Activity_StartTime"),
         types=repeated("t3c5s3cs5cs2c2s2dc2dcscs3c3sc12sc11si2csc13s2c4sc2s3c19sfcsc2sc1"
                        "0scfcscf2c5s3c5scD21scs2cD2s")),
]
