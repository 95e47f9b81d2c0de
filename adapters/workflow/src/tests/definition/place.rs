//! A project folder for one test.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Catalogue, Severity, WorkflowFile};

/// A project folder, gone with the value.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, and the folders it needs.
    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn catalogue(&self) -> Catalogue {
        Catalogue::new(self.root(), None)
    }

    /// Checks a text as the only workflow of the project.
    pub(crate) fn check(&self, text: &str) -> WorkflowFile {
        let path = self.write("core/workflows/sample.yaml", text);
        self.catalogue().load(&path).unwrap()
    }
}

/// What is said of a file: "3:7: error: …", one a line.
pub(crate) fn told(file: &WorkflowFile) -> Vec<String> {
    let tell = |problem: &crate::Problem| format!("{}: {}: {problem}", problem.position, problem.severity.word());
    file.problems.iter().map(tell).collect()
}

/// What is said of a text that stands alone, leaving out what is about its surroundings.
pub(crate) fn faults(text: &str) -> Vec<String> {
    let file = Place::new().check(text);
    let is_around =
        |line: &String| line.contains("no runner for") || line.contains("task `") || line.contains("task file");
    told(&file).into_iter().filter(|line| !is_around(line)).collect()
}

/// The same, the errors only.
pub(crate) fn errors(text: &str) -> Vec<String> {
    let file = Place::new().check(text);
    let errors = file.problems.iter().filter(|problem| problem.severity == Severity::Error);
    errors.map(|problem| format!("{}: {problem}", problem.position)).collect()
}
