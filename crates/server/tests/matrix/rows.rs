//! What each operation asks of its callers.

use crate::due::Thing;

/// Each more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Viewer,
    Broadcaster,
    Moderator,
    Admin,
}

/// Who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// It looks at no credentials.
    Open,
    /// It looks at credentials of its own.
    Apart,
    /// Strangers too.
    Anyone,
    /// Strangers by another token, which is not shown here; to them a key without the scope belongs.
    Tokened,
    /// Whoever is signed in.
    SignedIn,
    /// Of these roles.
    AtLeast(Role),
}

/// Of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Of nothing, or of what is the caller's own.
    Nothing,
    /// Of a broadcast that the caller may know of.
    Visible,
    /// Of a broadcast of the caller's own.
    Owned,
    /// Of a broadcast where the caller keeps order.
    Kept,
    /// Of a key or a sign-in of the caller's own.
    Personal,
    /// Of something of the server's, such as a ban.
    Servers,
}

/// What the path of an operation names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// A broadcast or its session, and perhaps a message or a person there.
    Broadcast,
    /// An invitation to a broadcast.
    Invitation,
    User,
    Key,
    SignIn,
    Ban,
}

impl Of {
    pub fn things(self) -> &'static [Thing] {
        match self {
            Self::Nothing => &[Thing::Missing],
            Self::Personal | Self::Servers => &[Thing::There, Thing::Missing],
            _ => &[Thing::Public, Thing::Private, Thing::Missing],
        }
    }
}

pub struct Row {
    pub operation: &'static str,
    pub who: Who,
    /// What a key needs; `None`: no key is enough, or none is looked at.
    pub scope: Option<&'static str>,
    pub of: Of,
    pub query: &'static str,
    pub body: &'static str,
    pub names: Names,
}

const fn row(operation: &'static str, who: Who, scope: Option<&'static str>, of: Of) -> Row {
    Row { operation, who, scope, of, query: "", body: "{}", names: Names::Broadcast }
}

const fn open(operation: &'static str) -> Row {
    row(operation, Who::Open, None, Of::Nothing)
}

const fn anyone(operation: &'static str, scope: &'static str, of: Of) -> Row {
    row(operation, Who::Anyone, Some(scope), of)
}

const fn signed_in(operation: &'static str, scope: &'static str, of: Of) -> Row {
    row(operation, Who::SignedIn, Some(scope), of)
}

const fn in_person(operation: &'static str, of: Of) -> Row {
    row(operation, Who::SignedIn, None, of)
}

const fn moderators(operation: &'static str, scope: &'static str) -> Row {
    row(operation, Who::AtLeast(Role::Moderator), Some(scope), Of::Nothing)
}

const fn admins(operation: &'static str, scope: &'static str) -> Row {
    row(operation, Who::AtLeast(Role::Admin), Some(scope), Of::Nothing)
}

/// Any scope will do.
pub const ANY: &str = "any";

impl Row {
    const fn with(self, body: &'static str) -> Self {
        Self { body, ..self }
    }

    const fn naming(self, names: Names) -> Self {
        Self { names, ..self }
    }

    const fn asking(self, query: &'static str) -> Self {
        Self { query, ..self }
    }
}

pub const ROWS: &[Row] = &[
    open("register"),
    open("sign_in"),
    open("refresh"),
    open("sign_out"),
    open("set_up"),
    open("healthz"),
    open("readyz"),
    open("heartbeat"),
    open("leave_broadcast"),
    // Whoever connects says later who it is.
    open("connect_live"),
    row("create_broadcast", Who::AtLeast(Role::Broadcaster), Some("broadcasts:write"), Of::Nothing)
        .with(r#"{"title": "Launch day"}"#),
    anyone("list_active_broadcasts", "broadcasts:read", Of::Nothing),
    anyone("read_broadcast", "broadcasts:read", Of::Visible),
    signed_in("update_broadcast", "broadcasts:write", Of::Owned).with(r#"{"title": "Another"}"#),
    signed_in("delete_broadcast", "broadcasts:write", Of::Owned),
    signed_in("reset_stream_key", "publish", Of::Owned),
    anyone("join_broadcast", "viewers:write", Of::Visible),
    anyone("read_session", "broadcasts:read", Of::Visible),
    signed_in("read_session_analytics", "analytics:read", Of::Owned),
    signed_in("list_session_events", "events:read", Of::Owned),
    signed_in("log_session_event", "events:write", Of::Owned).with(r#"{"type": "quiz.asked"}"#),
    signed_in("update_session_metadata", "broadcasts:write", Of::Owned),
    anyone("list_messages", "broadcasts:read", Of::Visible),
    signed_in("say", "chat:write", Of::Visible).with(r#"{"text": "hello"}"#),
    signed_in("delete_message", "chat:write", Of::Kept),
    signed_in("list_bans", "chat:write", Of::Kept),
    signed_in("ban", "chat:write", Of::Kept).with(r#"{"user": "broadcaster"}"#),
    signed_in("unban", "chat:write", Of::Kept),
    anyone("listen_live", "broadcasts:read", Of::Visible).asking("?channels=session:{id}"),
    signed_in("read_me", "account:read", Of::Nothing),
    signed_in("read_my_analytics", "analytics:read", Of::Nothing),
    signed_in("read_my_stream_key", "publish", Of::Nothing),
    signed_in("reset_my_stream_key", "publish", Of::Nothing),
    row("react", Who::Tokened, Some("chat:write"), Of::Visible).with(r#"{"reaction": "like"}"#),
    // Whatever a key may hear, it may get a ticket for.
    signed_in("issue_live_ticket", ANY, Of::Nothing),
    open("ask_for_password_reset"),
    open("reset_password"),
    // By a token of its own; a story of its own tells who gets them.
    row("metrics", Who::Apart, None, Of::Nothing),
    in_person("list_sign_ins", Of::Nothing),
    in_person("end_sign_ins", Of::Nothing),
    in_person("end_sign_in", Of::Personal).naming(Names::SignIn),
    in_person("export_me", Of::Nothing),
    in_person("erase_me", Of::Nothing),
    signed_in("update_me", "account:write", Of::Nothing),
    open("read_user"),
    in_person("list_keys", Of::Nothing),
    in_person("create_key", Of::Nothing),
    in_person("read_key", Of::Personal).naming(Names::Key),
    in_person("revoke_key", Of::Personal).naming(Names::Key),
    signed_in("list_join_tokens", "broadcasts:write", Of::Owned),
    signed_in("create_join_token", "broadcasts:write", Of::Owned),
    signed_in("revoke_join_token", "broadcasts:write", Of::Owned).naming(Names::Invitation),
    moderators("list_users", "admin:read"),
    moderators("read_account", "admin:read").naming(Names::User),
    admins("update_user", "admin:write").naming(Names::User).with(r#"{"role": "broadcaster"}"#),
    moderators("list_server_bans", "admin:read"),
    moderators("ban_from_server", "admin:write"),
    Row { of: Of::Servers, ..moderators("lift_server_ban", "admin:write") }.naming(Names::Ban),
    moderators("list_viewers", "admin:read").asking("?session_id={id}"),
    moderators("list_featured", "admin:read"),
    admins("read_audit_log", "admin:read"),
    admins("read_usage", "admin:read"),
    admins("list_errors", "admin:read"),
    admins("list_alerts", "admin:read"),
    admins("test_alerts", "admin:write"),
];
