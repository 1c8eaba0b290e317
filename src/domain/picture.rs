//! Pictures of groups.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::clock::Timestamp;

/// A group's picture as WhatsApp has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupPicture {
    /// WhatsApp's id of it.
    pub picture_id: String,
    /// Where to fetch it; `None` where the engine gives bytes only.
    pub url: Option<String>,
    /// When the URL stops working, where that is known.
    pub url_expire_time: Option<Timestamp>,
    /// The JPEG itself, where the engine gives no URL.
    #[serde(default, with = "base64_text")]
    pub data: Bytes,
}

/// Bytes in JSON.
pub(super) mod base64_text {
    use base64::Engine as _;
    use base64::display::Base64Display;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        // Without a copy of the text in memory.
        serializer.collect_str(&Base64Display::new(bytes, &STANDARD))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Bytes::from).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_s_bytes_are_base64_in_json() {
        let picture = GroupPicture {
            picture_id: "p1".to_owned(),
            url: None,
            url_expire_time: None,
            data: Bytes::from_static(&[0xff, 0xd8, 0xff]),
        };
        let json = serde_json::to_string(&picture).expect("JSON");
        assert!(json.contains(r#""data":"/9j/""#), "{json}");
        assert_eq!(serde_json::from_str::<GroupPicture>(&json).expect("a picture"), picture);
        assert!(serde_json::from_str::<GroupPicture>(&json.replace("/9j/", "??")).is_err());
    }
}
