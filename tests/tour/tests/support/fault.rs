//! Processes that are killed at a storage call: `fault.c`, preloaded into the real binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::noren;

/// What a run of the tool is to suffer.
pub(crate) struct Fault<'a> {
    pub(crate) library: &'a Path,
    /// Only storage calls below it count.
    pub(crate) folder: &'a Path,
    /// Which call, from 1.
    pub(crate) call: usize,
    /// `before` or `after` it, or the errno with which it fails.
    pub(crate) when: &'a str,
}

impl Fault<'_> {
    pub(crate) fn put_on(&self, command: &mut Command) {
        command.env("LD_PRELOAD", self.library).env("NOREN_FAULT_DIR", self.folder);
        command.env("NOREN_FAULT_AT", self.call.to_string()).env("NOREN_FAULT_WHEN", self.when);
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = noren();
        self.put_on(command.args(arguments));
        command.output().unwrap()
    }
}

pub(crate) fn build_library(folder: &Path) -> PathBuf {
    let library = folder.join("fault.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/fault.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl").status().unwrap();
    assert!(built.success(), "cc builds the fault library");
    library
}

/// Counts the storage calls below `folder` in a file of one byte each.
pub(crate) fn count_on(command: &mut Command, library: &Path, folder: &Path, count: &Path) {
    command.env("LD_PRELOAD", library).env("NOREN_FAULT_DIR", folder).env("NOREN_FAULT_COUNT", count);
}

/// How many were counted.
pub(crate) fn counted(count: &Path) -> usize {
    usize::try_from(std::fs::metadata(count).unwrap().len()).unwrap()
}

/// How many storage calls the command makes in this folder.
pub(crate) fn count_calls(library: &Path, folder: &Path, count: &Path, arguments: &[&str]) -> usize {
    let mut command = noren();
    count_on(command.args(arguments), library, folder, count);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    counted(count)
}
