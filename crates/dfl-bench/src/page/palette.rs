//! Colours of the plots, in a light and a dark version.
//!
//! Plots are drawn once, in the light colours; a style sheet exchanges them for the dark ones.

use plotters::style::RGBColor;

/// Text, axes and grid: light and dark.
pub(crate) const INK: RGBColor = RGBColor(0x22, 0x26, 0x2b);
pub(crate) const AXIS: RGBColor = RGBColor(0x8a, 0x90, 0x98);
pub(crate) const GRID: RGBColor = RGBColor(0xe3, 0xe6, 0xea);

const NEUTRALS: [(RGBColor, &str); 3] = [(INK, "#e6e8eb"), (AXIS, "#7d848d"), (GRID, "#333941")];

/// Told apart by people who see red and green alike (after Okabe and Ito), darkened until thin lines show on white.
pub(crate) const SERIES: [(RGBColor, &str); 8] = [
    (RGBColor(0x00, 0x6b, 0xb3), "#56b4e9"),
    (RGBColor(0xd5, 0x5e, 0x00), "#f28a3c"),
    (RGBColor(0x00, 0x8c, 0x66), "#2fc79b"),
    (RGBColor(0xb8, 0x4f, 0x8c), "#e08fbf"),
    (RGBColor(0xa3, 0x7b, 0x00), "#e6c229"),
    (RGBColor(0x5b, 0x4f, 0xc4), "#a59cf2"),
    (RGBColor(0x7a, 0x4a, 0x2b), "#c89574"),
    (RGBColor(0x5f, 0x6b, 0x76), "#aab4be"),
];

/// Who is who in all plots of one run.
pub(crate) const MODEL: RGBColor = SERIES[0].0;
pub(crate) const BASELINE: RGBColor = SERIES[1].0;
pub(crate) const BEST: RGBColor = SERIES[2].0;

/// From little to much, told apart in grey: light and dark, away from the page in both.
const SHADES: [(RGBColor, &str); 6] = [
    (RGBColor(0xa3, 0xad, 0xb8), "#56616d"),
    (RGBColor(0x8f, 0x9a, 0xa7), "#66727f"),
    (RGBColor(0x79, 0x86, 0x94), "#7b8896"),
    (RGBColor(0x62, 0x70, 0x7f), "#93a0ad"),
    (RGBColor(0x4b, 0x58, 0x67), "#aeb8c4"),
    (RGBColor(0x33, 0x3f, 0x4c), "#ccd4dd"),
];

/// The shade of a share between 0 and 1.
pub(crate) fn shade(share: f64) -> RGBColor {
    let place = (share.clamp(0.0, 1.0) * SHADES.len() as f64) as usize;
    SHADES[place.min(SHADES.len() - 1)].0
}

/// The colour of the series of this number; they repeat after eight.
pub(crate) fn series(number: usize) -> RGBColor {
    SERIES[number % SERIES.len()].0
}

/// As in HTML and SVG.
pub(crate) fn hex(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

/// Rules that exchange each colour of a plot and its legend for the dark one.
pub(crate) fn dark_rules() -> String {
    let rule = |(light, dark): &(RGBColor, &str)| {
        let light = hex(*light);
        format!("svg [stroke=\"{light}\"]{{stroke:{dark}}}svg [fill=\"{light}\"]{{fill:{dark}}}\n")
    };
    NEUTRALS.iter().chain(&SERIES).chain(&SHADES).map(rule).collect()
}
