//! The chart: four panels that show the claim at a glance.
//!
//! Guarantees: readable at 800 pixels, on a light and on a dark page (it has a background of its own); no script, nothing
//! that is loaded; all values are those of the tables.

use crate::plan::table::{number, seconds};
use crate::plan::{Part, Point, Series, Side};
use crate::svg::{Anchor, Canvas, PLOT_WIDTH, Panel, Who};

/// Draws it.
pub(crate) fn draw(parts: &[Part]) -> String {
    let points: Vec<&Point> = parts.iter().flat_map(|part| &part.points).collect();
    let mut canvas = Canvas::default();
    legend(&mut canvas);
    let [left, right] = [LEFT, RIGHT];
    totals(&mut canvas, Panel::at(left, TOP), &points);
    gets(&mut canvas, Panel::at(right, TOP), &points);
    lost(&mut canvas, Panel::at(left, BOTTOM), &points);
    others(&mut canvas, Panel::at(right, BOTTOM), &points);
    canvas.to_string()
}

/// Some bars side by side, with what stands below them.
#[derive(Debug)]
struct Group {
    label: String,
    bars: Vec<(Who, f64)>,
}

impl From<Side> for Who {
    fn from(side: Side) -> Self {
        match side {
            Side::Bare => Self::Bare,
            Side::Behind => Self::Onelane,
        }
    }
}

fn legend(canvas: &mut Canvas) {
    let entries = [
        (Who::Bare, "the application alone", 130.0),
        (Who::Onelane, "behind Onelane", 102.0),
        (
            Who::Ideal,
            "the ideal: nobody contends, or an idle server",
            0.0,
        ),
    ];
    let mut x = LEFT;
    for (who, name, width) in entries {
        canvas.bar((x, 22.0), 12.0, 12.0, who);
        canvas.text((x + 18.0, 33.0), Anchor::Start, "label", name);
        x += 18.0 + width + 24.0;
    }
}

/// Lines: seconds over the number of requests at once.
fn totals(canvas: &mut Canvas, panel: Panel, points: &[&Point]) {
    canvas.titles(
        panel,
        "Time until the last answer",
        "ASP.NET InProc: N requests of one user at once, 50 ms each",
    );
    let of = |series| -> Vec<(usize, f64)> {
        let points = points.iter().filter(|p| p.series == series);
        points.map(|p| (p.at_once, p.value)).collect()
    };
    let [bare, behind] = [Side::Bare, Side::Behind].map(|side| of(Series::Total(side)));
    let ideal = of(Series::TotalIdeal);
    let values = bare.iter().map(|&(_, value)| value);
    let most = grid(canvas, panel, values, whole_seconds);
    let x = |n: usize| panel.x + AXIS + (PLOT_WIDTH - AXIS - 66.0) * n as f64 / 50.0;
    for n in [1, 10, 20, 50] {
        canvas.text(
            (x(n), panel.floor() + 16.0),
            Anchor::Middle,
            "small",
            &n.to_string(),
        );
    }
    let place = |&(n, value): &(usize, f64)| (x(n), panel.height_of(value, most));
    for (who, series) in [
        (Who::Ideal, &ideal),
        (Who::Bare, &bare),
        (Who::Onelane, &behind),
    ] {
        let places: Vec<_> = series.iter().map(place).collect();
        canvas.line(&places, who);
        for ((n, value), (x, y)) in series.iter().zip(places) {
            let text = seconds(*value);
            let class = format!("value {}-text", who.class());
            match (n, who) {
                (20, Who::Bare | Who::Onelane) => {
                    canvas.text((x, y - 8.0), Anchor::End, &class, &text);
                }
                (50, Who::Bare) => canvas.text((x + 7.0, y + 4.0), Anchor::Start, &class, &text),
                (50, Who::Onelane) => {
                    canvas.text((x + 7.0, y - 2.0), Anchor::Start, &class, &text);
                }
                (50, Who::Ideal) => {
                    let text = format!("ideal {text}");
                    canvas.text((x + 7.0, y + 12.0), Anchor::Start, "small", &text);
                }
                _ => {}
            }
        }
    }
}

/// Bars: calls of the session store for each request.
fn gets(canvas: &mut Canvas, panel: Panel, points: &[&Point]) {
    canvas.titles(
        panel,
        "Calls of the session store for each request",
        "ASP.NET with a store that counts: N requests at once",
    );
    let Some(first) = points.iter().find(|p| matches!(p.series, Series::Gets(_))) else {
        return;
    };
    let of = |p: &&&Point| matches!(p.series, Series::Gets(_)) && p.label == first.label;
    let groups = grouped(points.iter().filter(of), |point| point.at_once.to_string());
    bars(
        canvas,
        panel,
        &groups,
        |value| format!("{value:.1}"),
        number,
    );
}

/// Bars: lost updates.
fn lost(canvas: &mut Canvas, panel: Panel, points: &[&Point]) {
    canvas.titles(
        panel,
        "Lost updates",
        "of 100 increments at once, on stacks that do not lock",
    );
    let of = |p: &&&Point| matches!(p.series, Series::Lost(_));
    let groups = grouped(points.iter().filter(of), |point| point.label.to_owned());
    bars(canvas, panel, &groups, number, number);
}

/// Bars: other users' latency.
fn others(canvas: &mut Canvas, panel: Panel, points: &[&Point]) {
    canvas.titles(
        panel,
        "Other users, while one session floods",
        "PHP-FPM, 16 workers, file sessions: median time of a request",
    );
    let group = |series, who, label: &str| {
        let point = points.iter().find(|point| point.series == series);
        point.map(|point| Group {
            label: label.to_owned(),
            bars: vec![(who, point.value)],
        })
    };
    let groups: Vec<Group> = [
        group(Series::Others(Side::Bare), Who::Bare, "flood, alone"),
        group(Series::Others(Side::Behind), Who::Onelane, "flood, Onelane"),
        group(Series::OthersIdle, Who::Ideal, "idle server"),
    ]
    .into_iter()
    .flatten()
    .collect();
    bars(canvas, panel, &groups, seconds, whole_seconds);
}

/// Points of one label together, in the order in which labels first come.
fn grouped<'a>(
    points: impl Iterator<Item = &'a &'a Point>,
    label: impl Fn(&Point) -> String,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for point in points {
        let (Series::Total(side) | Series::Gets(side) | Series::Lost(side) | Series::Others(side)) =
            point.series
        else {
            continue;
        };
        let (label, bar) = (label(point), (Who::from(side), point.value));
        match groups.iter_mut().find(|group| group.label == label) {
            Some(group) => group.bars.push(bar),
            None => groups.push(Group {
                label,
                bars: vec![bar],
            }),
        }
    }
    groups
}

fn bars(
    canvas: &mut Canvas,
    panel: Panel,
    groups: &[Group],
    shown: fn(f64) -> String,
    scale: fn(f64) -> String,
) {
    let values = groups.iter().flat_map(|group| group.bars.iter());
    let most = grid(canvas, panel, values.map(|&(_, value)| value), scale);
    let room = (PLOT_WIDTH - AXIS) / groups.len().max(1) as f64;
    for (place, group) in groups.iter().enumerate() {
        let middle = panel.x + AXIS + room * (place as f64 + 0.5);
        let width = (room * 0.9 / group.bars.len() as f64).min(34.0);
        let mut x = middle - width * group.bars.len() as f64 / 2.0;
        for &(who, value) in &group.bars {
            let y = panel.height_of(value, most).min(panel.floor() - THINNEST);
            canvas.bar((x + 1.0, y), width - 2.0, panel.floor() - y, who);
            let at = (x + width / 2.0, y - 4.0);
            let class = format!("value {}-text", who.class());
            canvas.text(at, Anchor::Middle, &class, &shown(value));
            x += width;
        }
        let at = (middle, panel.floor() + 16.0);
        canvas.text(at, Anchor::Middle, "small", &group.label);
    }
}

/// Lines across a plot at round values, and what its upper edge stands for.
fn grid(
    canvas: &mut Canvas,
    panel: Panel,
    values: impl Iterator<Item = f64>,
    shown: fn(f64) -> String,
) -> f64 {
    let largest = values.fold(0.0, f64::max).max(1.0);
    let step = STEPS
        .into_iter()
        .find(|step| largest / step <= LINES)
        .unwrap_or(largest / LINES);
    let most = (largest / step).ceil() * step;
    let values = (0..).map(|line| f64::from(line) * step);
    for (line, value) in values.take_while(|value| *value <= most).enumerate() {
        let y = panel.height_of(value, most);
        let class = if line == 0 { "floor" } else { "grid" };
        canvas.rule(panel.x + AXIS, panel.x + PLOT_WIDTH, y, class);
        let at = (panel.x + AXIS - 6.0, y + 4.0);
        canvas.text(at, Anchor::End, "small", &shown(value));
    }
    most
}

fn whole_seconds(value: f64) -> String {
    format!("{value:.0} s")
}

/// Where panels begin.
const LEFT: f64 = 24.0;
const RIGHT: f64 = 420.0;
const TOP: f64 = 70.0;
const BOTTOM: f64 = 344.0;
/// Left of a plot, for the values of its lines.
const AXIS: f64 = 34.0;
/// Between lines.
const STEPS: [f64; 7] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];
/// Lines of a plot, at most.
const LINES: f64 = 5.0;
/// A bar that stands for nothing can be seen, too.
const THINNEST: f64 = 1.5;
