use std::fs;
use std::path::{Path, PathBuf};

use crate::{Catalogue, Severity, WorkflowFile};

/// A project folder that is removed on drop.
pub(crate) struct TempProject(tempfile::TempDir);

impl TempProject {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file and creates its parent folders.
    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn catalogue(&self) -> Catalogue {
        Catalogue::new(self.root(), None)
    }

    /// Writes a text as the only workflow of the project, and checks it.
    pub(crate) fn check(&self, text: &str) -> WorkflowFile {
        let path = self.write("core/workflows/sample.yaml", text);
        self.catalogue().load(&path).unwrap()
    }
}

/// Formats the problems of a file as lines such as "3:7: error: …".
pub(crate) fn reported(file: &WorkflowFile) -> Vec<String> {
    let line = |problem: &crate::Problem| format!("{}: {}: {problem}", problem.position, problem.severity.word());
    file.problems.iter().map(line).collect()
}

/// Checks a text and returns its problems, except those about runners and task files.
pub(crate) fn problems(text: &str) -> Vec<String> {
    let file = TempProject::new().check(text);
    let is_around =
        |line: &String| line.contains("no runner for") || line.contains("task `") || line.contains("task file");
    reported(&file).into_iter().filter(|line| !is_around(line)).collect()
}

pub(crate) fn errors(text: &str) -> Vec<String> {
    let file = TempProject::new().check(text);
    let errors = file.problems.iter().filter(|problem| problem.severity == Severity::Error);
    errors.map(|problem| format!("{}: {problem}", problem.position)).collect()
}
