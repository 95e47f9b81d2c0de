//! Writes the section about failures.

use std::collections::HashSet;

use autoproc_domain::Status;
use autoproc_domain::signature::{FailureGroup, Signature, SignatureId};

use super::super::super::reason;
use super::super::escape::{Text, cut_at_end};
use super::{Page, list, section, to_paste};
use crate::view::files;

const MAX_GROUPS: usize = 8;

const MAX_REASON: usize = 300;

impl Page<'_> {
    pub(super) fn failures(&self) -> String {
        let summary = &self.report.summary;
        if summary.failed_files == 0 {
            return String::new();
        }
        let failed_now = self.failed_now();
        let groups = self.report.groups.largest_first();
        let shown = &groups[..groups.len().min(MAX_GROUPS)];
        let listed: String = shown.iter().map(|group| self.group(group, &failed_now)).collect();
        let others =
            summary.failed_files - shown.iter().map(|group| group.count).sum::<u64>().min(summary.failed_files);
        let more = if others == 0 {
            String::new()
        } else {
            let command = self.command("failures", "");
            format!(
                "<p>and {} with other reasons; <code>{}</code> shows the reasons of the files that are failed now</p>\n",
                files(others),
                Text(&command)
            )
        };
        section("Why files failed", &(listed + &more))
    }

    fn failed_now(&self) -> HashSet<SignatureId> {
        let failed = self.report.failures().filter(|(_, now)| now.is_some_and(Status::has_failed));
        failed
            .map(|(ended, _)| Signature::of(Some(&*reason(&ended.attempt)), &ended.attempt.of.file_path).id())
            .collect()
    }

    fn group(&self, group: &FailureGroup, failed_now: &HashSet<SignatureId>) -> String {
        let id = group.signature.id();
        let more = group.count - group.examples.len() as u64;
        let examples = list(group.examples.iter().map(|file| self.path(file)), more);
        let next = if failed_now.contains(&id) {
            let like = format!(" --like {id}");
            to_paste(&[self.command("log", &like), self.command("retry-failed", &like)])
        } else {
            "<p class=\"soft\">None of these files is failed now.</p>\n".to_owned()
        };
        let reason = cut_at_end(group.signature.reason(), MAX_REASON);
        format!("<div class=\"group\">\n<h3>{}: {}</h3>\n{examples}{next}</div>\n", files(group.count), Text(&reason))
    }
}
