//! Common Media Client Data: what players say with their requests (CTA-5004 for version 1, CTA-5004-B for version 2).
//!
//! Read leniently and with bounds: what is malformed is passed over, as a player that reports badly must play all the
//! same. Of the many keys only those are kept that tell of the viewer's experience.

/// The most bytes of a report that are read.
pub const MAX_BYTES: usize = 8 * 1024;
/// The most characters of a session id (CTA-5004-B table 1, `sid`).
pub const MAX_SID_CHARS: usize = 64;
/// The most reports of one body that are read.
pub const MAX_REPORTS: usize = 256;
const MAX_KEYS: usize = 96;
const MAX_ITEMS: usize = 32;

/// The state of playback as the viewer sees it (CTA-5004-B table 1, `sta`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// `s`: told to play, nothing is shown yet.
    Starting,
    /// `p`: media is being rendered.
    Playing,
    /// `r`: out of media, other than while starting or seeking.
    Rebuffering,
    /// `f`: ended by an error that cannot be recovered.
    Failed,
    /// Seeking, paused, ended, quit, preloading: the viewer waits for nothing.
    Resting,
}

impl State {
    fn from_token(token: &str) -> Option<Self> {
        Some(match token {
            "s" => Self::Starting,
            "p" => Self::Playing,
            "r" => Self::Rebuffering,
            "f" => Self::Failed,
            "k" | "a" | "e" | "q" | "d" => Self::Resting,
            _ => return None,
        })
    }
}

/// One report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cmcd {
    /// `v`: 1 when it is not said.
    pub version: Option<u32>,
    /// `sid`: names a playback session.
    pub session: Option<String>,
    /// `bs`: the buffer starved since the report before.
    pub starved: bool,
    /// `sta`, version 2.
    pub state: Option<State>,
    /// `pr` of 0: time stands still.
    pub stands_still: bool,
    /// `msd`, version 2: from the wish to play to the first picture, in milliseconds, told once.
    pub startup_ms: Option<u32>,
    /// `bsd`, version 2: how long each stall was that ended since the report before, in milliseconds.
    pub stalls_ms: Vec<u32>,
    /// `bsda`, version 2: how long all stalls so far were, in milliseconds.
    pub stalled_total_ms: Option<u64>,
    /// `ec`, version 2: the player has an error to tell.
    pub has_error: bool,
    /// `ts`, version 2: when it happened, in milliseconds since 1970 by the player's clock.
    pub at_ms: Option<u64>,
}

impl Cmcd {
    /// Reads one report: the decoded value of the query parameter `CMCD` (§3.2) or a line of a body (§3.3).
    pub fn parse(text: &str) -> Self {
        let mut report = Self::default();
        report.read(text);
        report
    }

    /// Reads a body: reports on lines of their own (CTA-5004-B §3.3). Empty lines are passed over.
    pub fn parse_body(body: &str) -> Vec<Self> {
        let lines = body.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.take(MAX_REPORTS).map(Self::parse).collect()
    }

    /// Adds what another part says: the headers share out one report (§3.1).
    pub fn read(&mut self, text: &str) {
        let text = text.get(..text.floor_char_boundary(MAX_BYTES)).unwrap_or_default();
        for member in split(text, ',').take(MAX_KEYS) {
            match member.split_once('=') {
                Some((key, value)) => self.set(key.trim(), value.trim()),
                None => self.set(member.trim(), "?1"),
            }
        }
    }

    /// Whether it is of version 2 or later, which tells durations and failures.
    pub fn tells_durations(&self) -> bool {
        self.version.is_some_and(|version| version >= 2) || self.state.is_some()
    }

    /// Whether it names nobody and says nothing that counts.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn set(&mut self, key: &str, value: &str) {
        match key {
            "v" => self.version = number(value),
            "sid" => self.session = session_id(value),
            "bs" => self.starved = value == "?1",
            "sta" => self.state = State::from_token(unquoted(value).as_str()),
            "pr" => self.stands_still = value.parse::<f64>().is_ok_and(|rate| rate == 0.0),
            "msd" => self.startup_ms = number(value),
            "bsd" => self.stalls_ms = numbers(value).collect(),
            "bsda" => self.stalled_total_ms = numbers(value).map(u64::from).max(),
            "ec" => self.has_error = items(value).next().is_some(),
            "ts" => self.at_ms = value.parse().ok(),
            _ => {}
        }
    }
}

fn session_id(value: &str) -> Option<String> {
    let id: String = unquoted(value).chars().take(MAX_SID_CHARS).collect();
    (!id.is_empty() && !id.contains('\0')).then_some(id)
}

/// A number of either version: bare, or the first of a list.
fn number(value: &str) -> Option<u32> {
    numbers(value).next()
}

/// The numbers of a list such as `(1200;v 300;a)`, or the one that stands alone. Decimals are rounded.
fn numbers(value: &str) -> impl Iterator<Item = u32> {
    items(value).filter_map(|item| {
        let bare = item.split(';').next().unwrap_or_default();
        bare.parse::<u32>().ok().or_else(|| {
            let decimal = bare.parse::<f64>().ok()?.round();
            let fits = (0.0..=f64::from(u32::MAX)).contains(&decimal);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
            fits.then_some(decimal as u32)
        })
    })
}

/// The items of an inner list (RFC 8941 §3.1.1), or the one that stands alone.
fn items(value: &str) -> impl Iterator<Item = &str> {
    let inner = value.strip_prefix('(').and_then(|rest| rest.split(')').next()).unwrap_or(value);
    split(inner, ' ').map(str::trim).filter(|item| !item.is_empty()).take(MAX_ITEMS)
}

/// A string without its quotes and escapes (RFC 8941 §3.3.3); a token as it stands.
fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else { return value.to_owned() };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut escaped = false;
    let keep = |character: &char| {
        escaped = *character == '\\' && !escaped;
        !escaped
    };
    inner.chars().filter(keep).collect()
}

/// Splits where `separator` stands outside of strings and inner lists.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped, mut listed) = (false, false, false);
    text.split(move |character: char| {
        if escaped {
            escaped = false;
            return false;
        }
        match character {
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' if !quoted => listed = true,
            ')' if !quoted => listed = false,
            _ => return character == separator && !quoted && !listed,
        }
        false
    })
}

#[cfg(test)]
mod tests;
