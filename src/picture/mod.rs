//! From what a caller gives to the picture that WhatsApp takes: fetched where it is a URL, decoded,
//! cropped, scaled.

mod fetch;
pub mod image;
mod memory;
mod places;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use self::fetch::Fetcher;
use self::image::NoPicture;
use self::places::{Place, Places};
use crate::domain::error::{Error, Result};
use crate::domain::port::picture::{
    MAX_FILE_BYTES, Picture, PictureMaker, PictureSource, PictureUrl,
};
use crate::domain::reason::Reason;
use crate::tls::Trust;

/// Pictures that are decoded and scaled at the same time: one takes a core, and what `memory` allows it.
const DECODED_AT_ONCE: u64 = 1;
/// Pictures whose file is here or arrives: each is up to 10 MiB, also after its caller has hung up. 8 are 80 MiB.
const HELD_AT_ONCE: u64 = 8;
/// URLs that are asked, until the first byte of a file is here: they hold nothing.
const ASKED_AT_ONCE: u64 = 64;

#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Lets URLs lead to private addresses: for tests and closed networks.
    pub allow_private_addresses: bool,
    pub fetch_timeout: Duration,
    /// Whether several keys may call, which share the places.
    pub is_shared: bool,
}

/// The maker of pictures.
pub struct Pictures {
    fetcher: Fetcher,
    asked: Places,
    held: Places,
    decoded: Places,
}

impl fmt::Debug for Pictures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pictures")
    }
}

impl Pictures {
    pub fn new(options: Options, trust: &Trust) -> Result<Self> {
        Ok(Self {
            fetcher: Fetcher::new(options, trust)?,
            asked: Places::new(ASKED_AT_ONCE, options.is_shared),
            held: Places::new(HELD_AT_ONCE, options.is_shared),
            // One is soon done, and whose it is makes no difference.
            decoded: Places::new(DECODED_AT_ONCE, false),
        })
    }

    /// The file at the URL, and its place. It is taken when the file begins to arrive: an address that only takes
    /// its time keeps nobody else from a place.
    async fn fetched(&self, key_name: &str, url: PictureUrl) -> Result<(Bytes, Place)> {
        let asked = self.asked.turn(key_name).await?;
        let answer = self.fetcher.ask(url).await?;
        drop(asked);
        let held = self.held.turn(key_name).await?;
        Ok((answer.read().await?, held))
    }

    async fn squared(&self, file: Bytes, held: Place, field: &'static str) -> Result<Picture> {
        if file.len() > MAX_FILE_BYTES {
            return Err(invalid(NoPicture::FileTooLarge, field));
        }
        let turn = self.decoded.turn("").await?;
        let made = tokio::task::spawn_blocking(move || {
            // This runs to its end even if nobody waits for it any longer, so it keeps its places.
            let _places = (held, turn);
            image::square_jpeg(&file)
        });
        match made.await.map_err(Error::internal)? {
            Ok(jpeg) => Ok(Picture::of_jpeg(jpeg.into())),
            Err(cause) => Err(invalid(cause, field)),
        }
    }
}

fn invalid(cause: NoPicture, field: &str) -> Error {
    let message = format!("{field} holds no picture that can be used: {cause}");
    Error::new(Reason::InvalidPicture, message)
        .blaming(field, "must be a JPEG of at most 10 MiB and 64 megapixels, or a PNG or WebP that takes at most 256 MiB decoded")
}

#[async_trait]
impl PictureMaker for Pictures {
    async fn make(&self, key_name: &str, source: PictureSource) -> Result<Picture> {
        let (file, held, field) = match source {
            PictureSource::Data(file) => (file, self.held.turn(key_name).await?, "data"),
            PictureSource::Url(url) => {
                let (file, held) = self.fetched(key_name, url).await?;
                (file, held, "url")
            }
        };
        self.squared(file, held, field).await
    }
}
