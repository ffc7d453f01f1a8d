//! A small hash for identities (file ends, option strings) that must be the same on every machine and version.
//!
//! It is no defence against anybody; file contents are guarded by SHA-256 elsewhere.

/// FNV-1a over 64 bits (Fowler, Noll and Vo).
#[derive(Debug, Clone, Copy)]
pub struct Fnv64(u64);

impl Default for Fnv64 {
    fn default() -> Self {
        Fnv64(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv64 {
    /// Takes in `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The hash of all that was taken in.
    pub fn finish(self) -> u64 {
        self.0
    }

    /// The hash of one slice.
    pub fn of(bytes: &[u8]) -> u64 {
        let mut hash = Fnv64::default();
        hash.update(bytes);
        hash.finish()
    }
}
