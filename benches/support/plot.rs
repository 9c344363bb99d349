//! Throughput and cost over the number of threads, as a picture.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// One competitor's line.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) color: RGBColor,
    pub(crate) dashed: bool,
    /// Threads and the value.
    pub(crate) points: Vec<(f64, f64)>,
}

/// One diagram: lines over the number of threads.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) unit: String,
    pub(crate) lines: Vec<Line>,
}

// Paul Tol's bright scheme: told apart by the colour-blind, and in print.
pub(crate) const BLUE: RGBColor = RGBColor(0x22, 0x66, 0xaa);
pub(crate) const RED: RGBColor = RGBColor(0xee, 0x66, 0x77);
pub(crate) const GREEN: RGBColor = RGBColor(0x22, 0x88, 0x33);
pub(crate) const PURPLE: RGBColor = RGBColor(0xaa, 0x33, 0x77);
pub(crate) const GREY: RGBColor = RGBColor(0x88, 0x88, 0x88);
const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
const FAINT: RGBColor = RGBColor(0xe4, 0xe4, 0xe4);

const WIDTH: u32 = 1500;
const TOP: u32 = 110;
const ROW: u32 = 430;

type Drawing<T> = Result<T, Box<dyn Error>>;

/// Rows of panels under one legend.
pub(crate) fn draw(path: &Path, title: &str, subtitle: &str, rows: &[Vec<Panel>]) -> Drawing<()> {
    let count = u32::try_from(rows.len())?;
    let root = SVGBackend::new(path, (WIDTH, TOP + ROW * count + 10)).into_drawing_area();
    root.fill(&WHITE)?;
    let (head, body) = root.split_vertically(TOP);
    let heading = ("sans-serif", 26).into_font().style(FontStyle::Bold).color(&INK);
    head.draw_text(title, &heading, (28, 16))?;
    head.draw_text(subtitle, &("sans-serif", 16).into_font().color(&GREY), (28, 50))?;
    if let Some(panel) = rows.first().and_then(|row| row.first()) {
        legend(&head, &panel.lines)?;
    }
    for (area, panels) in body.split_evenly((rows.len(), 1)).iter().zip(rows) {
        for (area, panel) in area.split_evenly((1, panels.len())).iter().zip(panels) {
            draw_panel(area, panel)?;
        }
    }
    root.present()?;
    Ok(())
}

fn legend(area: &DrawingArea<SVGBackend<'_>, Shift>, lines: &[Line]) -> Drawing<()> {
    let style = ("sans-serif", 16).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
    let mut x = 30;
    for line in lines {
        let y = 88;
        stroke(line, |from, to| {
            area.draw(&PathElement::new(
                vec![(x + from, y), (x + to, y)],
                line.color.stroke_width(3),
            ))
        })?;
        if !line.dashed {
            area.draw(&Circle::new((x + 18, y), 4, line.color.filled()))?;
        }
        area.draw_text(&line.name, &style, (x + 46, y))?;
        x += 46 + 9 * i32::try_from(line.name.chars().count())? + 30;
    }
    Ok(())
}

/// A piece of line for the legend: whole, or in dashes.
fn stroke<E>(line: &Line, mut draw: impl FnMut(i32, i32) -> Result<(), E>) -> Result<(), E> {
    if !line.dashed {
        return draw(0, 36);
    }
    for from in [0, 13, 26] {
        draw(from, from + 8)?;
    }
    Ok(())
}

fn draw_panel(area: &DrawingArea<SVGBackend<'_>, Shift>, panel: &Panel) -> Drawing<()> {
    let values = || panel.lines.iter().flat_map(|line| &line.points);
    let low = values().map(|(_, y)| *y).fold(f64::INFINITY, f64::min);
    let high = values().map(|(_, y)| *y).fold(0.0, f64::max);
    let widest = values().map(|(x, _)| *x).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, ("sans-serif", 19).into_font().color(&INK))
        .margin(14)
        .x_label_area_size(48)
        .y_label_area_size(74)
        .build_cartesian_2d(
            (0.88..widest * 1.14).log_scale().base(2.0),
            (low / 1.35..high * 1.35).log_scale(),
        )?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(FAINT)
        .axis_style(GREY)
        .x_desc("threads")
        .y_desc(&panel.unit)
        .x_labels(7)
        .y_labels(8)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| number(*y))
        .label_style(("sans-serif", 15).into_font().color(&INK))
        .axis_desc_style(("sans-serif", 16).into_font().color(&INK))
        .draw()?;
    for line in panel.lines.iter().rev() {
        let points = line.points.iter().copied();
        if line.dashed {
            chart.draw_series(DashedLineSeries::new(points, 8, 5, line.color.stroke_width(2)))?;
        } else {
            chart.draw_series(LineSeries::new(points.clone(), line.color.stroke_width(3)))?;
            chart.draw_series(points.map(|point| Circle::new(point, 4, line.color.filled())))?;
        }
    }
    Ok(())
}

fn number(value: f64) -> String {
    if value >= 10_000.0 {
        format!("{:.0} k", value / 1000.0)
    } else if value >= 1000.0 {
        format!("{:.1} k", value / 1000.0)
    } else if value >= 10.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}
