//! Which images a file holds: the one at full resolution, its overviews, and masks of either.
//!
//! Directories that form a loop end the walk; those that cannot be read cost a warning unless it is the first. Of pages
//! beyond the first nothing is kept, and what images say of their blocks must be theirs alone: what is held of a file, and
//! the time to look at it, is bounded by its length.

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
    pub mask: Option<(Arc<Input>, Image)>,
    /// Whether it is in a file of its own.
    pub external: bool,
}

/// What a file and those beside it hold.
pub(super) struct Opened {
    /// Full resolution first.
    pub levels: Vec<Level>,
    /// Where the tags of the image at full resolution are.
    pub directory: Directory,
    pub warnings: Vec<String>,
}

/// What the directories of a file hold.
struct Contents {
    input: Arc<Input>,
    /// Whether it is beside an image, so that all of its images are of that one.
    is_beside: bool,
    images: Vec<Image>,
    /// That of the first image.
    directory: Option<Directory>,
    /// Directories that were looked at.
    walked: u32,
    /// Further pages, of which nothing is kept.
    pages: u32,
    /// Bytes of the file that images have to themselves.
    claimed: u64,
}

/// Opens a file and what is beside it.
pub(super) fn open(path: PathBuf) -> Result<Opened> {
    let mut warnings = Vec::new();
    let contents = Contents::read(path.clone(), false, &mut warnings)??;
    if contents.pages > 0 {
        let what = if contents.pages == 1 { "a further page is" } else { "further pages are" };
        warnings.push(format!("{what} left out ({} after the first): gdal_translate can part them", contents.pages));
    }
    let (input, mut images) = (contents.input, contents.images.into_iter());
    let (Some(image), Some(directory)) = (images.next(), contents.directory) else {
        return Err(input.corrupt(0, "it holds no image"));
    };
    let mut levels = vec![Level { input: Arc::clone(&input), image, mask: None, external: false }];
    let (masks, others): (Vec<_>, Vec<_>) = images.partition(|image| image.subfile & MASK != 0);
    add_overviews(&mut levels, &input, others, false);
    let mut unfit = add_masks(&mut levels, &input, masks);
    // As in GDAL, those in the file go before those beside it.
    if levels.len() == 1
        && let Some(contents) = beside(&path, "ovr", &mut warnings)?
    {
        let (masks, overviews): (Vec<_>, Vec<_>) =
            contents.images.into_iter().partition(|image| image.subfile & MASK != 0);
        add_overviews(&mut levels, &contents.input, overviews, true);
        add_masks(&mut levels, &contents.input, masks);
    }
    if levels[0].mask.is_none()
        && let Some(contents) = beside(&path, "msk", &mut warnings)?
    {
        unfit = add_masks(&mut levels, &contents.input, contents.images).or(unfit);
    }
    if levels[0].mask.is_some() {
        // An overview without a mask of its own would take pixels for valid that are not.
        let before = levels.len();
        levels.retain(|level| level.mask.is_some());
        if levels.len() < before {
            warnings.push("overviews without a mask are left out, since the image has one".into());
        }
    } else if let Some(mask) = unfit {
        let (got, wanted) = (mask.shape, levels[0].image.shape);
        warnings.push(format!(
            "a mask of {} columns × {} rows and {} bands of {} is left out: the image has {} × {}",
            got.columns, got.rows, mask.samples, mask.data_type, wanted.columns, wanted.rows
        ));
    }
    for level in &mut levels {
        level.image.survey(&level.input)?;
        if let Some((input, mask)) = &mut level.mask {
            mask.survey(input)?;
        }
    }
    Ok(Opened { levels, directory, warnings })
}

fn add_overviews(levels: &mut Vec<Level>, input: &Arc<Input>, images: Vec<Image>, external: bool) {
    let mut images = images;
    images.sort_by_key(|image| std::cmp::Reverse(image.shape.pixels()));
    for image in images {
        let (full, last) = (&levels[0].image, &levels[levels.len() - 1].image);
        let smaller = image.shape.rows <= last.shape.rows
            && image.shape.columns <= last.shape.columns
            && image.shape != last.shape;
        let alike = image.samples == full.samples && image.data_type == full.data_type;
        if smaller && alike {
            levels.push(Level { input: Arc::clone(input), image, mask: None, external });
        }
    }
}

/// Gives each level the mask of its shape; answers the largest one that no level can have.
fn add_masks(levels: &mut [Level], input: &Arc<Input>, masks: Vec<Image>) -> Option<Image> {
    let mut unfit = Vec::new();
    for mask in masks {
        let wanted = |level: &&mut Level| {
            let bands = mask.samples == 1 || mask.samples == level.image.samples;
            level.mask.is_none() && level.image.shape == mask.shape && bands && mask.data_type.size() == 1
        };
        match levels.iter_mut().find(wanted) {
            Some(level) => level.mask = Some((Arc::clone(input), mask)),
            None => unfit.push(mask),
        }
    }
    unfit.into_iter().max_by_key(|mask| mask.shape.pixels())
}

/// The path of a file beside an image that is called after it.
pub fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// The file of that name with an ending more, if there is one and it is a TIFF.
fn beside(path: &Path, ending: &str, warnings: &mut Vec<String>) -> Result<Option<Contents>> {
    let path = with_ending(path, ending);
    if !path.is_file() {
        return Ok(None);
    }
    Ok(match Contents::read(path, true, warnings)? {
        Ok(contents) => Some(contents),
        Err(error) => {
            warnings.push(format!("left out: {error}"));
            None
        }
    })
}

impl Contents {
    /// What a file holds, or what is wrong with it.
    ///
    /// # Errors
    /// Where some of it cannot be read, of which nobody knows what it is.
    fn read(path: PathBuf, is_beside: bool, warnings: &mut Vec<String>) -> Result<Result<Contents>> {
        let input = match Input::open(path) {
            Ok(input) => Arc::new(input),
            Err(error @ Error::InputUnreadable { .. }) => return Err(error),
            Err(error) => return Ok(Err(error)),
        };
        let contents = Contents::walk(Arc::clone(&input), is_beside, warnings);
        input.check_read()?;
        Ok(contents)
    }

    fn walk(input: Arc<Input>, is_beside: bool, warnings: &mut Vec<String>) -> Result<Contents> {
        let mut next = input.first;
        let mut contents =
            Contents { input, is_beside, images: Vec::new(), directory: None, walked: 0, pages: 0, claimed: 0 };
        let mut seen = Vec::new();
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

    /// Reads a directory and, of the first image, those below it; answers where the next one is.
    fn add(&mut self, offset: u64, seen: &mut Vec<u64>, warnings: &mut Vec<String>) -> Result<u64> {
        let input = Arc::clone(&self.input);
        let directory = Directory::read(&input, offset)?;
        let next = directory.next;
        let below = match self.images.is_empty() {
            true => directory.numbers(&input, tags::SUB_IFDS, IMAGES as u64),
            false => Ok(Vec::new()),
        };
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

    /// Keeps the image of a directory, if it is the first one, or an overview or a mask of that.
    fn keep(&mut self, directory: Directory, warnings: &mut Vec<String>) -> Result<()> {
        let number = self.walked;
        self.walked += 1;
        let is_first = self.images.is_empty();
        if !is_first && !self.is_beside {
            let subfile = directory.number(&self.input, tags::NEW_SUBFILE_TYPE).unwrap_or_default().unwrap_or(0);
            if subfile & (REDUCED | MASK) == 0 {
                self.pages += 1;
                return Ok(());
            }
        }
        match Image::read(&self.input, &directory, number) {
            Ok(image) => {
                let claimed = self.claimed.saturating_add(image.claimed_bytes());
                if !is_first && claimed > self.input.length {
                    let message = format!("an image is left out: directory {number} shares places with others");
                    warnings.push(message);
                    return Ok(());
                }
                self.claimed = claimed;
                self.images.push(image);
                if is_first {
                    self.directory = Some(directory);
                }
            }
            // Only the first one is what was asked for.
            Err(error) if is_first => return Err(error),
            Err(error) => warnings.push(format!("an image is left out: {error}")),
        }
        Ok(())
    }
}
