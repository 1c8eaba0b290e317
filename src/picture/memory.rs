//! What decoding a picture takes, as its header announces: too much is refused before anything is allocated.
//!
//! The decoders allocate what a header asks for (`image` 0.25.10, `zune-jpeg` 0.5.15, `png` 0.18, `image-webp`
//! 0.2.4), so that a file of 500 kB could take a gigabyte. The figures below are read from their code.

use image::ColorType;

/// The side of WhatsApp's pictures, in pixels.
pub const SIDE: u32 = 640;
/// For a JPEG: 64 megapixels are 183 MiB, and up to 244 MiB more where the file comes in passes and has its colours
/// at half the resolution, as is usual.
const JPEG_BYTES: u64 = 480 << 20;
/// For a PNG or WebP.
const OTHER_BYTES: u64 = 256 << 20;
/// The shorter side to which a large picture is scaled first, by a filter that needs no memory of its own.
pub(super) const STEP_SIDE: u32 = 1280;

/// What a picture takes, and what there is for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    bytes: u64,
    there_are: u64,
}

impl Need {
    pub fn is_met(self) -> bool {
        self.bytes <= self.there_are
    }

    fn new(bytes: u64, scaling: u64, there_are: u64) -> Self {
        Self { bytes: bytes.saturating_add(scaling), there_are }
    }
}

/// A lossless WebP may bring codes of its own for each small part of the picture, tables of which take up to so
/// much for a byte of the file that describes them. No header has their number.
const CODES_PER_BYTE: u64 = 330;

type Size = (u32, u32);

fn pixels((width, height): Size) -> u64 {
    u64::from(width) * u64::from(height)
}

/// The size after the first step.
pub(super) fn step((width, height): Size) -> Size {
    let side = u64::from(width.min(height)).max(1);
    let scaled = |length: u32| {
        let length = u64::from(length) * u64::from(STEP_SIDE) / side;
        u32::try_from(length).unwrap_or(u32::MAX)
    };
    (scaled(width), scaled(height))
}

/// What scaling takes besides the picture: the first step, the square of it, and the columns of that.
fn scaling_bytes(size: Size, each: u64) -> u64 {
    let is_large = size.0.min(size.1) > 2 * STEP_SIDE;
    let (stepped, size) = if is_large { (pixels(step(size)), step(size)) } else { (0, size) };
    let side = u64::from(size.0.min(size.1));
    (stepped + side * side) * each + side * u64::from(SIDE) * 16
}

/// The pixels, and of a JPEG in passes the coefficients of all of it.
pub(super) fn of_jpeg(file: &[u8], size: Size, color: ColorType) -> Need {
    let coefficients = coefficient_bytes(file, size).unwrap_or(u64::MAX);
    let each = u64::from(color.bytes_per_pixel());
    let samples = pixels(size) * each;
    Need::new(samples.saturating_add(coefficients), scaling_bytes(size, each), JPEG_BYTES)
}

/// The pixels; rows are decoded one by one.
pub(super) fn of_png(size: Size, color: ColorType) -> Need {
    let each = u64::from(color.bytes_per_pixel());
    Need::new(pixels(size) * each, scaling_bytes(size, each), OTHER_BYTES)
}

/// With transparency, which is the worst: the pixels (4 bytes), their planes (1.5), and the transparency as a
/// picture of its own (5). An animation keeps a frame beside the canvas.
pub(super) fn of_webp(file: &[u8], size: Size, is_animated: bool) -> Need {
    let each = if is_animated { 16 } else { 12 };
    let is_lossless = file.windows(4).any(|name| name == b"VP8L" || name == b"ALPH");
    let codes = if is_lossless { file.len() as u64 * CODES_PER_BYTE } else { 0 };
    Need::new(pixels(size) * each + codes, scaling_bytes(size, 4), OTHER_BYTES)
}

/// A component of a JPEG's frame.
struct Component {
    horizontal: u64,
    vertical: u64,
}

/// What is kept of a JPEG until all of its passes have been read, in two bytes a coefficient: nothing where the
/// first pass is the only one. `None` where the header cannot be followed.
fn coefficient_bytes(file: &[u8], (width, height): Size) -> Option<u64> {
    let (width, height) = (u64::from(width), u64::from(height));
    let mut rest = file.get(2..)?;
    let mut frame: Option<(bool, Vec<Component>)> = None;
    loop {
        let (marker, segment, after) = next_segment(rest)?;
        rest = after;
        match marker {
            // Frames of all kinds; the four in between are tables.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let count = usize::from(*segment.get(5)?);
                let components = segment.get(6..6 + 3 * count)?.chunks_exact(3).map(|each| {
                    let (horizontal, vertical) = (each[1] >> 4, each[1] & 15);
                    Component { horizontal: horizontal.into(), vertical: vertical.into() }
                });
                frame = Some((marker != 0xc0 && marker != 0xc1, components.collect()));
            }
            // The first pass.
            0xda => {
                let (is_progressive, components) = frame?;
                let is_whole = usize::from(*segment.first()?) == components.len();
                if is_whole && !is_progressive {
                    return Some(0);
                }
                let most = |of: fn(&Component) -> u64| components.iter().map(of).max();
                let (horizontal, vertical) =
                    (most(|each| each.horizontal)?.max(1), most(|each| each.vertical)?.max(1));
                // Where colours are not interleaved, blocks are counted as if each were of one sample.
                let blocks = if is_whole && components.len() > 1 {
                    width.div_ceil(8 * horizontal) * height.div_ceil(8 * vertical)
                } else {
                    width.div_ceil(8) * height.div_ceil(8)
                };
                let samples = components.iter().map(|each| each.horizontal * each.vertical);
                return Some(blocks * 64 * samples.sum::<u64>() * 2);
            }
            _ => {}
        }
    }
}

/// The next segment of a JPEG: its marker, what it holds, and what follows.
fn next_segment(file: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let mut rest = file;
    loop {
        // Whatever lies between segments is passed over, as the decoder does.
        let start = rest.iter().position(|byte| *byte == 0xff)?;
        rest = rest.get(start..)?;
        let marker = rest.iter().position(|byte| *byte != 0xff)?;
        let kind = *rest.get(marker)?;
        rest = rest.get(marker + 1..)?;
        // These stand alone.
        if matches!(kind, 0x00 | 0x01 | 0xd0..=0xd9) {
            continue;
        }
        let length = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
        return Some((kind, rest.get(2..length)?, rest.get(length..)?));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// The head of a JPEG: a frame of this kind with these sampling factors, and a pass over so many of them.
    fn jpeg(kind: u8, sampling: &[u8], in_first_pass: u8) -> Vec<u8> {
        let count = u8::try_from(sampling.len()).unwrap();
        let mut head = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, kind, 0, 8 + 3 * count];
        head.extend([8, 0x1f, 0x40, 0x1f, 0x40, count]);
        for (id, factors) in sampling.iter().enumerate() {
            head.extend([u8::try_from(id).unwrap() + 1, *factors, 0]);
        }
        head.extend([0xff, 0xda, 0, 3, in_first_pass]);
        head
    }

    #[test]
    fn a_jpeg_takes_what_its_passes_need() {
        let size = (8000, 8000);
        let need = |kind, sampling: &[u8], pass| {
            of_jpeg(&jpeg(kind, sampling, pass), size, ColorType::Rgb8).bytes
                - scaling_bytes(size, 3)
        };
        let pixels = 64_000_000 * 3;
        let (full, half) = ([0x11, 0x11, 0x11], [0x22, 0x11, 0x11]);
        assert_eq!(need(0xc0, &full, 3), pixels);
        assert_eq!(need(0xc1, &half, 3), pixels);
        assert_eq!(need(0xc2, &full, 3), pixels + 64_000_000 * 3 * 2);
        assert_eq!(need(0xc2, &half, 3), pixels + 64_000_000 * 3);
        // Baseline, but one colour after the other.
        assert_eq!(need(0xc0, &full, 1), pixels + 64_000_000 * 3 * 2);
        assert_eq!(need(0xc0, &[0x44, 0x44, 0x44], 1), pixels + 64_000_000 * 16 * 3 * 2);
    }

    #[test]
    fn a_jpeg_of_64_megapixels_is_decoded_as_promised() {
        let size = (8000, 8000);
        let is_met = |kind, sampling: &[u8], pass| {
            of_jpeg(&jpeg(kind, sampling, pass), size, ColorType::Rgb8).is_met()
        };
        assert!(is_met(0xc0, &[0x11, 0x11, 0x11], 3));
        assert!(is_met(0xc2, &[0x22, 0x11, 0x11], 3));
        assert!(is_met(0xc2, &[0x21, 0x11, 0x11], 3));
        assert!(!is_met(0xc2, &[0x11, 0x11, 0x11], 3));
        assert!(!is_met(0xc2, &[0x44, 0x44, 0x44], 1));
        // What cannot be followed is not decoded either.
        assert!(!of_jpeg(&[0xff, 0xd8, 0xff], size, ColorType::Rgb8).is_met());
    }

    #[test]
    fn other_formats_stay_within_256_mebibytes() {
        assert!(of_png((8000, 8000), ColorType::Rgb8).is_met());
        assert!(of_png((7500, 7500), ColorType::Rgba8).is_met());
        for (size, color) in [((8000, 8000), ColorType::Rgba8), ((8000, 8000), ColorType::Rgb16)] {
            assert!(!of_png(size, color).is_met(), "{color:?}");
        }
        assert!(of_webp(b"VP8 ", (4000, 4000), false).is_met());
        assert!(!of_webp(b"VP8 ", (8000, 8000), false).is_met());
        assert!(!of_webp(b"VP8 ", (4000, 4000), true).is_met());
        // The file's size does not count for a WebP that is not lossless.
        let large = |name: &[u8]| [name, &vec![0; 1 << 20]].concat();
        assert!(of_webp(&large(b"VP8 "), (1000, 1000), false).is_met());
        assert!(!of_webp(&large(b"VP8L"), (1000, 1000), false).is_met());
        assert!(!of_webp(&large(b"ALPH"), (1000, 1000), false).is_met());
        assert!(scaling_bytes((8000, 8000), 8) < 40 * MIB);
        // A long one has a long step, of a quarter of its bytes at most.
        assert!(scaling_bytes((25_000, 2_561), 3) < 25_000 * 2_561 * 3 / 4 + 40 * MIB);
        assert!(scaling_bytes((65_535, 900), 3) < 40 * MIB);
    }
}
