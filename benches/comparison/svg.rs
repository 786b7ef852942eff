//! SVG as text: the few shapes that the chart is made of, and their styles.
//!
//! Guarantees: a background of its own; no script, nothing that is loaded.

use std::fmt::{self, Write as _};

/// Elements of the picture, in order.
#[derive(Debug, Default)]
pub(crate) struct Canvas(String);

/// The place of one diagram: its left upper corner; the plot itself is below two lines of text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel {
    pub(crate) x: f64,
    y: f64,
}

/// Who a line or a bar stands for; also the name of its style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Bare,
    Onelane,
    Ideal,
}

/// Where the end of a text, its middle or its beginning is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Panel {
    pub(crate) fn at(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    /// The plot's upper edge.
    pub(crate) fn top(self) -> f64 {
        self.y + HEAD
    }

    /// The plot's lower edge.
    pub(crate) fn floor(self) -> f64 {
        self.top() + PLOT_HEIGHT
    }

    /// Where `value` is in a plot whose upper edge stands for `most`.
    pub(crate) fn height_of(self, value: f64, most: f64) -> f64 {
        self.floor() - PLOT_HEIGHT * value / most
    }
}

impl Who {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Onelane => "onelane",
            Self::Ideal => "ideal",
        }
    }
}

impl Canvas {
    fn element(&mut self, element: fmt::Arguments<'_>) {
        writeln!(self.0, "{element}").expect("writing to a string does not fail");
    }

    pub(crate) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        self.element(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{text}</text>"#
        ));
    }

    pub(crate) fn rule(&mut self, from: f64, to: f64, y: f64, class: &str) {
        self.element(format_args!(
            r#"<line x1="{from:.1}" x2="{to:.1}" y1="{y:.1}" y2="{y:.1}" class="{class}"/>"#
        ));
    }

    pub(crate) fn bar(&mut self, (x, y): (f64, f64), width: f64, height: f64, who: Who) {
        self.element(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" class="{}"/>"#,
            who.class()
        ));
    }

    pub(crate) fn line(&mut self, points: &[(f64, f64)], who: Who) {
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let (points, class) = (points.join(" "), who.class());
        self.element(format_args!(
            r#"<polyline points="{points}" class="line {class}"/>"#
        ));
    }

    pub(crate) fn titles(&mut self, panel: Panel, title: &str, below: &str) {
        self.text((panel.x, panel.y), Anchor::Start, "title", title);
        self.text((panel.x, panel.y + 17.0), Anchor::Start, "small", below);
    }
}

impl fmt::Display for Canvas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{TITLE}">
<title>{TITLE}</title>
<style>{STYLE}</style>
<rect x="0.5" y="0.5" width="{:.1}" height="{:.1}" rx="8" class="paper"/>
{}</svg>"#,
            WIDTH - 1.0,
            HEIGHT - 1.0,
            self.0.trim_start()
        )
    }
}

/// Of the whole picture.
pub(crate) const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 592.0;
/// Above a plot: its title and what it is of.
const HEAD: f64 = 34.0;
/// Of a plot.
const PLOT_HEIGHT: f64 = 180.0;
pub(crate) const PLOT_WIDTH: f64 = 356.0;
const TITLE: &str = "Applications alone and behind Onelane";
const STYLE: &str = "
text { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif; fill: #1f2937 }
.paper { fill: #ffffff; stroke: #d1d5db }
.title { font-size: 15px; font-weight: 600 }
.label { font-size: 13px }
.small { font-size: 11.5px; fill: #4b5563 }
.value { font-size: 11.5px; font-weight: 600 }
.grid { stroke: #e5e7eb }
.floor { stroke: #6b7280 }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round }
rect.bare { fill: #d9480f } .line.bare { stroke: #d9480f } .bare-text { fill: #b93a08 }
rect.onelane { fill: #0b7285 } .line.onelane { stroke: #0b7285 } .onelane-text { fill: #095c6b }
rect.ideal { fill: #9ca3af } .line.ideal { stroke: #6b7280; stroke-width: 5; opacity: 0.45 } .ideal-text { fill: #4b5563 }
";
