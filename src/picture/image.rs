//! Any picture to a square JPEG.

use std::io::Cursor;

use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, Limits, Rgb, RgbImage};

use super::memory;
pub use super::memory::SIDE;

const MAX_PIXELS: u64 = 64_000_000;
const MAX_SIDE: u32 = 65_535;
/// What a PNG may hold besides its pixels, decompressed: colour profiles, texts.
const MAX_EXTRA_BYTES: u64 = 16 << 20;
/// The largest JPEG that WhatsApp is sent.
const MAX_JPEG_BYTES: usize = 1 << 20;
/// One that is too large at the first quality is made again at the next.
const QUALITIES: [u8; 4] = [85, 70, 50, 30];

/// Why a file is no picture for us. The text is for callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPicture {
    #[error("the file is larger than 10 MiB")]
    FileTooLarge,
    #[error("it is not a JPEG, PNG or WebP")]
    UnknownFormat,
    #[error("it has more than 64 megapixels")]
    TooManyPixels,
    #[error(
        "decoding it takes more memory than there is for a picture; send it as a baseline JPEG, or smaller"
    )]
    TooMuchMemory,
    #[error("the file is damaged or cut off")]
    Damaged,
}

/// The centre of the picture as a JPEG of 640 × 640 pixels, upright and on white.
pub fn square_jpeg(file: &[u8]) -> Result<Vec<u8>, NoPicture> {
    let (picture, orientation) = decode(file)?;
    let mut square = scaled(&picture);
    drop(picture);
    // Of the scaled square, which takes no second copy of the whole.
    square.apply_orientation(orientation);
    encode(&on_white(&square))
}

/// The centre of the picture. A large one is scaled in two steps, the first of all of it: so neither is its square
/// copied at its full size, nor has the better filter, with its 16 bytes for each of 640 pixels of a column, many
/// columns.
fn scaled(picture: &DynamicImage) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    let side = width.min(height);
    if side > 2 * memory::STEP_SIDE {
        let step = memory::step((width, height));
        return scaled(&picture.thumbnail_exact(step.0, step.1));
    }
    let square = picture.crop_imm((width - side) / 2, (height - side) / 2, side, side);
    square.resize_exact(SIDE, SIDE, FilterType::Lanczos3)
}

/// Decodes by the format that the content shows; file names and HTTP headers do not count. A picture whose own
/// header announces that it takes too much is not decoded.
fn decode(file: &[u8]) -> Result<(DynamicImage, Orientation), NoPicture> {
    let format = image::guess_format(file).map_err(|_| NoPicture::UnknownFormat)?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_EXTRA_BYTES);
    let content = Cursor::new(file);
    let opened = match format {
        ImageFormat::Jpeg => JpegDecoder::new(content).and_then(|decoder| {
            let size = decoder.dimensions();
            whole(decoder, limits, |color| memory::of_jpeg(file, size, color))
        }),
        ImageFormat::Png => PngDecoder::with_limits(content, limits.clone()).and_then(|decoder| {
            let size = decoder.dimensions();
            whole(decoder, limits, |color| memory::of_png(size, color))
        }),
        ImageFormat::WebP => WebPDecoder::new(content).and_then(|decoder| {
            let (size, is_animated) = (decoder.dimensions(), decoder.has_animation());
            whole(decoder, limits, |_| memory::of_webp(file, size, is_animated))
        }),
        _ => return Err(NoPicture::UnknownFormat),
    };
    opened.map_err(|error| cause(&error))?
}

/// The whole picture, and how it has to be turned.
fn whole(
    mut decoder: impl ImageDecoder,
    limits: Limits,
    need: impl Fn(image::ColorType) -> memory::Need,
) -> image::ImageResult<Result<(DynamicImage, Orientation), NoPicture>> {
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Ok(Err(NoPicture::TooManyPixels));
    }
    if width == 0 || height == 0 {
        return Ok(Err(NoPicture::Damaged));
    }
    if !need(decoder.color_type()).is_met() {
        return Ok(Err(NoPicture::TooMuchMemory));
    }
    decoder.set_limits(limits)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok(Ok((DynamicImage::from_decoder(decoder)?, orientation)))
}

fn cause(error: &ImageError) -> NoPicture {
    match error {
        ImageError::Limits(_) => NoPicture::TooManyPixels,
        ImageError::Unsupported(_) => NoPicture::UnknownFormat,
        ImageError::Decoding(_)
        | ImageError::Encoding(_)
        | ImageError::Parameter(_)
        | ImageError::IoError(_) => NoPicture::Damaged,
    }
}

/// JPEG knows no transparency.
fn on_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let transparent = picture.to_rgba8();
    RgbImage::from_fn(transparent.width(), transparent.height(), |x, y| {
        let [red, green, blue, alpha] = transparent.get_pixel(x, y).0;
        let alpha = u16::from(alpha);
        let blend = |channel: u8| {
            let blended = (u16::from(channel) * alpha + 255 * (255 - alpha)) / 255;
            u8::try_from(blended).unwrap_or(u8::MAX)
        };
        Rgb([blend(red), blend(green), blend(blue)])
    })
}

fn encode(picture: &RgbImage) -> Result<Vec<u8>, NoPicture> {
    let mut jpeg = Vec::new();
    for quality in QUALITIES {
        jpeg.clear();
        JpegEncoder::new_with_quality(&mut jpeg, quality)
            .encode_image(picture)
            .map_err(|_| NoPicture::Damaged)?;
        if jpeg.len() <= MAX_JPEG_BYTES {
            break;
        }
    }
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};
    use proptest::prelude::*;

    use super::*;

    fn file(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, format).unwrap();
        file.into_inner()
    }

    fn plain(width: u32, height: u32) -> DynamicImage {
        DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| {
            Rgb([(x % 256) as u8, (y % 256) as u8, 90])
        }))
    }

    fn squared(file: &[u8]) -> RgbImage {
        let jpeg = square_jpeg(file).unwrap();
        assert_eq!(image::guess_format(&jpeg).unwrap(), ImageFormat::Jpeg);
        assert!(jpeg.len() <= MAX_JPEG_BYTES);
        let picture = image::load_from_memory(&jpeg).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (SIDE, SIDE));
        picture
    }

    fn is_about(pixel: &Rgb<u8>, wanted: [u8; 3]) -> bool {
        pixel.0.iter().zip(wanted).all(|(is, wanted)| is.abs_diff(wanted) < 24)
    }

    #[test]
    fn every_format_and_shape_becomes_a_square_jpeg() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            for (width, height) in [(640, 640), (1, 1), (1, 8000), (3000, 20), (800, 600)] {
                squared(&file(&plain(width, height), format));
            }
        }
    }

    #[test]
    fn the_middle_is_kept() {
        // Red, green and blue thirds side by side: the square is the green one.
        let thirds = RgbImage::from_fn(300, 100, |x, _| match x / 100 {
            0 => Rgb([255, 0, 0]),
            1 => Rgb([0, 255, 0]),
            _ => Rgb([0, 0, 255]),
        });
        let square = squared(&file(&DynamicImage::ImageRgb8(thirds), ImageFormat::Png));
        for at in [(40, 40), (320, 320), (600, 600)] {
            assert!(is_about(square.get_pixel(at.0, at.1), [0, 255, 0]));
        }
    }

    #[test]
    fn transparency_becomes_white() {
        let clear = RgbaImage::from_pixel(64, 64, Rgba([255, 0, 0, 0]));
        let half = RgbaImage::from_pixel(64, 64, Rgba([0, 0, 0, 128]));
        let clear = squared(&file(&DynamicImage::ImageRgba8(clear), ImageFormat::Png));
        assert!(is_about(clear.get_pixel(320, 320), [255, 255, 255]));
        let half = squared(&file(&DynamicImage::ImageRgba8(half), ImageFormat::WebP));
        assert!(is_about(half.get_pixel(320, 320), [127, 127, 127]));
    }

    #[test]
    fn a_picture_on_its_side_is_put_upright() {
        // Left half red, right half blue, and a note that it was taken turned by a quarter to the right:
        // upright, the red half is on top.
        let halves =
            RgbImage::from_fn(
                64,
                64,
                |x, _| {
                    if x < 32 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) }
                },
            );
        let jpeg = file(&DynamicImage::ImageRgb8(halves), ImageFormat::Jpeg);
        let exif: &[u8] = &[
            0xff, 0xe1, 0x00, 0x22, b'E', b'x', b'i', b'f', 0, 0, b'I', b'I', 42, 0, 8, 0, 0, 0, 1,
            0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,
        ];
        let turned = [&jpeg[..2], exif, &jpeg[2..]].concat();
        let upright = squared(&turned);
        assert!(
            is_about(upright.get_pixel(320, 60), [255, 0, 0]),
            "{:?}",
            upright.get_pixel(320, 60)
        );
        assert!(is_about(upright.get_pixel(320, 580), [0, 0, 255]));
    }

    #[test]
    fn what_is_no_picture_is_named() {
        let jpeg = file(&plain(64, 64), ImageFormat::Jpeg);
        let png = file(&plain(64, 64), ImageFormat::Png);
        let mut bomb = png.clone();
        // The header's width and height: 60,000 each.
        bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
        // The header's checksum, as it is then.
        let checksum = crc32(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&checksum.to_be_bytes());
        let cases: [(&[u8], NoPicture); 9] = [
            (b"", NoPicture::UnknownFormat),
            (b"GIF89a\x01\x00\x01\x00\x80\x00\x00", NoPicture::UnknownFormat),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", NoPicture::UnknownFormat),
            (b"BM\x00\x00\x00\x00", NoPicture::UnknownFormat),
            (b"%PDF-1.7", NoPicture::UnknownFormat),
            (b"<!doctype html>", NoPicture::UnknownFormat),
            (&png[..png.len() / 2], NoPicture::Damaged),
            (&jpeg[..20], NoPicture::Damaged),
            (&bomb, NoPicture::TooManyPixels),
        ];
        for (file, wanted) in cases {
            assert_eq!(square_jpeg(file), Err(wanted), "{:?}", &file[..file.len().min(16)]);
        }
    }

    /// A PNG that announces so many pixels, and holds none of them.
    fn announced(side: u32, bits: u8, color: u8) -> Vec<u8> {
        let mut png = file(&plain(8, 8), ImageFormat::Png);
        png[16..20].copy_from_slice(&side.to_be_bytes());
        png[20..24].copy_from_slice(&side.to_be_bytes());
        (png[24], png[25]) = (bits, color);
        let checksum = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&checksum.to_be_bytes());
        png
    }

    /// By the header alone: of such a file of 500 kB, a gigabyte was made.
    #[test]
    fn what_takes_too_much_memory_is_not_decoded() {
        // Colours with transparency of 16 bits, colours of 16 bits, transparency of 8 bits.
        for (bits, color) in [(16, 6), (16, 2), (8, 6)] {
            let refused = square_jpeg(&announced(8000, bits, color));
            assert_eq!(refused, Err(NoPicture::TooMuchMemory), "{bits} {color}");
        }
        // These are decoded, and the pixels are missing.
        for (side, bits, color) in [(8000, 8, 0), (5000, 16, 2), (5000, 8, 6)] {
            let refused = square_jpeg(&announced(side, bits, color));
            assert_eq!(refused, Err(NoPicture::Damaged), "{side} {bits} {color}");
        }
    }

    #[test]
    fn pictures_of_every_depth_and_of_many_pixels_are_scaled() {
        let deep = image::ImageBuffer::from_fn(64, 32, |x, _| {
            image::Rgba([x as u16 * 1000, 30_000, 60_000, u16::MAX])
        });
        let grey = image::ImageBuffer::from_fn(32, 64, |x, y| image::LumaA([(x + y) as u8, 200]));
        for picture in [
            DynamicImage::ImageRgba16(deep),
            DynamicImage::ImageLumaA8(grey),
            plain(2000, 1000).to_luma16().into(),
        ] {
            squared(&file(&picture, ImageFormat::Png));
        }
        // In two steps: what is red on the left stays there.
        let halves = RgbImage::from_fn(3000, 3000, |x, _| {
            if x < 1500 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) }
        });
        let square = squared(&file(&DynamicImage::ImageRgb8(halves), ImageFormat::Jpeg));
        assert!(is_about(square.get_pixel(60, 320), [255, 0, 0]));
        assert!(is_about(square.get_pixel(580, 320), [0, 0, 255]));
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(256)
        })]

        #[test]
        fn random_bytes_do_no_harm(file in prop::collection::vec(any::<u8>(), 0..2000)) {
            let _ = square_jpeg(&file);
        }

        #[test]
        fn damaged_files_do_no_harm(
            format in 0_usize..3,
            cut in 0.0_f64..1.0,
            hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        ) {
            let format = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP][format];
            let mut file = file(&plain(40, 30), format);
            for (at, value) in hits {
                let at = at.index(file.len());
                file[at] = value;
            }
            file.truncate((file.len() as f64 * cut) as usize);
            if let Ok(jpeg) = square_jpeg(&file) {
                prop_assert!(jpeg.len() <= MAX_JPEG_BYTES);
            }
        }
    }
}
