//! `tallylight key`: API keys, for scripts that set a server up; while the server runs or not.

use anyhow::anyhow;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use tallylight_core::admin::AdminStore;
use tallylight_core::clock::Time;
use tallylight_core::error::{Error, FieldError};
use tallylight_core::expiry::Expiry;
use tallylight_core::ids::KeyId;
use tallylight_core::key::{KeyOwner, NewKeyRequest};
use tallylight_core::scope::Scope;
use tallylight_core::standing::OwnedKey;
use tallylight_core::store::AccessStore;
use tallylight_core::viewer::Client;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::office::{OPERATOR, Office, plain};
use super::place::Place;
use super::{id, moment, runtime, show};

/// What is behind `tallylight key`.
#[derive(Debug, Args)]
pub struct KeyArgs {
    #[command(subcommand)]
    act: Do,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Subcommand)]
enum Do {
    /// Make an API key of a user. It is printed, once.
    Create(CreateArgs),
    /// List the API keys that were not revoked, the newest last.
    List {
        /// Only those of this user.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Revoke an API key: it is good for nothing any more.
    Revoke {
        /// The key, as `tallylight key list` shows it.
        #[arg(value_parser = id)]
        id: Uuid,
    },
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// What it is for, such as overlay.
    name: String,
    /// Whose it is; it does what this user may do.
    #[arg(long, value_name = "NAME")]
    user: String,
    /// How far it reaches; given once for each.
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = scope())]
    scopes: Vec<Scope>,
    /// When it ends, such as 2026-05-01T12:00:00Z; never by itself without it.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Time>,
}

fn scope() -> impl TypedValueParser<Value = Scope> {
    let names = Scope::ALL.iter().map(|scope| scope.name());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Scope>())
}

/// Runs a command.
pub fn run(args: KeyArgs) -> anyhow::Result<()> {
    let settings = args.place.settings()?;
    runtime()?.block_on(async {
        let office = Office::open(&settings).await?;
        let done = match args.act {
            Do::Create(args) => creates(&office, args).await,
            Do::List { user } => lists(&office, user).await,
            Do::Revoke { id } => revokes(&office, KeyId(id)).await,
        };
        office.close().await;
        done
    })
}

async fn creates(office: &Office, args: CreateArgs) -> anyhow::Result<()> {
    let user = office.find(&args.user).await?;
    let request = NewKeyRequest {
        name: args.name,
        scopes: args.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
        expiry: Expiry { seconds: None, at: args.until },
    };
    let owner = KeyOwner { id: user.id, username: &user.username, role: user.role };
    let made = office.people.keys.create_for((&OPERATOR, &Client::default()), owner, request).await;
    let (key, text) = made.map_err(|error| refused(error, &user.username))?;
    eprintln!("The API key {} of {} is made.", key.id, user.username);
    show::print(&format!("{text}\n"))?;
    let account = office.store.account(user.id, office.clock.now()).await.map_err(plain)?;
    if account.is_some_and(|account| account.suspension.is_some()) {
        eprintln!("{} is suspended: the key is good for nothing until that is over.", user.username);
    }
    Ok(())
}

/// In the words of the command.
fn refused(error: Error, username: &str) -> anyhow::Error {
    match error {
        Error::Invalid(fields) => {
            let wrong = fields.into_iter().map(|FieldError { field, message }| match field.as_str() {
                "expires_at" => format!("--until {message}"),
                _ => format!("{field} {message}"),
            });
            anyhow!("{}", wrong.collect::<Vec<_>>().join("; "))
        }
        Error::Forbidden(why) => anyhow!("of {username}: {why}"),
        error => plain(error),
    }
}

async fn lists(office: &Office, user: Option<String>) -> anyhow::Result<()> {
    let owner = match user {
        Some(name) => Some(office.find(&name).await?.id),
        None => None,
    };
    let mut keys = not_revoked(office).await?;
    keys.retain(|owned| owner.is_none_or(|id| owned.key.user_id == id));
    keys.sort_by_key(|owned| owned.key.id);
    let rows: Vec<_> = keys.into_iter().map(|key| line(key, office.clock.now())).collect();
    show::table(["key", "of", "name", "ends with", "scopes", "until", "last used"], &rows)
}

async fn revokes(office: &Office, id: KeyId) -> anyhow::Result<()> {
    let keys = not_revoked(office).await?;
    let found = keys.into_iter().find(|owned| owned.key.id == id);
    let OwnedKey { key, username, .. } =
        found.ok_or_else(|| anyhow!("no API key has the id {id}, or it was revoked before"))?;
    office.people.keys.revoke_of((&OPERATOR, &Client::default()), key.user_id, id).await.map_err(plain)?;
    show::print(&format!("The API key {} of {username} is revoked.\n", show::safe(&key.name)))
}

/// Those that have expired too: they count until they are revoked.
async fn not_revoked(office: &Office) -> anyhow::Result<Vec<OwnedKey>> {
    office.store.keys_in_force(Time::UNIX_EPOCH).await.map_err(plain)
}

fn line(owned: OwnedKey, now: Time) -> [String; 7] {
    let OwnedKey { key, username, .. } = owned;
    let scopes: Vec<_> = key.scopes.iter().map(Scope::name).collect();
    let until = match key.expires_at {
        None => "no end".to_owned(),
        Some(end) if end <= now => "expired".to_owned(),
        Some(end) => end.format(&Rfc3339).unwrap_or_default(),
    };
    let used = key.last_used_at.map_or_else(|| "never".to_owned(), |at| at.date().to_string());
    [key.id.to_string(), username, key.name, key.hint, scopes.join(" "), until, used]
}
