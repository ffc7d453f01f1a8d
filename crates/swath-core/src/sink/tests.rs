//! Outputs: what is refused, what is seen when, and what is left.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use super::*;

/// Everything below a folder, as relative path and content; folders have none.
fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            if path.is_dir() {
                found.insert(name, String::new());
                open.push(path);
            } else {
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

fn words(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect()
}

fn make_journal(partial: &PartialOutput) {
    drop(Journal::create(&partial.journal_folder(), &serde_json::json!({})).unwrap());
}

/// Makes an output that is a folder with one file.
fn make_lake(partial: &PartialOutput, text: &str) {
    make_journal(partial);
    fs::create_dir_all(partial.output()).unwrap();
    fs::write(partial.output().join("part"), text).unwrap();
    fs::write(partial.scratch().join("run-1"), "spilled").unwrap();
}

#[test]
fn nothing_is_seen_before_the_commit_and_nothing_else_after() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("deep/lake");
    let partial = PartialOutput::create(&target, false, false).unwrap();
    assert_eq!((partial.state(), partial.target()), (PartialState::Fresh, &*target));
    make_lake(&partial, "one");
    assert!(!target.exists());
    assert!(partial.commit().unwrap().is_none());
    assert_eq!(tree(folder.path()), words(&[("deep", ""), ("deep/lake", ""), ("deep/lake/part", "one")]));
}

#[test]
fn an_existing_output_is_replaced_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("lake");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("old"), "old").unwrap();
    let before = tree(folder.path());
    let error = PartialOutput::create(&target, false, false).unwrap_err();
    assert_eq!(error.exit_code(), 6);
    assert!(error.hint().unwrap().contains("--overwrite"));
    assert_eq!(tree(folder.path()), before);
    let partial = PartialOutput::create(&target, true, false).unwrap();
    make_lake(&partial, "new");
    assert_eq!(fs::read_to_string(target.join("old")).unwrap(), "old", "unchanged until the commit");
    assert!(partial.commit().unwrap().is_none());
    assert_eq!(tree(folder.path()), words(&[("lake", ""), ("lake/part", "new")]));
}

#[test]
fn files_are_outputs_too() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("lake.parquet");
    for (text, overwrite) in [("one", false), ("two", true)] {
        let partial = PartialOutput::create(&target, overwrite, false).unwrap();
        fs::write(partial.output(), text).unwrap();
        assert!(partial.commit().unwrap().is_none());
        assert_eq!(tree(folder.path()), words(&[("lake.parquet", text)]));
    }
}

#[test]
fn an_unfinished_run_is_resumed_or_begun_anew_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("lake");
    let begin = || make_lake(&PartialOutput::create(&target, false, true).unwrap(), "half");
    begin();
    let error = PartialOutput::create(&target, false, false).unwrap_err();
    assert!(error.to_string().ends_with(".lake.partial: an unfinished run stands here"), "{error}");
    assert!(error.hint().unwrap().contains("--resume"));
    let resumed = PartialOutput::create(&target, false, true).unwrap();
    assert_eq!(resumed.state(), PartialState::Resumed);
    assert_eq!(fs::read_to_string(resumed.output().join("part")).unwrap(), "half");
    // Without its journal nobody knows how far it is.
    fs::remove_dir_all(resumed.journal_folder()).unwrap();
    drop(resumed);
    let begun = PartialOutput::create(&target, false, true).unwrap();
    assert_eq!((begun.state(), begun.output().exists()), (PartialState::Fresh, false));
    make_lake(&begun, "half");
    drop(begun);
    let anew = PartialOutput::create(&target, true, false).unwrap();
    assert_eq!(anew.state(), PartialState::Fresh);
    assert!(!anew.output().exists() && tree(&anew.scratch()).is_empty());
    anew.discard().unwrap();
    assert_eq!(tree(folder.path()), BTreeMap::new());
}

#[test]
fn a_resumed_run_remembers_that_it_may_overwrite() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("lake");
    fs::write(&target, "old").unwrap();
    make_lake(&PartialOutput::create(&target, true, false).unwrap(), "new");
    let resumed = PartialOutput::create(&target, false, true).unwrap();
    assert_eq!(resumed.state(), PartialState::Resumed);
    resumed.commit().unwrap();
    assert_eq!(tree(folder.path()), words(&[("lake", ""), ("lake/part", "new")]));
}

#[test]
fn an_output_that_appears_during_the_run_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("lake");
    let partial = PartialOutput::create(&target, false, false).unwrap();
    make_lake(&partial, "ours");
    fs::write(&target, "theirs").unwrap();
    assert!(matches!(partial.commit(), Err(Error::OutputExists { .. })));
    assert_eq!(fs::read_to_string(&target).unwrap(), "theirs");
    // Nor by a resume; with leave to overwrite it is.
    assert!(matches!(PartialOutput::create(&target, false, true), Err(Error::OutputExists { .. })));
    PartialOutput::create(&target, true, true).unwrap().commit().unwrap();
    assert_eq!(tree(folder.path()), words(&[("lake", ""), ("lake/part", "ours")]));
}

#[test]
fn a_run_that_died_after_its_rename_is_committed() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("lake");
    let partial = PartialOutput::create(&target, false, false).unwrap();
    make_lake(&partial, "one");
    // What commit does, up to the rename.
    fs::write(partial.folder().join(COMMITTING), identity_of(&partial.output()).unwrap() + " job").unwrap();
    drop(partial);
    assert_eq!(PartialOutput::create(&target, false, true).unwrap().state(), PartialState::Resumed);
    fs::rename(folder.path().join(".lake.partial/output"), &target).unwrap();
    let partial = PartialOutput::create(&target, false, true).unwrap();
    assert_eq!((partial.state(), partial.shown_by().as_deref()), (PartialState::Committed, Some("job")));
    assert!(partial.commit().unwrap().is_none());
    assert_eq!(tree(folder.path()), words(&[("lake", ""), ("lake/part", "one")]));
    // And with all traces gone.
    let partial = PartialOutput::create(&target, false, true).unwrap();
    assert_eq!(partial.state(), PartialState::Committed);
    partial.discard().unwrap();
    assert_eq!(tree(folder.path()), words(&[("lake", ""), ("lake/part", "one")]));
}

#[test]
fn scratch_in_another_folder_goes_with_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let (target, spill) = (folder.path().join("lake"), folder.path().join("spill"));
    fs::create_dir(&spill).unwrap();
    let names = || tree(&spill).into_keys().collect::<Vec<_>>();
    let began = |overwrite, resume, elsewhere: Option<&Path>| {
        let partial = PartialOutput::create(&target, overwrite, resume).unwrap();
        let path = partial.scratch_file(elsewhere).unwrap();
        (partial, path)
    };
    let (partial, path) = began(false, false, Some(&spill));
    make_journal(&partial);
    assert_eq!(path.parent(), Some(&*spill));
    fs::write(&path, "kept").unwrap();
    fs::write(spill.join("mine"), "").unwrap();
    drop(partial);
    // It goes on with what is there; a run that names no folder, or that ends, removes it.
    let (partial, again) = began(false, true, Some(&spill));
    assert_eq!((&again, fs::read_to_string(&path).unwrap()), (&path, "kept".into()));
    drop(partial);
    let (partial, beside) = began(true, false, None);
    assert!(beside.starts_with(partial.folder()));
    assert_eq!(names(), ["mine"]);
    drop(partial);
    let (partial, path) = began(true, false, Some(&spill));
    fs::write(&path, "").unwrap();
    make_lake(&partial, "new");
    assert!(partial.commit().unwrap().is_none());
    assert_eq!(names(), ["mine"]);
    // A note of anything else costs nobody a file.
    let (partial, _) = began(true, false, Some(&spill));
    fs::write(partial.folder().join(ELSEWHERE), spill.join("mine").as_os_str().as_bytes()).unwrap();
    partial.discard().unwrap();
    assert_eq!(names(), ["mine"]);
}

#[test]
fn two_runs_do_not_share_an_output() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("lake");
    let _first = PartialOutput::create(&target, false, false).unwrap();
    for (overwrite, resume) in [(false, false), (true, false), (false, true)] {
        let error = PartialOutput::create(&target, overwrite, resume).unwrap_err();
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    }
}

#[test]
fn a_replacement_in_steps_is_put_back_when_it_was_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("lake");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("part"), "old").unwrap();
    let partial = PartialOutput::create(&target, true, false).unwrap();
    make_lake(&partial, "new");
    fs::rename(&target, partial.folder().join(REPLACED)).unwrap();
    drop(partial);
    let partial = PartialOutput::create(&target, true, true).unwrap();
    assert_eq!(fs::read_to_string(target.join("part")).unwrap(), "old");
    replace::exchange_in_steps(&partial.output(), &target, &partial.folder().join(REPLACED)).unwrap();
    assert_eq!(fs::read_to_string(target.join("part")).unwrap(), "new");
    partial.discard().unwrap();
    assert_eq!(tree(folder.path()), words(&[("lake", ""), ("lake/part", "new")]));
    assert!(replace::move_in_steps(&folder.path().join("lake/part"), &target).is_err());
}

#[test]
fn errors_name_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let check = |outcome: Result<()>, path: &Path| match outcome {
        Err(Error::OutputUnwritable { path: named, .. }) => assert_eq!(named, path),
        other => panic!("{other:?}"),
    };
    check(PartialOutput::create(&file.join("lake"), false, false).map(drop), &file.join(".lake.partial"));
    check(sync_file_system(&file.join("none")), &file.join("none"));
    check(sync_folder(&file.join("none")), &file.join("none"));
    assert!(matches!(PartialOutput::create(Path::new("/"), false, false), Err(Error::Usage { .. })));
    // Nothing was made: the rename is where it fails.
    let partial = PartialOutput::create(&folder.path().join("lake"), false, false).unwrap();
    let output = partial.output();
    check(partial.commit().map(drop), &output);
}

/// A lake with two parts, and changes to it that are all made but not begun: one part is replaced, one goes, one is new.
fn changing(folder: &Path) -> (PathBuf, Changes) {
    let target = folder.join("lake");
    fs::create_dir_all(target.join("day=1")).unwrap();
    for (path, text) in [("day=1/a", "old"), ("b", "old"), ("list", "old")] {
        fs::write(target.join(path), text).unwrap();
    }
    let partial = PartialOutput::within(&target, false).unwrap();
    make_journal(&partial);
    fs::create_dir_all(partial.output().join("day=2")).unwrap();
    for (path, text) in [("b", "new"), ("day=2/c", "new"), ("list", "new"), ("same", "unused")] {
        fs::write(partial.output().join(path), text).unwrap();
    }
    let changes =
        Changes { put: vec!["b".into(), "day=2/c".into()], remove: vec!["day=1/a".into()], last: "list".into() };
    (target, changes)
}

#[test]
fn changes_are_made_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (target, changes) = changing(folder.path());
    let before = tree(&target);
    assert!(PartialOutput::within(&target, false).unwrap_err().to_string().contains("unfinished"));
    assert_eq!(tree(&target), before);
    let partial = PartialOutput::within(&target, true).unwrap();
    assert_eq!(partial.state(), PartialState::Resumed);
    assert!(partial.change(&changes).unwrap().is_none());
    let wanted = [("lake", ""), ("lake/b", "new"), ("lake/day=2", ""), ("lake/day=2/c", "new"), ("lake/list", "new")];
    assert_eq!(tree(folder.path()), words(&wanted));
    assert!(!has_changes(&target) && !complete_changes(&target).unwrap());
}

#[test]
fn changes_go_on_wherever_they_were_cut_off() {
    for done in 0..=5 {
        let folder = tempfile::tempdir().unwrap();
        let (target, changes) = changing(folder.path());
        let partial = folder.path().join(".lake.partial");
        fs::write(partial.join("changes"), serde_json::to_vec(&changes).unwrap()).unwrap();
        let output = partial.join("output");
        let steps: [&dyn Fn(); 5] = [
            &|| fs::rename(output.join("b"), target.join("b")).unwrap(),
            &|| fs::create_dir(target.join("day=2")).unwrap(),
            &|| fs::rename(output.join("day=2/c"), target.join("day=2/c")).unwrap(),
            &|| fs::remove_file(target.join("day=1/a")).unwrap(),
            &|| fs::rename(output.join("list"), target.join("list")).unwrap(),
        ];
        steps[..done].iter().for_each(|step| step());
        assert!(has_changes(&target));
        // Whoever comes first ends it: the one who only looks, the next change, or a run that goes on with anything.
        match done % 3 {
            0 => assert!(complete_changes(&target).unwrap()),
            1 => PartialOutput::within(&target, false).unwrap().discard().unwrap(),
            _ => {
                let partial = PartialOutput::create(&target, false, true).unwrap();
                assert_eq!(partial.state(), PartialState::Committed);
                partial.discard().unwrap();
            }
        }
        let mut found = tree(folder.path());
        // A folder that was empty when the run died is nobody's.
        found.remove("lake/day=1");
        let wanted =
            [("lake", ""), ("lake/b", "new"), ("lake/day=2", ""), ("lake/day=2/c", "new"), ("lake/list", "new")];
        assert_eq!(found, words(&wanted), "{done} done");
    }
}

#[test]
fn changes_are_made_only_in_what_they_were_begun_in() {
    type Step<'a> = &'a dyn Fn(&Path, &Path);
    let file_done: Step<'_> = &|target, output| fs::rename(output.join("b"), target.join("b")).unwrap();
    let cases: [(&str, Step<'_>, bool); 8] = [
        ("as it was", &|_, _| {}, true),
        ("one done", file_done, true),
        ("gone", &|target, _| fs::remove_dir_all(target).unwrap(), false),
        ("another list", &|target, _| fs::write(target.join("list"), "two").unwrap(), false),
        ("no list", &|target, _| fs::remove_file(target.join("list")).unwrap(), false),
        ("a new file is cut off", &|_, output| fs::write(output.join("b"), "ne").unwrap(), false),
        (
            "a new file is brought back",
            &|target, output| {
                file_done(target, output);
                fs::write(target.join("b"), "old").unwrap();
            },
            false,
        ),
        (
            "all done",
            &|target, output| {
                file_done(target, output);
                fs::create_dir(target.join("day=2")).unwrap();
                fs::rename(output.join("day=2/c"), target.join("day=2/c")).unwrap();
                fs::rename(output.join("list"), target.join("list")).unwrap();
            },
            true,
        ),
    ];
    for (what, step, goes_on) in cases {
        let folder = tempfile::tempdir().unwrap();
        let (target, changes) = changing(folder.path());
        let partial = folder.path().join(".lake.partial");
        let output = partial.join("output");
        changes::write_list(&changes, &partial, &target).unwrap();
        step(&target, &output);
        let there = || (target.is_dir().then(|| tree(&target)), tree(&output), partial.join("changes").is_file());
        let before = there();
        let done = complete_changes(&target);
        if goes_on {
            assert!(done.unwrap(), "{what}");
            assert_eq!(tree(&target)["list"], "new", "{what}");
            continue;
        }
        for outcome in [done.map(drop), PartialOutput::create(&target, true, true).map(drop)] {
            match outcome {
                Err(error @ Error::OutputExists { .. }) => {
                    assert!(error.to_string().contains("interrupted"), "{error}")
                }
                other => panic!("{what}: {other:?}"),
            }
        }
        assert_eq!(there(), before, "{what}");
    }
}

#[test]
fn what_cannot_be_changed_is_found_before_anything_is() {
    let folder = tempfile::tempdir().unwrap();
    let (target, changes) = changing(folder.path());
    fs::write(target.join("day=2"), "a file").unwrap();
    let before = tree(&target);
    let error = PartialOutput::within(&target, true).unwrap().change(&changes).unwrap_err();
    assert!(error.to_string().contains("day=2") && !error.to_string().contains("new by now"), "{error}");
    assert_eq!(tree(&target), before);
    assert!(!has_changes(&target));
    fs::remove_file(target.join("day=2")).unwrap();
    // A run that does not add to what is there does not go on with this one.
    let error = PartialOutput::create(&target, false, true).unwrap_err();
    assert!(error.hint().unwrap().contains("--append"), "{error}");
    assert!(PartialOutput::within(&target, true).unwrap().change(&changes).unwrap().is_none());
    std::os::unix::fs::symlink(&target, folder.path().join("link")).unwrap();
    for name in ["link", "link/", "link/."] {
        let error = PartialOutput::within(&folder.path().join(name), false).unwrap_err();
        assert!(error.to_string().contains("a link stands there"), "{error}");
    }
}
