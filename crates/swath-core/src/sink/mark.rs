//! The mark of the job that made a file, kept beside its contents: an extended attribute. Where a file system has none,
//! nothing is marked, and nobody can tell.

use std::path::Path;

const NAME: &str = "user.swath.job";
/// Longer marks are nobody's.
const LENGTH_MAX: usize = 64;

/// Marks a file as made by the job of that digest, where that is possible.
pub fn put_mark(path: &Path, digest: &str) {
    // What comes of a file that is not marked is that a resumed run asks for more.
    let _ = rustix::fs::setxattr(path, NAME, digest.as_bytes(), rustix::fs::XattrFlags::empty());
}

/// The mark of a file, if it has one.
pub fn mark_of(path: &Path) -> Option<String> {
    let mut text = [0; LENGTH_MAX];
    let length = rustix::fs::getxattr(path, NAME, &mut text[..]).ok()?;
    String::from_utf8(text.get(..length)?.to_vec()).ok()
}
