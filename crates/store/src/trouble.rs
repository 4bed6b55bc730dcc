//! What an operator is told when a command on a whole database cannot do what it should.

use std::fmt;
use std::io;
use std::path::Path;

use tallylight_core::Error;

use crate::failure::Failure;

/// A sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble(pub String);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Trouble {}

impl Trouble {
    /// Says at which file or folder something went wrong.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |error| Self(format!("{}: {error}", path.display()))
    }

    /// Says in front of it what it is about.
    pub fn about(self, what: impl fmt::Display) -> Self {
        Self(format!("{what}: {}", self.0))
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            // The operator need not be told that it is about a database.
            Error::Unavailable(outage) => Self(outage.reason),
            other => Self(other.to_string()),
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Error::from(failure).into()
    }
}
