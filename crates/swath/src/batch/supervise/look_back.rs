//! What a resumed batch does with what an earlier run of it did and began: passes it over, goes on with it, does it again, or
//! lets it be where that would cost somebody something.
//!
//! It decides from the journal and from what stands on disk, and begins nothing itself.

use std::path::Path;

use swath_core::{Error, Result, partial_folder};

use super::super::order::place_of;
use super::super::state::{Earlier, identity_of, inputs_of};
use super::super::{Begin, Files};
use super::{Supervisor, Told};

/// What becomes of a job of which an earlier run may know.
enum LookedBack {
    /// It is done.
    Done,
    /// It is done, but for something that is to be removed.
    Tidied,
    /// It is begun in this way.
    Begins(Begin),
    /// It cannot be begun without harm: why, and what can be done.
    Refused(String, &'static str),
    /// Nothing is known of it.
    Unknown,
}

/// Whether the folder of an unfinished run stands beside an output.
fn leaves_something(output: &Path) -> bool {
    partial_folder(output).is_ok_and(|folder| folder.symlink_metadata().is_ok())
}

impl Supervisor<'_> {
    /// Passes over what an earlier run did, of inputs that are the same still. What reads the output of a job that is done
    /// again is done again, too.
    pub(super) fn skip_done(&mut self, earlier: &Earlier) -> Result<()> {
        let order = self.needs.in_order().map_err(|_| Error::unexpected("jobs that wait for themselves"))?;
        let mut reads_new = vec![false; order.len()];
        for job in order {
            match self.look_back(job, reads_new[job as usize], earlier) {
                LookedBack::Done => {
                    self.entries[job as usize].ended = true;
                    self.outcome.jobs.skipped += 1;
                    self.needs.done(job);
                    continue;
                }
                LookedBack::Begins(begin) => self.entries[job as usize].begin = begin,
                LookedBack::Refused(message, hint) => {
                    let told = Told { message, hint: Some(hint.into()), ..Told::default() };
                    self.refused.push((job, told));
                }
                LookedBack::Tidied => {
                    self.entries[job as usize].begin = Begin::Resume;
                    continue;
                }
                LookedBack::Unknown => {}
            }
            for waiting in self.needs.behind(job) {
                reads_new[waiting as usize] = true;
            }
        }
        Ok(())
    }

    /// What becomes of a job of which an earlier run may know.
    fn look_back(&mut self, job: u32, reads_new: bool, earlier: &Earlier) -> LookedBack {
        let files = self.files(job);
        let identity = identity_of(&self.request.jobs.all[job as usize].words);
        let is_there = |path: &Path| path.symlink_metadata().is_ok();
        let stand = files.outputs.iter().chain(&files.changes).all(|output| is_there(output));
        let standing = files.outputs.iter().find(|output| is_there(output));
        let inputs = inputs_of(&files);
        let is_as_it_was = |then: u64| !reads_new && then == inputs;
        match (earlier.done.get(&identity), earlier.begun_of.get(&identity)) {
            (Some(then), _) if stand && is_as_it_was(*then) => {
                let leaves = files.outputs.iter().any(|output| leaves_something(output));
                // Something could not be removed then: whoever goes on with a whole output removes it, and does no more.
                match leaves && !self.is_being_changed(job, &files, earlier) {
                    true => LookedBack::Tidied,
                    false => LookedBack::Done,
                }
            }
            (Some(_), _) => match standing {
                Some(output) if files.adds => LookedBack::Refused(
                    format!("what it added to {} has changed since: again, it would be added twice", output.display()),
                    "leave it out of the batch, and add what is new by a job of its own",
                ),
                Some(output) if !files.overwrites && !earlier.is_own(output) => LookedBack::Refused(
                    format!("its inputs have changed, and {} is not as the batch left it", output.display()),
                    "move it away, or put back what it was made of",
                ),
                _ => LookedBack::Begins(Begin::Overwrite),
            },
            // It was whole, and death came before that could be noted.
            (None, _) if !files.resumes && stand && earlier.begun.contains(&identity) => LookedBack::Done,
            // What it had begun was of other inputs.
            (None, Some(then)) if !files.adds && files.changes.is_empty() && !is_as_it_was(*then) => match standing {
                Some(output) if !files.overwrites => LookedBack::Refused(
                    format!("its inputs have changed since {} was made", output.display()),
                    "move it away, or put back what it was made of",
                ),
                _ => LookedBack::Begins(Begin::Overwrite),
            },
            _ => LookedBack::Unknown,
        }
    }

    /// Whether another job has begun to change what this one wrote, and has not ended: what it left is no leftover.
    fn is_being_changed(&mut self, job: u32, files: &Files, earlier: &Earlier) -> bool {
        let own: Vec<_> = files.outputs.iter().map(|output| place_of(output)).collect();
        self.needs.behind(job).into_iter().any(|behind| {
            let identity = identity_of(&self.request.jobs.all[behind as usize].words);
            earlier.begun_of.contains_key(&identity)
                && !earlier.done.contains_key(&identity)
                && self.files(behind).changes.iter().any(|path| own.contains(&place_of(path)))
        })
    }
}
