//! What people are told by mail about their accounts.

use super::User;
use crate::mail::Mail;

/// The link by which a new password is chosen. What stands behind the `#` is sent to no server.
pub fn reset(user: &User, base: &str, token: &str, minutes: u64) -> Mail {
    let User { username, .. } = user;
    let text = format!(
        "Hello {username},\n\n\
         somebody asked for a new password for your account at {base}. Choose one here, within {minutes} minutes:\n\n\
         {base}/reset#token={token}\n\n\
         The link is good once. If it was not you who asked, do nothing: your password stays as it is.\n"
    );
    to(user, "Choose a new password", text)
}

/// That the password is another one now.
pub fn password_changed(user: &User, base: &str) -> Mail {
    let User { username, .. } = user;
    let text = format!(
        "Hello {username},\n\n\
         the password of your account at {base} was changed, and your other sign-ins have ended.\n\n\
         If it was not you, ask for a new password at once: {base}/forgot\n"
    );
    to(user, "Your password was changed", text)
}

/// To the address before: that mail goes elsewhere now.
pub fn email_changed(before: &User, base: &str) -> Mail {
    let User { username, .. } = before;
    let text = format!(
        "Hello {username},\n\n\
         the e-mail address of your account at {base} was changed: mail does not come here any more.\n\n\
         If it was not you, sign in, change your password and the address, or ask whoever runs the server for help.\n"
    );
    to(before, "Your e-mail address was changed", text)
}

fn to(user: &User, subject: &str, text: String) -> Mail {
    Mail { to: user.email.clone(), subject: subject.into(), text }
}
