//! What is due to a caller.

use crate::common::Answer;
use crate::people::{Caller, Credentials};
use crate::rows::{ANY, Of, Row, Who};

/// What an operation is tried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// A public broadcast of the owner.
    Public,
    /// A private broadcast of the owner.
    Private,
    /// What a row names, and is there: a key or a sign-in of the owner, a ban.
    There,
    /// Nothing that is there.
    Missing,
}

/// How somebody is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Let in; whether it then works is another matter.
    Allowed,
    /// 401
    Unauthenticated,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// Due to nobody.
    Fault,
}

impl Verdict {
    pub fn of(answer: &Answer) -> Self {
        match answer.status {
            200..300 | 400 | 409 | 410 | 422 => Self::Allowed,
            401 => Self::Unauthenticated,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            _ => Self::Fault,
        }
    }
}

pub fn due(row: &Row, caller: &Caller, thing: Thing) -> Verdict {
    match caller.credentials {
        Credentials::Void => return Verdict::Unauthenticated,
        Credentials::Suspended => return Verdict::Forbidden,
        _ => {}
    }
    let lacks_scope = match caller.credentials {
        Credentials::Key(_) if row.scope == Some(ANY) => false,
        Credentials::Key(scope) => row.scope != Some(scope),
        _ => false,
    };
    // Where strangers may ask, a key without the scope is a stranger.
    let takes_strangers = matches!(row.who, Who::Anyone | Who::Tokened);
    let is_stranger = caller.credentials == Credentials::None || (takes_strangers && lacks_scope);
    if is_stranger && row.who != Who::Anyone {
        return Verdict::Unauthenticated;
    }
    if lacks_scope && !takes_strangers {
        return Verdict::Forbidden;
    }
    if let Who::AtLeast(role) = row.who
        && caller.role < role
    {
        return Verdict::Forbidden;
    }
    on(row.of, caller, is_stranger, thing)
}

/// What is due of the object to somebody who may do this at all.
fn on(of: Of, caller: &Caller, is_stranger: bool, thing: Thing) -> Verdict {
    let is_owner = caller.is_owner && !is_stranger;
    let knows = match thing {
        Thing::Public => true,
        Thing::Private => is_owner,
        Thing::There => true,
        Thing::Missing => false,
    };
    match of {
        Of::Nothing => Verdict::Allowed,
        Of::Servers | Of::Visible if knows => Verdict::Allowed,
        Of::Personal | Of::Owned if knows && is_owner => Verdict::Allowed,
        Of::Kept if knows && (is_owner || caller.keeps_order) => Verdict::Allowed,
        Of::Kept if knows => Verdict::Forbidden,
        _ => Verdict::NotFound,
    }
}
