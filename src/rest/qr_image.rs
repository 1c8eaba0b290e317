//! A QR code as a picture.

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use qrcode::{Color, EcLevel, QrCode};

use crate::domain::error::{Error, Result};

/// Dots for each of the code's squares.
const SCALE: usize = 6;
/// Squares of paper around it, without which scanners do not find it.
const MARGIN: usize = 4;

/// The text as a PNG.
pub fn png(text: &str) -> Result<Vec<u8>> {
    // The lowest level of correction makes the largest squares; a screen has no dirt on it.
    let code = QrCode::with_error_correction_level(text, EcLevel::L).map_err(Error::internal)?;
    let (squares, width) = (code.to_colors(), code.width());
    let side = (width + 2 * MARGIN) * SCALE;
    let is_ink = |x: usize, y: usize| {
        let place = |dot: usize| (dot / SCALE).checked_sub(MARGIN).filter(|at| *at < width);
        let at = place(x).zip(place(y)).and_then(|(x, y)| squares.get(y * width + x));
        at.is_some_and(|square| *square == Color::Dark)
    };
    let dots: Vec<u8> = (0..side)
        .flat_map(|y| (0..side).map(move |x| (x, y)))
        .map(|(x, y)| if is_ink(x, y) { 0 } else { u8::MAX })
        .collect();
    let length = u32::try_from(side).map_err(Error::internal)?;
    let mut picture = Vec::new();
    PngEncoder::new(&mut picture)
        .write_image(&dots, length, length, ExtendedColorType::L8)
        .map_err(Error::internal)?;
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_shows_the_code_with_paper_around_it() {
        let text = "2@abcdefghijklmnopqrstuvwxyz,0123456789,=";
        let picture = png(text).expect("a picture");
        let dots = image::load_from_memory(&picture).expect("a PNG").to_luma8();
        let code = QrCode::with_error_correction_level(text, EcLevel::L).expect("a code");
        assert_eq!(dots.width() as usize, (code.width() + 2 * MARGIN) * SCALE);
        for (x, y, dot) in dots.enumerate_pixels() {
            let (column, row) = (x as usize / SCALE, y as usize / SCALE);
            let is_inside =
                [column, row].iter().all(|at| (MARGIN..MARGIN + code.width()).contains(at));
            let is_ink = is_inside && code[(column - MARGIN, row - MARGIN)] == Color::Dark;
            assert_eq!(dot.0[0], if is_ink { 0 } else { 255 }, "{x} {y}");
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_no_panic() {
        assert!(png(&"x".repeat(10_000)).is_err());
    }
}
