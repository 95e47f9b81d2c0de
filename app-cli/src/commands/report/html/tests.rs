mod markup;
mod nights;

use std::env;
use std::fs;
use std::time::Duration;

use autoproc_domain::ports::PastEnd;
use proptest::prelude::*;

use super::super::slots;
use markup::Markup;
use nights::MadeUp;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/commands/report/html/tests/night.html");

const RENEW: &str = "AUTOPROC_RENEW_PAGE";

const MAX_PAGE: usize = 300_000;

#[test]
fn the_page_of_a_small_night() {
    // Removes the version and the colours, so that the expected page does not depend on them.
    let page = MadeUp::small().page().replace(concat!("autoproc ", env!("CARGO_PKG_VERSION")), "autoproc 0");
    let page = page.replace(include_str!("style.css"), "/* style.css */\n");
    if env::var_os(RENEW).is_some() {
        fs::write(GOLDEN, &page).expect("the page");
    }
    let expected = fs::read_to_string(GOLDEN).expect("the page");
    let different = page.lines().zip(expected.lines()).find(|(line, expected)| line != expected);
    assert!(
        page == expected,
        "{different:?}; look at the page, and renew it with {RENEW}=1 cargo test -p autoproc-cli the_page_of"
    );
}

#[test]
fn every_opened_tag_is_closed() {
    for (name, night) in MadeUp::all() {
        Markup::parse(&night.page()).unwrap_or_else(|problem| panic!("{name}: {problem}"));
    }
}

#[test]
fn the_checker_of_tags_finds_mistakes() {
    for wrong in
        ["<p>", "</p>", "<p><b></p></b>", "<p class=x></p>", "<p class=\"x></p>", "a < b", "<p>&</p>", "<p>\"</p>"]
    {
        assert!(Markup::parse(wrong).is_err(), "{wrong}");
    }
    let right = Markup::parse("<!doctype html><p class=\"x\">&lt;</p><br><rect x=\"1\"/>").expect("markup");
    assert_eq!(right.tags, ["p class", "/p", "br", "rect x"]);
}

#[test]
fn a_page_is_small_however_long_the_night_was() {
    for (name, night) in MadeUp::all() {
        let length = night.page().len();
        assert!(length < MAX_PAGE, "{name}: {length} bytes");
    }
}

#[test]
fn charts_show_a_sample_of_very_many_attempts() {
    let page = MadeUp::of(250_000, 4, |_| PastEnd::Completed).page();
    assert!(page.contains("One of every 4 attempts is drawn; there are 250000 in all."), "{}", &page[..2_000]);
    assert!(page.len() < MAX_PAGE, "{} bytes", page.len());
}

#[test]
fn a_history_without_some_attempts_is_reported() {
    let night = MadeUp::of(100, 4, |_| PastEnd::Completed);
    assert!(!night.page().contains("The history has only"));
    let page = MadeUp { known: Some(80), ..night }.page();
    assert!(page.contains("The history has only 80 of 100 attempts."), "{page}");
}

#[test]
fn a_page_has_the_figures_of_the_night() {
    let page = MadeUp::small().page();
    for words in [
        "<h1>5 files completed, 2 failed, in 1h 10m</h1>",
        "<p>From 2026-11-28 22:00:00 to 2026-11-28 23:10:00.</p>",
        "<h3>1 file: exit status 3: no such page</h3>",
        "1 file completed after a failure. Failed attempts: 4, which took 25m.",
        "<li><bdi>scans/6.png</bdi>, after 1 failure</li>",
        "<dt>most memory</dt><dd>7.0 MiB by <bdi>scans/7.png</bdi></dd>",
        "<code>autoproc run scans -- ocr {}</code>",
        "<p>2 files pending (1 held), 0 processing, 2 failed, 5 completed</p>",
    ] {
        assert!(page.contains(words), "no {words:?} in {page}");
    }
    assert!(!page.contains("http-equiv=\"refresh\""), "nothing is live");
}

#[test]
fn short_attempts_are_counted_and_not_drawn() {
    let mut night = MadeUp::small();
    assert!(night.page().contains("Attempts over time"));
    for attempt in &mut night.attempts {
        attempt.elapsed = Some(Duration::from_millis(90));
    }
    let page = night.page();
    assert!(!page.contains("Attempts over time") && page.contains("The attempts are too short"), "{page}");
    assert!(page.contains("aria-label=\"Ended attempts over time\""), "{page}");
}

#[test]
fn a_live_page_refreshes_itself() {
    let page = MadeUp { is_live: true, ..MadeUp::small() }.page();
    assert!(page.contains("<meta http-equiv=\"refresh\" content=\"5\">") && page.contains("A run is live."), "{page}");
}

#[test]
fn a_night_without_a_run_is_said_to_be_one() {
    let page = MadeUp::default().page();
    assert!(page.contains("<h1>No run is recorded</h1>") && !page.contains("<svg"), "{page}");
}

#[test]
fn commands_are_offered_for_files_that_are_failed_now() {
    let failed = MadeUp::small();
    let commands = failed.page().matches(" --like ").count();
    let since = MadeUp { is_failed_now: false, ..MadeUp::small() }.page();
    assert_eq!((commands, since.matches(" --like ").count()), (4, 0));
    assert_eq!(since.matches("None of these files is failed now.").count(), 2);
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "<script>alert(1)</script>",
        "\"",
        "'",
        "&",
        "&lt;",
        "<",
        ">",
        "]]>",
        "-->",
        "</title>",
        "</style>",
        "</svg>",
        "\" onload=\"x",
        "javascript:",
        "http://example.org/",
        "url(x)",
        "\u{202e}",
        "\u{1b}[2J",
        "\u{0}",
        "\n",
        "{}",
        "é",
    ]);
    let piece = prop_oneof![piece.prop_map(str::to_owned), any::<char>().prop_map(String::from)];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_text_becomes_markup(name in hostile(), error in hostile(), command in hostile(), project in hostile()) {
        let plain = MadeUp::with_texts("a", "b", "c", "d").page();
        let page = MadeUp::with_texts(&name, &error, &command, &project).page();
        let (plain, markup) = (Markup::parse(&plain), Markup::parse(&page));
        let (plain, markup) = (plain.expect("markup"), markup.map_err(TestCaseError::fail)?);
        prop_assert_eq!(&plain.tags, &markup.tags);
        prop_assert_eq!(&plain.values, &markup.values);
        prop_assert!(!markup.tags.iter().any(|tag| tag.contains(" href") || tag.contains(" src") || tag.contains(" on")));
        prop_assert!(!page.chars().any(|char| char != '\n' && autoproc_domain::path::is_unprintable(char)));
    }
}

#[test]
fn hostile_names_are_shown_as_on_a_terminal() {
    let page = MadeUp::with_texts("<b>\u{202e}gnp.exe", "<script>\u{1b}[2J", "</title>\"x\"", "<i>").page();
    for words in [
        "<bdi>/data/archive/&lt;b&gt;\\u{202e}gnp.exe0.png</bdi>",
        "<h3>1 file: &lt;script&gt;",
        "<code>&lt;/title&gt;&quot;x&quot;</code>",
        "<bdi>/&lt;i&gt;</bdi>",
    ] {
        assert!(page.contains(words), "no {words:?} in {page}");
    }
}

#[test]
fn the_row_of_an_attempt_is_free_when_it_begins() {
    let night = MadeUp::of(3_000, 4, |number| if number % 7 == 0 { PastEnd::Requeued } else { PastEnd::Completed });
    let marks = night.night();
    let span = marks.marks.span().expect("marks");
    let placed = slots::placed(marks.marks.as_slice(), span);
    assert_eq!(placed.iter().map(|placed| placed.row).max(), Some(3));
    for row in 0..4 {
        let row: Vec<_> = placed.iter().filter(|placed| placed.row == row).collect();
        let overlap = |pair: &[&slots::Placed<'_>]| pair[0].mark.to.saturating_since(pair[1].mark.from);
        let longest = row.windows(2).map(overlap).max().unwrap_or_default();
        assert!(longest <= Duration::from_millis(1_100), "{longest:?}, of attempts that take at most 11 s");
    }
    assert!(marks.resources.busy > Duration::ZERO);
}
