//! A cover as a few coloured blocks.

use std::time::Duration;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Sixteen pixels by sixteen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cover {
    rows: Vec<Vec<Colour>>,
}

/// Red, green and blue.
pub(crate) type Colour = [u8; 3];

impl Cover {
    /// In columns and, since two pixels are one letter, in half as many lines.
    pub(crate) const SIZE: usize = 16;

    /// `None` where there is no such picture; it is shown without one then.
    pub(crate) async fn fetch(url: &str) -> Option<Self> {
        let http = reqwest::Client::builder().timeout(PATIENCE).build().ok()?;
        let mut response = http.get(url).send().await.ok()?.error_for_status().ok()?;
        let mut jpeg = Vec::new();
        while let Some(chunk) = response.chunk().await.ok()? {
            jpeg.extend_from_slice(&chunk);
            if jpeg.len() > MOST_BYTES {
                return None;
            }
        }
        Self::of_jpeg(&jpeg)
    }

    /// Each pixel is the mean of those that it stands for.
    pub(crate) fn of_jpeg(jpeg: &[u8]) -> Option<Self> {
        let options = DecoderOptions::default()
            .set_max_width(MOST_PIXELS)
            .set_max_height(MOST_PIXELS)
            .jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
        let pixels = decoder.decode().ok()?;
        let (width, height) = decoder.info().map(|it| (it.width.into(), it.height.into()))?;
        let picture = Picture { pixels: pixels.as_chunks().0, width };
        let row = |y| (0..Self::SIZE).map(|x| picture.mean(x, y, height)).collect();
        (0..Self::SIZE).map(row).collect::<Option<_>>().map(|rows| Self { rows })
    }

    /// What a text is shown with that has no picture: always the same two colours, one into the
    /// other.
    pub(crate) fn of_text(text: &str) -> Self {
        let hash = text.bytes().fold(7_u32, |hash, byte| hash.wrapping_mul(31) ^ u32::from(byte));
        let [one, two, ..] = hash.wrapping_mul(0x9e37_79b9).to_be_bytes();
        let most = 2 * (Self::SIZE - 1);
        let pixel = |x: usize, y: usize| {
            let (from, to) = (hue(one), hue(one.wrapping_add(64 + two / 2)));
            let mix =
                |a: u8, b: u8| (usize::from(a) * (most - x - y) + usize::from(b) * (x + y)) / most;
            [0, 1, 2].map(|at: usize| {
                let part = |colour: &Colour| colour.get(at).copied().unwrap_or_default();
                u8::try_from(mix(part(&from), part(&to))).unwrap_or(u8::MAX)
            })
        };
        let row = |y| (0..Self::SIZE).map(|x| pixel(x, y)).collect();
        Self { rows: (0..Self::SIZE).map(row).collect() }
    }

    /// The upper and the lower pixel of each letter of a line.
    pub(crate) fn line(&self, line: usize) -> impl Iterator<Item = (Colour, Colour)> + '_ {
        let row = |at: usize| self.rows.get(at).into_iter().flatten().copied();
        row(2 * line).zip(row(2 * line + 1))
    }

    /// The most vivid of its colours, light enough to be read on black.
    pub(crate) fn accent(&self) -> Colour {
        let vividness = |colour: &&Colour| {
            let (least, most) = (colour.iter().min(), colour.iter().max());
            most.copied().unwrap_or_default() - least.copied().unwrap_or_default()
        };
        let vivid = self.rows.iter().flatten().max_by_key(vividness).copied().unwrap_or_default();
        let most = vivid.iter().max().copied().unwrap_or_default().max(1);
        let lit = |part: u8| u16::from(part) * u16::from(LIGHT.max(most)) / u16::from(most);
        vivid.map(|part| u8::try_from(lit(part)).unwrap_or(u8::MAX))
    }
}

struct Picture<'a> {
    pixels: &'a [Colour],
    width: usize,
}

impl Picture<'_> {
    /// Of the block at this place of a cover. `None` where the picture is none.
    fn mean(&self, x: usize, y: usize, height: usize) -> Option<Colour> {
        let part =
            |at: usize, of: usize| (at * of / Cover::SIZE, ((at + 1) * of).div_ceil(Cover::SIZE));
        let ((left, right), (top, bottom)) = (part(x, self.width), part(y, height));
        let mut sum = [0_usize; 3];
        for row in top..bottom {
            let row = self.pixels.get(row * self.width + left..row * self.width + right)?;
            for pixel in row {
                sum.iter_mut().zip(pixel).for_each(|(sum, part)| *sum += usize::from(*part));
            }
        }
        let count = (right - left) * (bottom - top);
        (count > 0).then(|| sum.map(|sum| u8::try_from(sum / count).unwrap_or(u8::MAX)))
    }
}

/// A colour of the rainbow, from red back to red.
fn hue(at: u8) -> Colour {
    let rising = at % 43 * 3 + 60;
    let falling = 240 - rising;
    match at / 43 {
        0 => [200, rising, 60],
        1 => [falling, 200, 60],
        2 => [60, 200, rising],
        3 => [60, falling, 200],
        4 => [rising, 60, 200],
        _ => [200, 60, falling],
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
const MOST_BYTES: usize = 2 * 1024 * 1024;
const MOST_PIXELS: usize = 2000;
/// Of the lightest part of a colour.
const LIGHT: u8 = 200;
