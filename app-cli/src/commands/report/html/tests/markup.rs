const VOID: [&str; 3] = ["meta", "br", "hr"];

const TEXTS: [&str; 1] = ["aria-label"];

/// The markup of a page without its text.
#[derive(Debug, Default)]
pub(super) struct Markup {
    /// The tags in order, each as its name and the names of its attributes.
    pub(super) tags: Vec<String>,
    pub(super) values: Vec<String>,
    open: Vec<String>,
}

impl Markup {
    pub(super) fn parse(page: &str) -> Result<Self, String> {
        let mut markup = Self::default();
        let mut rest = page.strip_prefix("<!doctype html>").unwrap_or(page);
        while let Some((text, tagged)) = rest.split_once('<') {
            if markup.open.last().is_none_or(|open| open != "style") {
                check_text(text)?;
            }
            let (tag, after) = tagged.split_once('>').ok_or_else(|| format!("no end of the tag {tagged:.40}"))?;
            markup.tag(tag)?;
            rest = after;
        }
        check_text(rest)?;
        if markup.open.is_empty() { Ok(markup) } else { Err(format!("{:?} are not closed", markup.open)) }
    }

    fn tag(&mut self, tag: &str) -> Result<(), String> {
        if let Some(name) = tag.strip_prefix('/') {
            self.tags.push(tag.to_owned());
            return (self.open.pop().as_deref() == Some(name)).then_some(()).ok_or_else(|| format!("</{name}>"));
        }
        let is_closed = tag.ends_with('/');
        let (name, attributes) = tag.trim_end_matches('/').split_once(' ').unwrap_or((tag, ""));
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(format!("{name:?} is no name of a tag"));
        }
        let names = self.attributes(attributes)?;
        self.tags.push(format!("{name}{names}"));
        if !is_closed && !VOID.contains(&name) {
            self.open.push(name.to_owned());
        }
        Ok(())
    }

    fn attributes(&mut self, mut rest: &str) -> Result<String, String> {
        let mut names = String::new();
        while !rest.trim().is_empty() {
            let (name, value) = rest.trim_start().split_once("=\"").ok_or_else(|| format!("attributes {rest:?}"))?;
            let (value, after) = value.split_once('"').ok_or_else(|| format!("no end of {name}"))?;
            if !name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-') || name.is_empty() {
                return Err(format!("{name:?} is no name of an attribute"));
            }
            names.extend([" ", name]);
            let is_text = TEXTS.contains(&name);
            self.values.extend((!is_text).then(|| value.to_owned()));
            rest = after;
        }
        Ok(names)
    }
}

fn check_text(text: &str) -> Result<(), String> {
    let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
    let is_reference = |at: usize| known.iter().any(|known| text[at..].starts_with(known));
    match text
        .char_indices()
        .find(|(at, char)| matches!(char, '>' | '"' | '\'') || (*char == '&' && !is_reference(*at)))
    {
        Some((at, _)) => Err(format!("{:?} is not escaped in {text:?}", &text[at..=at])),
        None => Ok(()),
    }
}
