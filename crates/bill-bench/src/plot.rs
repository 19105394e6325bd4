//! The plots of the page: horizontal bars, one picture for each question.
//!
//! What is drawn depends on the rows alone, so that a test can hold the pictures against them.

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::{
    BLACK, Color, DrawingArea, IntoDrawingArea, IntoFont, PathElement, RGBColor, Rectangle,
    SVGBackend, Text, TextStyle, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::results::Results;
use crate::row::grouped;

const WIDTH: i32 = 860;
/// Where bars begin, to the right of their names.
const LEFT: i32 = 250;
/// Where the longest bar ends: its figure stands behind it.
const RIGHT: i32 = WIDTH - 90;
/// Above the first bar: the title, and the legend.
const TOP: i32 = 62;
const BAR: i32 = 15;
const GAP: i32 = 9;
/// Below the last bar: what the bars count.
const BOTTOM: i32 = 34;

/// Dark to light, as many as there are bars in a group.
const SHADES: [RGBColor; 5] = [
    RGBColor(22, 66, 110),
    RGBColor(52, 120, 178),
    RGBColor(128, 180, 219),
    RGBColor(186, 214, 235),
    RGBColor(222, 235, 247),
];
const TARGET: RGBColor = RGBColor(190, 60, 30);
const QUIET: RGBColor = RGBColor(90, 90, 90);

/// One picture.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plot {
    /// The name of its file in `docs/plots`.
    pub file: String,
    /// The picture itself.
    pub svg: String,
}

/// All pictures of the page.
///
/// # Errors
///
/// A picture cannot be drawn.
pub fn all(results: &Results) -> Result<Vec<Plot>, Box<dyn Error>> {
    let charts = [
        path(results),
        price(results),
        herd(results),
        refused(results),
        growth(results),
        soak(results),
        weight(results),
    ];
    charts.into_iter().map(|chart| chart.plot()).collect()
}

fn path(results: &Results) -> Chart {
    Chart {
        file: "path",
        title: "Acquire and observe, beside floors and credential caches",
        unit: "nanoseconds, logarithmic",
        scale: Scale::Logarithmic,
        target: None,
        bars: Bars::of(results, "path", "time", &["1 thread", "2 threads", "8 threads"]),
    }
}

fn price(results: &Results) -> Chart {
    let callers = ["1 caller", "3 callers", "32 callers"];
    Chart {
        file: "price",
        title: "Calls a second of an adapter, by those of its HTTP client alone",
        unit: "ratio; the line is the target",
        scale: Scale::Linear,
        target: Some(0.98),
        bars: Bars::of(results, "price", "throughput ratio", &callers),
    }
}

fn herd(results: &Results) -> Chart {
    let callers = [
        "1 caller, a call each",
        "100 callers, a call each",
        "1,000 callers, a call each",
        "10,000 callers, a call each",
    ];
    Chart {
        file: "herd",
        title: "Until the last of a cold herd is served, by the ideal of three slots",
        unit: "ratio; the line is the target",
        scale: Scale::Linear,
        target: Some(1.1),
        bars: Bars::of(results, "herd", "time ratio", &callers),
    }
}

fn refused(results: &Results) -> Chart {
    Chart {
        file: "herd-refused",
        title: "Sign-ins that 50 callers make whose password is wrong",
        unit: "sign-ins, logarithmic",
        scale: Scale::Logarithmic,
        target: None,
        bars: Bars::of(results, "herd", "sign-ins", &["50 callers, refused"]).of_one_kind(),
    }
}

fn growth(results: &Results) -> Chart {
    let organizations = ["1 organisation", "1,000 organisations", "100,000 organisations"];
    Chart {
        file: "growth",
        title: "Memory of a signed-in organisation",
        unit: "bytes; the line is the target",
        scale: Scale::Linear,
        target: Some(1_024.0),
        bars: Bars::of(results, "growth", "heap", &organizations),
    }
}

fn soak(results: &Results) -> Chart {
    let resident = results.of("soak").filter(|row| row.metric == "resident");
    let groups = resident.map(|row| (row.setting.clone(), vec![Some(row.value)])).collect();
    Chart {
        file: "soak",
        title: "Resident memory of a program that makes ten million calls",
        unit: "MiB",
        scale: Scale::Linear,
        target: None,
        bars: Bars { series: Vec::new(), groups },
    }
}

fn weight(results: &Results) -> Chart {
    Chart {
        file: "weight",
        title: "Crates in the tree of the smallest program",
        unit: "crates",
        scale: Scale::Linear,
        target: None,
        bars: Bars::of(results, "weight", "crates", &[""]).of_one_kind(),
    }
}

/// Bars in groups: a group for each subject, and in it a bar for each setting.
struct Bars {
    series: Vec<String>,
    groups: Vec<(String, Vec<Option<f64>>)>,
}

impl Bars {
    /// One metric of a section, of all subjects that have it in any of these settings.
    fn of(results: &Results, section: &str, metric: &str, settings: &[&str]) -> Self {
        let mut groups: Vec<(String, Vec<Option<f64>>)> = Vec::new();
        for row in results.of(section).filter(|row| row.metric == metric) {
            let Some(at) = settings.iter().position(|setting| *setting == row.setting) else {
                continue;
            };
            let known = groups.iter().position(|(subject, _)| *subject == row.subject);
            let known = known.unwrap_or_else(|| {
                groups.push((row.subject.clone(), vec![None; settings.len()]));
                groups.len() - 1
            });
            groups[known].1[at] = Some(row.value);
        }
        // What the settings have in common is in the title.
        let differs = |setting: &&str| setting.split(", ").next().unwrap_or_default().to_owned();
        Self { series: settings.iter().map(differs).collect(), groups }
    }

    /// Without a legend, which would say what the title says.
    fn of_one_kind(self) -> Self {
        Self { series: Vec::new(), ..self }
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.groups.iter().flat_map(|(_, bars)| bars).copied().flatten()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    Linear,
    Logarithmic,
}

/// A picture that has not been drawn yet.
struct Chart {
    file: &'static str,
    title: &'static str,
    unit: &'static str,
    scale: Scale,
    /// Where bars are to end, or before it, or behind it.
    target: Option<f64>,
    bars: Bars,
}

impl Chart {
    fn plot(&self) -> Result<Plot, Box<dyn Error>> {
        let bars: usize = self.bars.groups.iter().map(|(_, bars)| bars.len()).sum();
        let bottom = TOP + BAR * bars as i32 + GAP * self.bars.groups.len() as i32;
        let mut svg = String::new();
        {
            let size = (WIDTH as u32, (bottom + BOTTOM) as u32);
            let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            area.fill(&WHITE)?;
            text(&area, self.title, (12, 10), 18, &BLACK, HPos::Left)?;
            self.draw_legend(&area)?;
            self.draw_bars(&area)?;
            if let Some(target) = self.target {
                let ends = vec![(self.x(target), TOP - 4), (self.x(target), bottom)];
                area.draw(&PathElement::new(ends, TARGET.stroke_width(2)))?;
            }
            self.draw_figures(&area)?;
            text(&area, self.unit, (LEFT, bottom + 8), 13, &QUIET, HPos::Left)?;
            area.present()?;
        }
        Ok(Plot { file: format!("{}.svg", self.file), svg })
    }

    fn draw_legend(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Box<dyn Error>> {
        let mut x = LEFT;
        for (name, shade) in self.bars.series.iter().zip(SHADES) {
            area.draw(&Rectangle::new([(x, 38), (x + 12, 50)], shade.filled()))?;
            text(area, name, (x + 17, 36), 13, &BLACK, HPos::Left)?;
            // Wide enough in any font that a browser has.
            x += 34 + 7 * name.chars().count() as i32;
        }
        Ok(())
    }

    fn draw_bars(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Box<dyn Error>> {
        for (y, value, shade) in self.placed() {
            let corners = [(LEFT, y + 1), (self.x(value).max(LEFT + 1), y + BAR - 1)];
            area.draw(&Rectangle::new(corners, shade.filled()))?;
        }
        let mut y = TOP;
        for (name, bars) in &self.bars.groups {
            let middle = y + BAR * bars.len() as i32 / 2;
            let color = if is_ours(name) { &SHADES[0] } else { &QUIET };
            text(area, name, (LEFT - 10, middle - 8), 14, color, HPos::Right)?;
            y += BAR * bars.len() as i32 + GAP;
        }
        Ok(())
    }

    /// The figures behind the bars, on a ground of their own, since the line of the target may be
    /// there.
    fn draw_figures(
        &self,
        area: &DrawingArea<SVGBackend<'_>, Shift>,
    ) -> Result<(), Box<dyn Error>> {
        for (y, value, _) in self.placed() {
            let (figure, x) = (number(value), self.x(value).max(LEFT + 1) + 5);
            let ground = [(x - 2, y + 1), (x + 7 * figure.chars().count() as i32, y + BAR - 1)];
            area.draw(&Rectangle::new(ground, WHITE.filled()))?;
            text(area, &figure, (x, y), 12, &BLACK, HPos::Left)?;
        }
        Ok(())
    }

    /// Each bar that has a value, with its upper edge and its shade.
    fn placed(&self) -> impl Iterator<Item = (i32, f64, RGBColor)> {
        let mut y = TOP;
        self.bars.groups.iter().flat_map(move |(_, bars)| {
            let top = y;
            y += BAR * bars.len() as i32 + GAP;
            let tops = (0..).map(move |at| top + BAR * at);
            tops.zip(bars).zip(SHADES).filter_map(|((y, value), shade)| Some((y, (*value)?, shade)))
        })
    }

    /// Where a bar of this value ends.
    fn x(&self, value: f64) -> i32 {
        let most = self.bars.values().chain(self.target).fold(f64::MIN_POSITIVE, f64::max);
        let part = match self.scale {
            Scale::Linear => value / most,
            Scale::Logarithmic => {
                // From half of the least, so that the least has a bar, too.
                let least = self.bars.values().fold(most, f64::min).max(1e-3) / 2.0;
                (value / least).ln() / (most / least).ln()
            }
        };
        LEFT + (part.clamp(0.0, 1.0) * f64::from(RIGHT - LEFT)).round() as i32
    }
}

fn is_ours(subject: &str) -> bool {
    subject.starts_with("ours") || subject.starts_with("bill-")
}

fn text(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    words: &str,
    at: (i32, i32),
    size: i32,
    color: &RGBColor,
    side: HPos,
) -> Result<(), Box<dyn Error>> {
    let style = TextStyle::from(("sans-serif", size).into_font()).color(color);
    area.draw(&Text::new(words.to_owned(), at, style.pos(Pos::new(side, VPos::Top))))?;
    Ok(())
}

/// A figure in three digits or more, as a page or a picture shows it.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if value.fract() == 0.0 || size >= 100.0 {
        let sign = if value < 0.0 { "−" } else { "" };
        return format!("{sign}{}", grouped(size.round() as usize));
    }
    let places = if size >= 10.0 {
        1
    } else if size >= 1.0 {
        2
    } else {
        3
    };
    format!("{value:.places$}").replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_have_three_digits_or_more() {
        let written = [0.0, 0.0463, 1.118, 12.34, 99.96, 123.4, 12_345.6, -2.0, -0.5].map(number);
        let expected = ["0", "0.046", "1.12", "12.3", "100.0", "123", "12,346", "−2", "−0.500"];
        assert_eq!(written, expected);
    }
}
