//! The plots, as SVG: bars of the tools, from nought, and lines of what grows with the queue, on logarithmic scales.

use std::error::Error;
use std::io;
use std::path::Path;

use plotters::coord::combinators::LogCoord;
use plotters::prelude::*;

use crate::results::{OURS, Results, Scenario};
use crate::scenarios::PARALLELISMS;
use crate::statistics::{count, median};

/// Our own colour, that of the others, and two more for lines. Told apart in grey too.
const OUR_COLOUR: RGBColor = RGBColor(0xC0, 0x4A, 0x1A);
const THEIR_COLOUR: RGBColor = RGBColor(0x8A, 0x9B, 0xA8);
const LINE_COLOURS: [RGBColor; 4] =
    [OUR_COLOUR, RGBColor(0x1F, 0x5F, 0x8B), RGBColor(0x3B, 0x7A, 0x3B), RGBColor(0x6A, 0x4C, 0x93)];

/// In pixels.
const WIDTH: u32 = 820;
const ROW: u32 = 26;
const FRAME: u32 = 90;

type Drawn = Result<(), Box<dyn Error>>;

/// Draws every plot for which there are figures.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn draw(results: &Results, folder: &Path) -> io::Result<()> {
    let drawn = drain(results, &folder.join("drain.svg"))
        .and_then(|()| add(results, &folder.join("add.svg")))
        .and_then(|()| lengths(results, &folder.join("lengths.svg")));
    drawn.map_err(|error| io::Error::other(format!("cannot draw: {error}")))
}

/// A bar and what stands beside it.
struct Bar {
    name: String,
    value: f64,
    ours: bool,
}

fn drain(results: &Results, file: &Path) -> Drawn {
    let of_parallelism = |at_once: usize| {
        results.all(Scenario::Drain, at_once as u64).filter_map(move |series| {
            let name = format!("{}, -j{at_once}", series.tool);
            Some(Bar { name, value: median(&series.rates())?, ours: series.tool == OURS })
        })
    };
    let bars = PARALLELISMS.into_iter().flat_map(of_parallelism).collect();
    draw_bars(file, "jobs of /bin/true a second", bars, |value| format!("{value:.0}"))
}

fn add(results: &Results, file: &Path) -> Drawn {
    let singles = results.of(Scenario::Add);
    let bars = singles.filter_map(|series| {
        let ours = series.tool == OURS;
        let name = if ours { format!("{OURS}, {} queued", series.at) } else { series.tool.clone() };
        Some(Bar { name, value: median(&series.walls())? * 1e3, ours })
    });
    draw_bars(file, "milliseconds for one add, a process each", bars.collect(), |value| format!("{value:.2}"))
}

/// Horizontal bars, the longest first.
fn draw_bars(file: &Path, title: &str, mut bars: Vec<Bar>, label: impl Fn(f64) -> String) -> Drawn {
    bars.sort_by(|one, other| one.value.total_cmp(&other.value));
    let Some(longest) = bars.last().map(|bar| bar.value) else { return Ok(()) };
    let rows = u32::try_from(bars.len())?;
    let root = SVGBackend::new(file, (WIDTH, rows * ROW + FRAME)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut builder = ChartBuilder::on(&root);
    builder.caption(title, ("sans-serif", 16)).margin(12).x_label_area_size(30).y_label_area_size(210);
    let mut chart = builder.build_cartesian_2d(0.0..longest * 1.1, 0.0..f64::from(rows))?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_y_mesh().disable_y_axis().y_labels(0).x_labels(8).light_line_style(WHITE);
    mesh.x_label_formatter(&|value| value.to_string()).draw()?;
    let area = chart.plotting_area();
    for (row, bar) in (0..rows).map(f64::from).zip(&bars) {
        let colour = if bar.ours { OUR_COLOUR } else { THEIR_COLOUR };
        area.draw(&Rectangle::new([(0.0, row + 0.15), (bar.value, row + 0.85)], colour.filled()))?;
        area.draw(&Text::new(label(bar.value), (bar.value + longest * 0.006, row + 0.68), ("sans-serif", 13)))?;
        let (x, y) = area.map_coordinate(&(0.0, row + 0.68));
        root.draw(&Text::new(bar.name.clone(), (x - 205, y), ("sans-serif", 13)))?;
    }
    root.present()?;
    Ok(())
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Scale, Scale>>;
type Scale = LogCoord<f64>;

/// What grows with the queue, on logarithmic scales: what is proportional to the length is a line of slope 1.
fn lengths(results: &Results, file: &Path) -> Drawn {
    let lines = [
        ("queue list", Scenario::QueueList),
        ("status", Scenario::Status),
        ("queue size", Scenario::QueueSize),
        ("queue add, one file", Scenario::Add),
    ];
    let longest = results.ats(Scenario::Status).last().copied().unwrap_or(0);
    if longest == 0 {
        return Ok(());
    }
    let root = SVGBackend::new(file, (WIDTH, 460)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut builder = ChartBuilder::on(&root);
    builder.caption("seconds of a whole process, by files queued", ("sans-serif", 16)).margin(12);
    builder.x_label_area_size(40).y_label_area_size(60);
    let mut chart = builder.build_cartesian_2d((500.0..count(longest) * 1.5).log_scale(), (5e-4..10.0).log_scale())?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(WHITE).x_desc("files queued").y_desc("seconds").x_labels(4);
    mesh.x_label_formatter(&|length| format!("{length:.0}"))
        .y_label_formatter(&|seconds| seconds.to_string())
        .draw()?;
    for ((name, scenario), colour) in lines.into_iter().zip(LINE_COLOURS) {
        draw_line(&mut chart, name, &points(results, scenario), colour)?;
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).border_style(THEIR_COLOUR).draw()?;
    root.present()?;
    Ok(())
}

/// Length and seconds. An empty queue has no place on a logarithmic scale.
fn points(results: &Results, scenario: Scenario) -> Vec<(f64, f64)> {
    let ats = results.ats(scenario).into_iter().filter(|at| *at > 0);
    ats.filter_map(|at| Some((count(at), results.wall((scenario, OURS, at))?))).collect()
}

fn draw_line(chart: &mut Chart<'_, '_>, name: &str, points: &[(f64, f64)], colour: RGBColor) -> Drawn {
    let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3);
    let key = move |(x, y): (i32, i32)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2));
    chart.draw_series(line)?.label(name).legend(key);
    Ok(())
}
