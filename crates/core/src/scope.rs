//! What an API key may do, by noun and verb.

use std::str::FromStr;

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        /// One thing that an API key may do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Scope { $($(#[$doc])* $name,)+ }

        impl Scope {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name in the API and in the database.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

scopes! {
    /// Sees one's own private broadcasts and lists.
    BroadcastsRead = "broadcasts:read";
    /// Makes, changes, ends and removes broadcasts, and invites to them.
    BroadcastsWrite = "broadcasts:write";
    /// Sees and resets stream keys.
    Publish = "publish";
    /// Reads logs of sessions, and hears them on the live feed.
    EventsRead = "events:read";
    /// Logs events.
    EventsWrite = "events:write";
    /// Reads metrics.
    AnalyticsRead = "analytics:read";
    /// Joins for other users.
    ViewersWrite = "viewers:write";
    /// Speaks, reacts, deletes messages and bans from the chat.
    ChatWrite = "chat:write";
    /// Reads one's own account.
    AccountRead = "account:read";
    /// Changes one's own profile.
    AccountWrite = "account:write";
    /// Reads what those see who run the server.
    AdminRead = "admin:read";
    /// Runs the server: roles, bans, featured broadcasts.
    AdminWrite = "admin:write";
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|scope| scope.name() == text);
        found.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|scope| scope.name()).collect();
            format!("{text:?} is no scope; there are {}", names.join(", "))
        })
    }
}

/// Some of the scopes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u32);

impl Scopes {
    /// Whether this one is among them.
    pub fn has(self, scope: Scope) -> bool {
        self.0 & bit(scope) != 0
    }

    /// Each, in the order in which they are documented.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.has(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | bit(scope)))
    }
}

fn bit(scope: Scope) -> u32 {
    1 << scope as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_scopes_are_those_and_no_others() {
        let some: Scopes = [Scope::Publish, Scope::AdminWrite, Scope::Publish].into_iter().collect();
        assert_eq!(some.iter().collect::<Vec<_>>(), [Scope::Publish, Scope::AdminWrite]);
        assert!(!some.has(Scope::AdminRead) && !Scopes::default().has(Scope::BroadcastsRead));
    }

    #[test]
    fn a_scope_is_known_by_its_exact_name() {
        for scope in Scope::ALL {
            assert_eq!(scope.name().parse(), Ok(*scope));
        }
        assert!("Publish".parse::<Scope>().is_err() && "admin:*".parse::<Scope>().is_err());
    }
}
