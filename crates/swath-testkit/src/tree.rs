//! The sha256 of every file below a folder, to hold two outputs against each other byte for byte.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Files of a folder by their path in it, with the sha256 of their content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<String, String>);

impl Tree {
    /// Reads all files below `root`, or `root` if it is a file; panics where that cannot be done.
    pub fn of(root: &Path) -> Tree {
        let mut files = BTreeMap::new();
        if root.is_file() {
            return Tree([(String::new(), sha256(root))].into());
        }
        walk(root, root, &mut files);
        Tree(files)
    }

    /// The paths, in bytewise order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The folders just above the files, without `_swath`, in bytewise order, each once.
    pub fn partitions(&self) -> Vec<String> {
        let mut folders: Vec<String> = self
            .paths()
            .filter(|path| path.ends_with(".parquet"))
            .map(|path| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_string())
            .collect();
        folders.dedup();
        folders
    }

    /// The same without files that are hidden, or in a hidden folder.
    pub fn without_hidden(&self) -> Tree {
        let is_shown = |path: &String| !path.split('/').any(|name| name.starts_with('.'));
        Tree(self.0.iter().filter(|(path, _)| is_shown(path)).map(|(path, sum)| (path.clone(), sum.clone())).collect())
    }

    /// Whether all of its files are in `other` as they are.
    pub fn is_part_of(&self, other: &Tree) -> bool {
        self.0.iter().all(|(path, sum)| other.0.get(path) == Some(sum))
    }

    /// The paths of files that differ, or are in one of the two only.
    pub fn differing(&self, other: &Tree) -> Vec<String> {
        let names: std::collections::BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        names.into_iter().filter(|name| self.0.get(*name) != other.0.get(*name)).cloned().collect()
    }

    /// Panics, naming the files that differ, unless both are the same.
    pub fn assert_same(&self, other: &Tree, what: &str) {
        let differing = self.differing(other);
        assert!(differing.is_empty(), "{what}: {} of {} files differ: {differing:?}", differing.len(), self.0.len());
        assert!(!self.0.is_empty(), "{what}: there are no files to compare");
    }
}

fn walk(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            files.insert(name, sha256(&path));
        }
    }
}

/// The sha256 of a file; panics where it cannot be read.
pub fn sha256(path: &Path) -> String {
    let mut file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut state = Sha256::new();
    let mut bytes = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut bytes).unwrap();
        if count == 0 {
            break;
        }
        state.update(&bytes[..count]);
    }
    state.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_tells_two_trees_apart() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/date=1")).unwrap();
        std::fs::write(folder.path().join("a/date=1/part.parquet"), b"abc").unwrap();
        let before = Tree::of(folder.path());
        assert_eq!(before.partitions(), ["a/date=1"]);
        assert_eq!(
            before.0["a/date=1/part.parquet"],
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        std::fs::write(folder.path().join("a/date=1/part.parquet"), b"abb").unwrap();
        assert_ne!(before, Tree::of(folder.path()));
    }
}
