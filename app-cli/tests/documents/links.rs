use std::path::{Path, PathBuf};
use std::{fs, io};

/// Returns the broken links in the README and in `docs`.
pub(crate) fn broken(repository: &Path) -> io::Result<Vec<String>> {
    let mut pages = vec![repository.join("README.md")];
    for entry in fs::read_dir(repository.join("docs"))? {
        pages.push(entry?.path());
    }
    let mut broken = Vec::new();
    for page in pages.iter().filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
        for link in links(&fs::read_to_string(page)?) {
            if !leads_somewhere(page, &link) {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    Ok(broken)
}

fn links(text: &str) -> Vec<String> {
    let targets = prose(text).flat_map(|line| line.split("](").skip(1).collect::<Vec<_>>());
    let targets = targets.filter_map(|rest| rest.split_once(')')).map(|(link, _)| link.to_owned());
    targets.filter(|link| !link.starts_with("https://")).collect()
}

pub(crate) fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

fn leads_somewhere(page: &Path, link: &str) -> bool {
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let target: PathBuf = if file.is_empty() { page.to_owned() } else { page.with_file_name(file) };
    if heading.is_empty() {
        return target.exists();
    }
    let text = fs::read_to_string(target).unwrap_or_default();
    prose(&text).filter_map(|line| line.strip_prefix('#')).any(|line| anchor(line) == heading)
}

fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
    kept.map(|char| if char == ' ' { '-' } else { char }).collect()
}
