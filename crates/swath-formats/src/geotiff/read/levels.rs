//! Which images a file holds: the one at full resolution, its overviews, and masks of either.
//!
//! Directories that form a loop end the walk; those that cannot be read cost a warning unless it is the first.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use swath_core::{Error, Result};

use super::directory::Directory;
use super::image::Image;
use super::input::Input;
use crate::geotiff::tags;

/// More images than anybody looks at.
const IMAGES: usize = 1024;

/// Bits of the kind of a subfile (tag 254).
const REDUCED: u64 = 1;
const MASK: u64 = 4;

/// An image with its file and its mask.
#[derive(Debug)]
pub(super) struct Level {
    pub input: Arc<Input>,
    pub image: Image,
    /// Where the tags of the image are.
    pub directory: Arc<Directory>,
    pub mask: Option<(Arc<Input>, Image)>,
    /// Whether it is in a file of its own.
    pub external: bool,
}

/// What the directories of a file hold.
struct Contents {
    input: Arc<Input>,
    images: Vec<(Directory, Image)>,
}

/// Opens a file and what is beside it: levels, full resolution first, and warnings.
pub(super) fn open(path: PathBuf) -> Result<(Vec<Level>, Vec<String>)> {
    let mut warnings = Vec::new();
    let contents = Contents::read(path.clone(), &mut warnings)?;
    let input = contents.input;
    let mut images = contents.images.into_iter();
    let Some((directory, image)) = images.next() else {
        return Err(input.corrupt(0, "it holds no image"));
    };
    let directory = Arc::new(directory);
    let mut levels = vec![Level { input: Arc::clone(&input), image, directory, mask: None, external: false }];
    let (masks, others): (Vec<_>, Vec<_>) = images.partition(|(_, image)| image.subfile & MASK != 0);
    add_overviews(&mut levels, &input, others, false);
    add_masks(&mut levels, &input, masks);
    if let Some(contents) = beside(&path, "ovr", &mut warnings) {
        let (masks, overviews): (Vec<_>, Vec<_>) =
            contents.images.into_iter().partition(|(_, image)| image.subfile & MASK != 0);
        let mut external = levels.split_off(1);
        let internal = levels.len();
        add_overviews(&mut levels, &contents.input, overviews, true);
        // Those beside a file are newer than those in it.
        if levels.len() == internal {
            levels.append(&mut external);
        }
        add_masks(&mut levels, &contents.input, masks);
    }
    if levels[0].mask.is_none()
        && let Some(contents) = beside(&path, "msk", &mut warnings)
    {
        let masks = contents.images;
        add_masks(&mut levels, &contents.input, masks);
    }
    // An overview without a mask of its own would take pixels for valid that are not.
    if levels[0].mask.is_some() {
        let before = levels.len();
        levels.retain(|level| level.mask.is_some());
        if levels.len() < before {
            warnings.push("overviews without a mask are left out, since the image has one".into());
        }
    }
    Ok((levels, warnings))
}

fn add_overviews(levels: &mut Vec<Level>, input: &Arc<Input>, images: Vec<(Directory, Image)>, external: bool) {
    let mut images = images;
    images.sort_by_key(|(_, image)| std::cmp::Reverse(image.shape.pixels()));
    for (directory, image) in images {
        let (full, last) = (&levels[0].image, &levels[levels.len() - 1].image);
        let smaller = image.shape.rows <= last.shape.rows
            && image.shape.columns <= last.shape.columns
            && image.shape != last.shape;
        let alike = image.samples == full.samples && image.data_type == full.data_type;
        if (external || image.subfile & REDUCED != 0) && smaller && alike {
            let (input, directory) = (Arc::clone(input), Arc::new(directory));
            levels.push(Level { input, image, directory, mask: None, external });
        }
    }
}

/// Gives each level the mask of its shape.
fn add_masks(levels: &mut [Level], input: &Arc<Input>, masks: Vec<(Directory, Image)>) {
    for (_, mask) in masks {
        let wanted = |level: &&mut Level| {
            let bands = mask.samples == 1 || mask.samples == level.image.samples;
            level.mask.is_none() && level.image.shape == mask.shape && bands && mask.data_type.size() == 1
        };
        if let Some(level) = levels.iter_mut().find(wanted) {
            level.mask = Some((Arc::clone(input), mask));
        }
    }
}

/// The file of that name with an ending more, if there is one and it is a TIFF.
/// The path of a file beside an image that is called after it.
pub fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn beside(path: &Path, ending: &str, warnings: &mut Vec<String>) -> Option<Contents> {
    let path = with_ending(path, ending);
    if !path.is_file() {
        return None;
    }
    match Contents::read(path, warnings) {
        Ok(contents) => Some(contents),
        Err(error) => {
            warnings.push(format!("left out: {error}"));
            None
        }
    }
}

impl Contents {
    fn read(path: PathBuf, warnings: &mut Vec<String>) -> Result<Contents> {
        let input = Arc::new(Input::open(path)?);
        let mut contents = Contents { images: Vec::new(), input: Arc::clone(&input) };
        let mut seen = Vec::new();
        let mut next = input.first;
        while next != 0 {
            if seen.contains(&next) {
                warnings.push(format!("the directory at byte {next} follows itself: the walk ends there"));
                break;
            }
            if seen.len() >= IMAGES {
                warnings.push(format!("it has more than {IMAGES} images: those beyond are left out"));
                break;
            }
            seen.push(next);
            next = match contents.add(next, &mut seen, warnings) {
                Ok(next) => next,
                Err(error) if contents.images.is_empty() => return Err(error),
                Err(error) => {
                    warnings.push(format!("an image is left out: {error}"));
                    break;
                }
            };
        }
        Ok(contents)
    }

    /// Reads a directory and those below it; answers where the next one is.
    fn add(&mut self, offset: u64, seen: &mut Vec<u64>, warnings: &mut Vec<String>) -> Result<u64> {
        let input = Arc::clone(&self.input);
        let directory = Directory::read(&input, offset)?;
        let next = directory.next;
        let below = directory.numbers(&input, tags::SUB_IFDS, IMAGES as u64);
        self.keep(directory, warnings)?;
        for first in below.unwrap_or_default() {
            // Each is the first of a chain of its own.
            let mut offset = first;
            while offset != 0 && seen.len() < IMAGES && !seen.contains(&offset) {
                seen.push(offset);
                let kept = Directory::read(&input, offset).and_then(|directory| {
                    offset = directory.next;
                    self.keep(directory, warnings)
                });
                if let Err(error) = kept {
                    warnings.push(format!("an image is left out: {error}"));
                    break;
                }
            }
        }
        Ok(next)
    }

    fn keep(&mut self, directory: Directory, warnings: &mut Vec<String>) -> Result<(), Error> {
        match Image::read(&self.input, &directory, self.images.len() as u32) {
            Ok(image) => self.images.push((directory, image)),
            // Only the first one is what was asked for.
            Err(error) if self.images.is_empty() => return Err(error),
            Err(error) => warnings.push(format!("an image is left out: {error}")),
        }
        Ok(())
    }
}
