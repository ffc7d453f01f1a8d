"""The cases of real_files.py that swath must get right: what each file holds, found by reading it and never from swath.

Types are a letter a column, in the order of the columns: t timestamp, D date, i int32, l int64, f float, d double,
s string, c category, - no column of the lake, ? held back (PENDING says how it must be). By inference, decimals of up
to six digits are f and others d, coordinates d, and a column without values s.
"""

import pandas

LUFTDATEN = "cciddtfssfss"
NULLS = ["", "NULL", "-9999"]
MADAVI = ["Time", *(f"field_{number}" for number in range(2, 8)), "SDS_P1", "SDS_P2",
          *(f"field_{number}" for number in range(10, 19)), "samples", "field_20", "field_21", "signal"]


def iso(values):
    return pandas.to_datetime(values, utc=True, format="ISO8601")


def clock(offset, pattern="ISO8601"):
    """Reads times of a clock that keeps one offset from UTC all year."""
    def read(values):
        return pandas.to_datetime(values, format=pattern).dt.tz_localize(offset).dt.tz_convert("UTC")
    return read


def day_and_hour(offset):
    """Reads US dates and hours from 01:00 to 24:00, the last of which is the next day."""
    def read(values):
        days, hours = values.str.slice(0, 10), values.str.slice(11, 13).astype(int)
        times = pandas.to_datetime(days, format="%m/%d/%Y") + pandas.to_timedelta(hours, unit="h")
        return times.dt.tz_localize(offset).dt.tz_convert("UTC")
    return read


def joined(frame, *sources, name="timestamp"):
    """A time in several columns: they are one, and the first."""
    text = frame[sources[0]].str.cat([frame[source] for source in sources[1:]], sep=" ")
    return pandas.concat([text.rename(name), frame.drop(columns=list(sources))], axis=1)


def luftdaten_rows(frame):
    """One file was cut off inside its last row, which is no reading."""
    return frame[frame["lat"].notna() & (frame["P1"] != "")]


def uci_rows(frame):
    """The export ends with rows of semicolons only, and has two columns without a name."""
    return joined(frame[frame["Date"] != ""], "Date", "Time")


def without_types(frame):
    """The first row says types: 5s, 15s, 10n."""
    return frame.iloc[1:]


def nsrdb_time(frame):
    """The time in five columns, which inference takes for numbers."""
    parts = [frame[name] for name in ("Month", "Day", "Hour", "Minute")]
    return frame.assign(time=frame["Year"].str.cat(parts, sep=" "))


def places(count):
    """Columns that have no name, by their place."""
    return dict(header=None, names=[f"column_{number}" for number in range(1, count + 1)])


# name, files, rows that pandas must find (counted by hand), settings of pandas, types by inference,
# then optionally: what inference lacks, so that it does not count as right; a schema, what it lacks, its types, names
# in the file where they differ, reading of time, markers of no value where inference does not know them.
CASES = [
    dict(name="luftdaten days", files="luftdaten_days/*.csv", rows=6205, sep=";", types=LUFTDATEN,
         schema="luftdaten.toml", schema_types=dict(sensor_id="c", timestamp="t", lat="d", lon="d", P1="d", P2="d")),
    dict(name="luftdaten odd", files="luftdaten_odd/*.csv", rows=1274, rejected=1, sep=";", types=LUFTDATEN,
         prepare=luftdaten_rows),
    dict(name="council", files="council/*.csv", rows=44394, sep=";", types="tiiii",
         schema="council.toml", schema_types={"DateTime": "t", "no2": "i", "PM2.5": "d"},
         sources={"no2": "Nitrogen Dioxide"}),
    dict(name="Blacksmith Fork", files="logan_river/BlackSmithFork2015.csv", rows=12816, missing=NULLS,
         types="tfdifdifdifdifdifdi"),
    dict(name="Franklin Basin", files="logan_river/FranklinBasin2017_2019.csv", rows=103605, missing=NULLS,
         types="tffff", schema="logan_river.toml", time=clock("-07:00"),
         schema_types=dict(datetime="t", temp="d", cond="d", do="f")),
    # -9999 stands in 9 of 35,029 rows and in 2 of 8,736: found, since files of this size are looked at as a whole.
    dict(name="Main Street 2018", files="logan_river/MS2018.csv", rows=35029, missing=NULLS, types="tffff",
         schema="logan_river.toml", time=clock("-07:00"), schema_types=dict(datetime="t", temp="d", cond="d", do="f")),
    dict(name="Main Street 2020", files="logan_river/MainStreet2020.csv", rows=8736, missing=NULLS,
         types="tfssfssfssfdifssffi",
         schema="logan_river.toml", time=clock("-07:00"), schema_types=dict(datetime="t", temp="d", cond="d", do="f")),
    dict(name="Mendon", files="logan_river/Mendon2019.csv", rows=25883, missing=NULLS, types="tf?ifdifdifdiffifd?",
         schema="logan_river.toml", time=clock("-07:00"), schema_types=dict(datetime="t", temp="d", cond="d", do="f")),
    dict(name="Tony Grove", files="logan_river/TonyGrove2014.csv", rows=20674, missing=NULLS,
         types="tf?if?ifdifdsf?iffi", schema="logan_river.toml", time=clock("-07:00"),
         schema_types=dict(datetime="t", temp="d", cond="d", do="f")),
    # The first line is a title, behind a byte order mark; an event has a beginning and an end.
    dict(name="calibrations", files="logan_river/MainStreet_do_calib_dates.csv", rows=13,
         settings=dict(skiprows=1, encoding="utf-8-sig"), types="ttf"),
    # Rows have two fields more than the header names, and not at its end.
    dict(name="Madavi", files="madavi/*.csv", rows=588 + 588 + 589, sep=";",
         settings=dict(header=None, skiprows=1, names=MADAVI),
         schema="madavi.toml", schema_types=dict(Time="t", SDS_P1="f", SDS_P2="f", samples="i", signal="i")),
    # Comments, names, and below them a row of types.
    dict(name="USGS statistics", files="usgs/waterservices_stats.txt", rows=2164, sep="\t", settings=dict(comment="#"),
         prepare=without_types, partition="none", types="cccisiiiiiififfffffffffi"),
    dict(name="USGS sites", files="usgs/nwis_sites.txt", rows=206, sep="\t", settings=dict(comment="#"),
         prepare=without_types, partition="none", types="ccscddccf?cs",
         lacks="dec_lat_va is no name of a coordinate that it knows", schema="nwis_sites.toml",
         sources=dict(latitude="dec_lat_va", longitude="dec_long_va"),
         schema_types=dict(site_no="c", station_nm="s", latitude="d", longitude="d", alt_va="f", alt_acy_va="f",
                           huc_cd="c")),
    dict(name="Water Quality Portal", files="usgs/wqp_results.txt", rows=5, schema="wqp_results.toml",
         prepare=lambda frame: joined(joined(frame, "ActivityEndDate", "ActivityEndTime/Time", name="end"),
                                      "ActivityStartDate", "ActivityStartTime/Time"),
         schema_types=dict(site="c", start="t", end="t", characteristic="c", value="d", unit="c"), time=clock("-05:00"),
         sources=dict(site="MonitoringLocationIdentifier", start="timestamp", characteristic="CharacteristicName",
                      value="ResultMeasureValue", unit="ResultMeasure/MeasureUnitCode")),
    dict(name="Water Quality Portal, all columns", files="usgs/wqp_results.txt", rows=5,
         prepare=lambda frame: joined(frame, "ActivityStartDate", "ActivityStartTime/Time"),
         types="tccsccscDsc" + "s" * 7 + "ccc" + "s" * 9 + "csicscsc" + "s" * 23 + "c"),
    dict(name="laboratory", files="usgs/samples_results.txt", rows=79, time=clock("-05:00"), schema="usgs_samples.toml",
         prepare=lambda frame: joined(frame, "Activity_StartDate", "Activity_StartTime", name="time"),
         schema_types=dict(site="c", time="t", latitude="d", longitude="d", code="c", reading="s", characteristic="s",
                           value="d", unit="c", detection_limit="d", analysed="D"),
         sources=dict(site="Location_Identifier", latitude="Location_Latitude", longitude="Location_Longitude",
                      code="USGSpcode", reading="Result_MeasureIdentifier", characteristic="Result_Characteristic",
                      value="Result_Measure", unit="Result_MeasureUnit", detection_limit="DetectionLimit_MeasureB",
                      analysed="LabInfo_AnalysisStartDate")),
    dict(name="OpenAQ, long", files="openaq/air_quality_long.csv", rows=232, types="cctccfc",
         schema="openaq.toml", sources={"time": "date.utc"},
         schema_types=dict(location="c", time="t", parameter="c", value="d", unit="s")),
    dict(name="OpenAQ, wide", files="openaq/air_quality_no2.csv", rows=705, types="tfff"),
    # Every hour of the day of the clocks' change is there: the station keeps to winter time.
    dict(name="AirQualityUCI", files="AirQualityUCI.csv", rows=9357, sep=";", decimal=",",
         missing=["", "-200", "-200,0"], types="tfiifiiiiiifff--", prepare=uci_rows,
         inferred_time=clock("UTC", "%d/%m/%Y %H.%M.%S"),
         schema="air_quality_uci.toml", time=clock("+01:00", "%d/%m/%Y %H.%M.%S"),
         sources={"co": "CO(GT)", "nmhc": "NMHC(GT)", "benzene": "C6H6(GT)", "temperature": "T"},
         schema_types=dict(timestamp="t", co="d", nmhc="i", benzene="f", temperature="d")),
    dict(name="AirQuality, exported anew", files="AirQuality.csv", rows=9357, missing=["", "-200", "-200.0"],
         prepare=uci_rows, types="tfdiddfdfddddd"),
    dict(name="airports", files="vega/airports.csv", rows=3376, partition="none", types="sssccdd"),
    dict(name="bird strikes", files="vega/birdstrikes.csv", rows=10000, types="cccDcccccciiii"),
    dict(name="hourly normals", files="vega/seattle-weather-hourly-normals.csv", rows=8759, types="tfff"),
    dict(name="Seattle", files="vega/seattle-weather.csv", rows=1461, types="Dffffc"),
    dict(name="two cities", files="vega/weather.csv", rows=2922, types="cDffffc"),
    dict(name="wind", files="vega/windvectors.csv", rows=4800, partition="none", types="ddiif"),
    dict(name="TMY3", files="solar/703165TY.csv", rows=8760, settings=dict(skiprows=1), partition="year",
         prepare=lambda frame: joined(frame, "Date (MM/DD/YYYY)", "Time (HH:MM)"),
         types="t" + "i" * 23 + "ici" * 2 + "fci" * 2 + "ici" * 3 + "fci" + "ici" * 2 + "fci" * 3 + "iici",
         inferred_time=day_and_hour("UTC"), lacks="-9900 stands for no value in three columns",
         schema="tmy3.toml", time=day_and_hour("-09:00"), schema_missing=["", "-9900"],
         schema_types=dict(time="t", ghi="i", dry_bulb="d", visibility="i", visibility_source="c", ceiling="i",
                           precipitation="i", precipitation_hours="i"),
         sources={"time": "timestamp", "ghi": "GHI (W/m^2)", "dry_bulb": "Dry-bulb (C)", "visibility": "Hvis (m)",
                  "visibility_source": "Hvis source", "ceiling": "CeilHgt (m)", "precipitation": "Lprecip depth (mm)",
                  "precipitation_hours": "Lprecip quantity (hr)"}),
    dict(name="PVGIS year", files="solar/pvgis_tmy_test.csv", rows=8760, partition="year", types="tffffffffd",
         inferred_time=clock("UTC", "%Y%m%d:%H%M")),
    # A preamble, a table of months, the table, ten lines about its columns: these are no rows, and are rejected.
    dict(name="PVGIS year, whole file", files="solar/tmy_45.000_8.000_2005_2023.csv", rows=8760, rejected=10,
         partition="year", settings=dict(skiprows=17, nrows=8760), types="tffffffffd",
         inferred_time=clock("UTC", "%Y%m%d:%H%M")),
    dict(name="MIDC", files="solar/midc_20181014.txt", rows=1440, types="tfffff",
         prepare=lambda frame: joined(frame, "DATE (MM/DD/YYYY)", "MST"),
         inferred_time=clock("UTC", "%m/%d/%Y %H:%M"), schema="midc.toml", time=clock("-07:00", "%m/%d/%Y %H:%M"),
         schema_types={"time": "t", "global": "d", "accumulated": "d", "temperature_2m": "d"},
         sources={"time": "timestamp", "global": "Global PSP [W/m^2]",
                  "accumulated": "Global PSP (Accumulated) [kWhr/m^2]", "temperature_2m": "Temperature @ 2m [deg C]"}),
    dict(name="NSRDB", files="solar/test_read_psm4.csv", rows=17520, settings=dict(skiprows=2), partition="none",
         prepare=nsrdb_time,
         schema="nsrdb.toml", time=clock("-07:00", "%Y %m %d %H %M"),
         schema_types={"time": "t", "Temperature": "d", "GHI": "i", "Pressure": "i", "Wind Speed": "d"}),
    # The index that a program wrote has no name, and is the time.
    dict(name="NSRDB, index as time", files="solar/test_psm3_2019_5min.csv", rows=288,
         settings=places(15) | dict(skiprows=1), schema="nsrdb_indexed.toml",
         schema_types=dict(time="t", temperature="d", ghi="i", wind_speed="d"),
         sources=dict(time="column_1", temperature="column_7", ghi="column_11", wind_speed="column_15")),
    # Seven lines above the table name its columns, and each row ends in a comma.
    dict(name="NAME", files="NAME_output.txt", rows=49990, partition="none", settings=places(8) | dict(skiprows=26),
         schema="name_output.toml",
         schema_types=dict(x_grid="d", y_grid="d", longitude="d", latitude="d", ash_fl000="d", ash_fl200="d",
                           ash_fl350="d"),
         sources=dict(x_grid="column_1", y_grid="column_2", longitude="column_3", latitude="column_4",
                      ash_fl000="column_5", ash_fl200="column_6", ash_fl350="column_7")),
]
