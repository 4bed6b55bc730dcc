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
    Mail { is_awaited: true, ..to(user, "Choose a new password", text) }
}

/// That the password is another one now; and how many API keys are good all the same.
pub fn password_changed(user: &User, base: &str, keys: usize) -> Mail {
    let User { username, .. } = user;
    let keys = match keys {
        0 => String::new(),
        1 => format!("One API key of yours still works: look at it at {base}/account.\n"),
        many => format!("{many} API keys of yours still work: look at them at {base}/account.\n"),
    };
    let text = format!(
        "Hello {username},\n\n\
         the password of your account at {base} was changed, and your other sign-ins have ended.\n\n\
         {keys}Your lasting stream key is what it was: encoders that know it can publish until it is replaced.\n\n\
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
    Mail { to: user.email.clone(), subject: subject.into(), text, is_awaited: false }
}
