//! Mail to people: what is sent, and who takes it.

use std::fmt;

use crate::error::Result;

/// A mail of plain text.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// The subject, one line.
    pub subject: String,
    /// The text, its lines parted by line feeds.
    pub text: String,
    /// Whether somebody waits for it: such mails are not kept waiting by others.
    pub is_awaited: bool,
}

impl fmt::Debug for Mail {
    /// Neither the address nor the text, in which there may be a token: this may come into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Sends mail.
pub trait Mailer: Send + Sync {
    /// Takes a mail, to be sent soon. Whoever hands it over does not wait for that.
    ///
    /// # Errors
    /// [`crate::Error::Busy`] when too many wait already.
    fn send(&self, mail: Mail) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_in_a_log_tells_neither_whose_it_is_nor_what_it_says() {
        let mail = Mail {
            to: "ada@example.org".into(),
            subject: "Hello".into(),
            text: "token".into(),
            is_awaited: true,
        };
        assert_eq!(format!("{mail:?}"), "Mail { subject: \"Hello\", .. }");
    }
}
