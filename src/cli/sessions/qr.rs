//! QR codes in the terminal.

use anstyle::{AnsiColor, Color, Style};
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// Scanners want dark on light, whatever the terminal's own colours are.
const PAPER: Style =
    AnsiColor::Black.on_default().bg_color(Some(Color::Ansi(AnsiColor::BrightWhite)));

/// The text as a QR code, two rows of it in each line. None where the text is too long for one.
pub fn lines(text: &str) -> Option<Vec<String>> {
    // The lowest level of correction makes the smallest picture; a screen has no dirt on it.
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let picture = code.render::<Dense1x2>().quiet_zone(true).build();
    Some(picture.lines().map(|line| format!("{PAPER}{line}{PAPER:#}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_square_of_half_as_many_lines_as_columns() {
        let lines = lines("2@abcdefghijklmnopqrstuvwxyz,0123456789,=").expect("a code");
        let plain: Vec<String> =
            lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
        let columns = plain[0].chars().count();
        assert!(plain.iter().all(|line| line.chars().count() == columns));
        assert_eq!(plain.len(), columns.div_ceil(2));
        // The quiet zone around it, then the corner of the first finder pattern.
        assert!(plain[0].chars().all(|c| c == ' '), "{:?}", plain[0]);
        assert!(plain[2].starts_with("    █▀▀▀▀▀█"), "{:?}", plain[2]);
    }

    #[test]
    fn a_text_that_is_too_long_is_no_panic() {
        assert_eq!(lines(&"x".repeat(10_000)), None);
    }
}
