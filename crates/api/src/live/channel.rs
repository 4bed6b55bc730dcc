//! The names of channels.

use std::str::FromStr;

use tallylight_core::ids::BroadcastId;

/// What can be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Who is live.
    Directory,
    /// What everybody may know of a session.
    Session(BroadcastId),
    /// All of a session, for its owner.
    Owner(BroadcastId),
}

/// Not the name of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoChannel;

impl FromStr for Channel {
    type Err = NoChannel;

    fn from_str(name: &str) -> Result<Self, NoChannel> {
        // An id has other spellings too; each channel has one name.
        let id = |text: &str| {
            text.parse::<BroadcastId>().ok().filter(|id| id.to_string() == text).ok_or(NoChannel)
        };
        match name.split_once(':') {
            None if name == "directory" => Ok(Self::Directory),
            Some(("session", text)) => id(text).map(Self::Session),
            Some(("owner", text)) => id(text).map(Self::Owner),
            _ => Err(NoChannel),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_has_one_name() {
        let id = "0198c1d2-aaaa-7bbb-8ccc-1234567890ab";
        let parsed = |name: &str| name.parse::<Channel>().is_ok();
        assert!(parsed("directory") && parsed(&format!("session:{id}")) && parsed(&format!("owner:{id}")));
        for name in ["", "Directory", "directory:", "session", "session:", "session:x", "user:1"] {
            assert!(!parsed(name), "{name}");
        }
        assert!(!parsed(&format!("session:{}", id.to_uppercase())));
        assert!(!parsed(&format!("session:{}", id.replace('-', ""))));
    }
}
