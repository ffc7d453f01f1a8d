//! Which geographic system with Greenwich longitudes stands behind one that counts from another prime meridian.
//!
//! These pairs are the "Longitude rotation" operations (EPSG method 9601) of the EPSG dataset; the angle itself is
//! that of the prime meridian in the definition. `tests/oracles/crs_points.py` holds them against PROJ.

/// Pairs of (code with another prime meridian, code of the same datum with Greenwich).
const GREENWICH_OF: [(u32, u32); 20] = [
    (4801, 4149), // CH1903 (Bern)
    (4802, 4218), // Bogota 1975 (Bogota)
    (4803, 4207), // Lisbon (Lisbon)
    (4804, 4257), // Makassar (Jakarta)
    (4805, 4312), // MGI (Ferro)
    (4806, 4265), // Monte Mario (Rome)
    (4807, 4275), // NTF (Paris)
    (4809, 4215), // BD50 (Brussels)
    (4810, 4297), // Tananarive (Paris)
    (4811, 4304), // Voirol 1875 (Paris)
    (4813, 4211), // Batavia (Jakarta)
    (4814, 4308), // RT38 (Stockholm)
    (4815, 4120), // Greek (Athens)
    (4816, 4223), // Carthage (Paris)
    (4817, 4273), // NGO 1948 (Oslo)
    (4818, 4156), // S-JTSK (Ferro)
    (4819, 4307), // Nord Sahara 1959 (Paris)
    (4820, 4613), // Segara (Jakarta)
    (4904, 4666), // Lisbon 1890 (Lisbon)
    (5229, 5228), // S-JTSK/05 (Ferro)
];

/// The code of the same datum with longitudes from Greenwich.
pub(crate) fn greenwich_of(code: u32) -> Option<u32> {
    GREENWICH_OF.iter().find(|(from, _)| *from == code).map(|(_, to)| *to)
}
