//! `tallylight user`: accounts, for scripts and for operators who have none; while the server runs or not.
//!
//! A command only writes. A server that runs sees in the audit log that roles or bans changed, within a second.

use std::io::{BufRead, stdin};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use tallylight_core::admin::{
    Account, AccountQuery, AdminManager, AdminParts, AdminStore, BanQuery, BanRecord, NewBan, Page, Part,
};
use tallylight_core::audit_log::{Act, Action, AuditLog};
use tallylight_core::ban::BanTarget;
use tallylight_core::clock::{Clock, SystemClock, Time};
use tallylight_core::error::Error;
use tallylight_core::idempotency::Idempotency;
use tallylight_core::ids::{BanId, Ids, SystemIds};
use tallylight_core::mail::{Mail, Mailer};
use tallylight_core::standing::Standing;
use tallylight_core::store::UserStore;
use tallylight_core::user::{Registration, Role, StreamKeys, User, UserParts};
use tallylight_core::viewer::Client;
use tallylight_core::{Caller, UserManager};
use tallylight_store::Store;
use tallylight_store::migrations::{self, State};
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::place::Place;
use super::{runtime, show};
use crate::lock::lock_if_free;
use crate::secret;
use crate::settings::Settings;

/// Random bytes of a password that is made: 144 bits.
const PASSWORD_BYTES: usize = 18;
const AT_ONCE: u32 = 1_000;
/// The operator has no account.
const OPERATOR: Caller = Caller::Anonymous;

/// What is behind `tallylight user`.
#[derive(Debug, Args)]
pub struct UserArgs {
    #[command(subcommand)]
    act: Do,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Subcommand)]
enum Do {
    /// Make an account. Without --password-stdin a password is made and printed, once.
    Create(CreateArgs),
    /// List accounts by name.
    List {
        /// Only those of this role.
        #[arg(long, value_parser = role)]
        role: Option<Role>,
        /// Only those that are suspended.
        #[arg(long)]
        suspended: bool,
    },
    /// Give a role: viewer, broadcaster, moderator or admin.
    Role {
        /// The user name.
        name: String,
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Keep an account out: it is cut and signed in nowhere, until it is readmitted.
    Suspend {
        /// The user name.
        name: String,
        /// Until when, such as 2026-05-01T12:00:00Z; for good without it.
        #[arg(long, value_name = "TIME", value_parser = until)]
        until: Option<Time>,
        /// Why, for those who keep order.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Lift the suspension of an account.
    Readmit {
        /// The user name.
        name: String,
    },
    /// List who is kept out, the latest first: accounts, devices and networks.
    Bans,
    /// Lift a ban of an account, a device or a network.
    Lift {
        /// The ban, as `tallylight user bans` shows it.
        id: Uuid,
    },
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// The user name: 2 to 32 of a-z, 0-9, _ and -.
    name: String,
    /// The e-mail address.
    #[arg(long)]
    email: String,
    /// The name as shown; the user name by default.
    #[arg(long)]
    display_name: Option<String>,
    /// What the account may do [default: broadcaster].
    #[arg(long, value_parser = role)]
    role: Option<Role>,
    /// The same as --role admin.
    #[arg(long, conflicts_with = "role")]
    admin: bool,
    /// Read the password from the first line of the standard input.
    #[arg(long)]
    password_stdin: bool,
}

fn role(name: &str) -> Result<Role, String> {
    Role::from_name(name).ok_or_else(|| "the roles are viewer, broadcaster, moderator and admin".to_owned())
}

fn until(text: &str) -> Result<Time, String> {
    Time::parse(text, &Rfc3339).map_err(|_| "give a time such as 2026-05-01T12:00:00Z".to_owned())
}

/// Runs a command.
pub fn run(args: UserArgs) -> anyhow::Result<()> {
    let settings = args.place.settings()?;
    runtime()?.block_on(async {
        let office = Office::open(&settings).await?;
        let done = office.does(args.act).await;
        office.close().await;
        done
    })
}

/// What commands work with.
struct Office {
    store: Arc<Store>,
    users: UserManager,
    admin: AdminManager,
    audit: Arc<AuditLog>,
    ids: Arc<dyn Ids>,
    clock: Arc<dyn Clock>,
    /// Held while no server runs, so that none starts half-way through.
    _lock: Option<std::fs::File>,
}

/// Nothing that is done here is told by mail.
struct NoMail;

impl Mailer for NoMail {
    fn send(&self, _: Mail) -> tallylight_core::Result<()> {
        Ok(())
    }
}

impl Office {
    async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let data_dir = &settings.data_dir;
        std::fs::create_dir_all(data_dir)
            .with_context(|| format!("the data folder {} cannot be made", data_dir.display()))?;
        let lock = lock_if_free(data_dir)?;
        let location = settings.location();
        let is_ours = lock.is_some() && settings.database_url.is_empty();
        if !is_ours {
            // Whoever may be at work on it is not to be surprised by another schema.
            let steps = migrations::status(&location, settings.database()).await.map_err(plain)?;
            if steps.iter().any(|step| step.state != State::Applied) {
                bail!("the database's schema is not this version's: tallylight migrate brings it up to date");
            }
        }
        let (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>) =
            (Arc::new(SystemClock::start()), Arc::new(SystemIds::default()));
        let secret = secret::load(&settings.secret, data_dir, ids.as_ref())?;
        let store = Arc::new(Store::open(&location, settings.database()).await.map_err(plain)?);
        let audit = Arc::new(AuditLog::new(store.clone(), clock.clone(), ids.clone()));
        let standing = Arc::new(Standing::new(settings.users().token_life()));
        let admin = AdminManager::new(AdminParts {
            store: store.clone(),
            access: store.clone(),
            standing: standing.clone(),
            audit: audit.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
        });
        let parts = UserParts {
            store: store.clone(),
            accounts: store.clone(),
            mailer: Arc::new(NoMail),
            link_base: String::new(),
            clock: clock.clone(),
            ids: ids.clone(),
            keys: Arc::new(StreamKeys::new(&secret, ids.clone())?),
            standing,
            audit: audit.clone(),
            answers: Arc::new(Idempotency::new(store.clone(), clock.clone(), ids.clone(), &secret)?),
            settings: settings.users(),
        };
        let users = UserManager::new(parts, &secret, settings.password_hashes_at_once)?;
        Ok(Self { store, users, admin, audit, ids, clock, _lock: lock })
    }

    async fn close(self) {
        self.store.close().await;
    }

    async fn does(&self, act: Do) -> anyhow::Result<()> {
        let (nowhere, by) = (Client::default(), &OPERATOR);
        let by = (by, &nowhere);
        match act {
            Do::Create(args) => self.creates(args).await,
            Do::List { role, suspended } => self.lists(role, suspended).await,
            Do::Role { name, role } => {
                let id = self.find(&name).await?.id;
                self.admin.change_role(by, id, role).await.map_err(plain)?;
                show::print(&format!("{name} is {} now.\n", role.name()))
            }
            Do::Suspend { name, until, reason } => {
                let target = BanTarget::User(self.find(&name).await?.id);
                let ban = NewBan { target, until, reason };
                self.admin.suspend(by, ban).await.map_err(plain)?;
                show::print(&format!("{name} is suspended.\n"))
            }
            Do::Readmit { name } => {
                let id = self.find(&name).await?.id;
                let lifted = self.admin.unsuspend(by, id).await.map_err(plain)?;
                let text = if lifted { "is readmitted" } else { "was not suspended" };
                show::print(&format!("{name} {text}.\n"))
            }
            Do::Bans => self.lists_bans().await,
            Do::Lift { id } => {
                self.admin.unban(by, BanId(id)).await.map_err(plain)?;
                show::print("The ban is lifted.\n")
            }
        }
    }

    async fn find(&self, name: &str) -> anyhow::Result<User> {
        let found = self.store.user_by_login(name).await.map_err(plain)?;
        found.ok_or_else(|| anyhow!("there is no user {name:?}"))
    }

    async fn creates(&self, args: CreateArgs) -> anyhow::Result<()> {
        let role = args.role.unwrap_or(if args.admin { Role::Admin } else { Role::Broadcaster });
        let (password, is_made) = if args.password_stdin { (typed()?, false) } else { (self.made()?, true) };
        let registration = Registration {
            username: args.name,
            email: args.email,
            password: password.clone(),
            display_name: args.display_name,
        };
        let user = self.users.create_user(registration, role).await.map_err(plain)?;
        let act = Act::new(Action::UserCreated).on(user.id).with("user", user.username.as_str());
        self.audit.note(&OPERATOR, &Client::default(), act.with("role", role.name()));
        self.audit.write(true).await.map_err(plain).context("the account is made; the audit log")?;
        eprintln!("The account {} is made; its role is {}.", user.username, role.name());
        if is_made { show::print(&format!("{password}\n")) } else { Ok(()) }
    }

    fn made(&self) -> anyhow::Result<String> {
        let mut random = [0; PASSWORD_BYTES];
        self.ids.fill(&mut random)?;
        Ok(URL_SAFE_NO_PAD.encode(random))
    }

    async fn lists(&self, role: Option<Role>, suspended: bool) -> anyhow::Result<()> {
        let query = AccountQuery { role, suspended: suspended.then_some(true), ..AccountQuery::default() };
        let read = async |part| self.store.accounts(&query, (part, self.clock.now())).await;
        let rows: Vec<_> = all(read).await?.into_iter().map(line).collect();
        show::table(["name", "role", "e-mail", "made", "suspended"], &rows)
    }

    async fn lists_bans(&self) -> anyhow::Result<()> {
        let query = BanQuery::default();
        let read = async |part| self.store.ban_records(&query, (part, self.clock.now())).await;
        let rows: Vec<_> = all(read).await?.into_iter().map(line_of_ban).collect();
        show::table(["ban", "of", "until", "made", "by", "reason"], &rows)
    }
}

/// All parts of a list.
async fn all<T>(read: impl AsyncFn(Part) -> tallylight_core::Result<Page<T>>) -> anyhow::Result<Vec<T>> {
    let mut items = Vec::new();
    loop {
        let part = Part { offset: u32::try_from(items.len())?, limit: AT_ONCE };
        let page = read(part).await.map_err(plain)?;
        let is_last = page.items.len() < AT_ONCE as usize;
        items.extend(page.items);
        if is_last {
            return Ok(items);
        }
    }
}

fn line(account: Account) -> [String; 5] {
    let suspended = account.suspension.map_or(String::new(), |ban| {
        ban.until.map_or_else(|| "for good".to_owned(), |until| format!("until {}", until.date()))
    });
    let (role, made) = (account.role.name().to_owned(), account.created_at.date().to_string());
    [account.username, role, account.email, made, suspended]
}

fn line_of_ban(record: BanRecord) -> [String; 6] {
    let BanRecord { ban, user, by } = record;
    let of = match ban.target {
        BanTarget::User(id) => user.map_or_else(|| id.to_string(), |(name, _)| name),
        BanTarget::Device(device) => format!("device {}", device.as_str()),
        BanTarget::Network(network) => network.to_string(),
    };
    let until = ban.until.and_then(|until| until.format(&Rfc3339).ok()).unwrap_or_else(|| "for good".into());
    let by = by.map_or_else(|| "the operator".to_owned(), |(name, _)| name);
    let (made, reason) = (ban.created_at.date().to_string(), ban.reason.unwrap_or_default());
    [ban.id.0.to_string(), of, until, made, by, reason]
}

/// The password that somebody or something writes.
fn typed() -> anyhow::Result<String> {
    let mut line = String::new();
    stdin().lock().read_line(&mut line).context("the password could not be read")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("there is no password on the standard input");
    }
    Ok(password.to_owned())
}

/// An error for a person.
fn plain(error: Error) -> anyhow::Error {
    anyhow!("{error}")
}
