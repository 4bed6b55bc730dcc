//! `tallylight user`: accounts, for scripts and for operators who have none; while the server runs or not.

use std::io::{BufRead, stdin};

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use tallylight_core::admin::{Account, AccountQuery, AdminStore, BanQuery, BanRecord, NewBan};
use tallylight_core::audit_log::{Act, Action};
use tallylight_core::ban::BanTarget;
use tallylight_core::clock::Time;
use tallylight_core::ids::BanId;
use tallylight_core::user::{Registration, Role};
use tallylight_core::viewer::Client;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::office::{OPERATOR, Office, all, plain};
use super::place::Place;
use super::{id, moment, runtime, show};

/// Random bytes of a password that is made: 144 bits.
const PASSWORD_BYTES: usize = 18;

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
        /// viewer, broadcaster, moderator or admin.
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Keep an account out: it is cut and signed in nowhere, until it is readmitted.
    Suspend {
        /// The user name.
        name: String,
        /// Until when, such as 2026-05-01T12:00:00Z; for good without it.
        #[arg(long, value_name = "TIME", value_parser = moment)]
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
        #[arg(value_parser = id)]
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
    /// What the account may do: viewer, broadcaster, moderator or admin [default: broadcaster].
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

/// Runs a command.
pub fn run(args: UserArgs) -> anyhow::Result<()> {
    let settings = args.place.settings()?;
    runtime()?.block_on(async {
        // The first account may be made before the first start.
        let office = match args.act {
            Do::Create(_) => Office::found(&settings).await?,
            _ => Office::open(&settings).await?,
        };
        let done = does(&office, args.act).await;
        office.close().await;
        done
    })
}

async fn does(office: &Office, act: Do) -> anyhow::Result<()> {
    let (nowhere, by) = (Client::default(), &OPERATOR);
    let by = (by, &nowhere);
    match act {
        Do::Create(args) => creates(office, args).await,
        Do::List { role, suspended } => lists(office, role, suspended).await,
        Do::Role { name, role } => {
            let id = office.find(&name).await?.id;
            office.people.admin.change_role(by, id, role).await.map_err(plain)?;
            show::print(&format!("{name} is {} now.\n", role.name()))
        }
        Do::Suspend { name, until, reason } => {
            let target = BanTarget::User(office.find(&name).await?.id);
            let ban = NewBan { target, until, reason };
            office.people.admin.suspend(by, ban).await.map_err(plain)?;
            show::print(&format!("{name} is suspended.\n"))
        }
        Do::Readmit { name } => {
            let id = office.find(&name).await?.id;
            let lifted = office.people.admin.unsuspend(by, id).await.map_err(plain)?;
            let text = if lifted { "is readmitted" } else { "was not suspended" };
            show::print(&format!("{name} {text}.\n"))
        }
        Do::Bans => lists_bans(office).await,
        Do::Lift { id } => {
            office.people.admin.unban(by, BanId(id)).await.map_err(plain)?;
            show::print("The ban is lifted.\n")
        }
    }
}

async fn creates(office: &Office, args: CreateArgs) -> anyhow::Result<()> {
    let role = args.role.unwrap_or(if args.admin { Role::Admin } else { Role::Broadcaster });
    let (password, is_made) = if args.password_stdin { (typed()?, false) } else { (made(office)?, true) };
    let registration = Registration {
        username: args.name,
        email: args.email,
        password: password.clone(),
        display_name: args.display_name,
    };
    let user = office.people.users.create_user(registration, role).await.map_err(plain)?;
    let act = Act::new(Action::UserCreated).on(user.id).with("user", user.username.as_str());
    office.people.audit.note(&OPERATOR, &Client::default(), act.with("role", role.name()));
    let noted = office.people.audit.write(true).await;
    eprintln!("The account {} is made; its role is {}.", user.username, role.name());
    if is_made {
        // Before anything else may fail: nobody can show it again.
        show::print(&format!("{password}\n"))?;
    }
    noted.map_err(plain).context("this is not in the audit log")
}

fn made(office: &Office) -> anyhow::Result<String> {
    let mut random = [0; PASSWORD_BYTES];
    office.ids.fill(&mut random)?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

async fn lists(office: &Office, role: Option<Role>, suspended: bool) -> anyhow::Result<()> {
    let query = AccountQuery { role, suspended: suspended.then_some(true), ..AccountQuery::default() };
    let read = async |slice| office.store.accounts(&query, (slice, office.clock.now())).await;
    let rows: Vec<_> = all(read).await?.into_iter().map(line).collect();
    show::table(["name", "role", "e-mail", "made", "suspended"], &rows)
}

async fn lists_bans(office: &Office) -> anyhow::Result<()> {
    let query = BanQuery::default();
    let read = async |slice| office.store.ban_records(&query, (slice, office.clock.now())).await;
    let rows: Vec<_> = all(read).await?.into_iter().map(line_of_ban).collect();
    show::table(["ban", "of", "until", "made", "by", "reason"], &rows)
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
