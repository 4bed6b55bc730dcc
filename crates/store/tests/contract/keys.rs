//! API keys and what they are used for.

use futures_util::future::join_all;
use serde_json::Map;
use tallylight_core::Result;
use tallylight_core::audit_log::AuditEntry;
use tallylight_core::clock::Time;
use tallylight_core::ids::{AuditId, KeyId, UserId};
use tallylight_core::key::{ApiKey, Tally, UsageLine, UsageQuery, UsageRow};
use tallylight_core::scope::Scope;
use tallylight_core::store::PastKeys;
use tallylight_core::user::User;
use time::Duration;
use time::macros::datetime;

use crate::harness::{Db, NOON};

const TODAY: Time = datetime!(2026-05-01 00:00 UTC);
const YESTERDAY: Time = datetime!(2026-04-30 00:00 UTC);
const MANY: (usize, usize) = (100, 1_000);
const TWO: (usize, usize) = (2, 3);
const GET: &str = "GET /api/broadcasts/{id}";
const POST: &str = "POST /api/broadcasts";

impl Db {
    fn new_key(&self, owner: &User, name: &str) -> ApiKey {
        let sealed = self.key();
        ApiKey {
            id: KeyId(self.id()),
            user_id: owner.id,
            name: name.into(),
            hash: sealed.hash,
            hint: "1a2b".into(),
            scopes: [Scope::Publish, Scope::ViewersWrite].into_iter().collect(),
            created_at: NOON,
            expires_at: Some(NOON + Duration::days(1)),
            revoked_at: None,
            last_used_at: None,
        }
    }

    fn entry(&self, at: Time) -> AuditEntry {
        AuditEntry {
            id: AuditId(self.id()),
            at,
            action: "key.changed".into(),
            actor_id: None,
            actor: None,
            key_id: None,
            target: None,
            ip: None,
            details: Map::new(),
        }
    }

    async fn keeps_key(&self, key: &ApiKey, at_most: (usize, usize)) -> Result<bool> {
        self.insert_key(key, at_most, &self.entry(NOON)).await
    }

    async fn revokes_key(&self, user: UserId, id: KeyId, at: Time) -> Result<bool> {
        self.revoke_key(user, id, &self.entry(at)).await
    }

    async fn key_of(&self, owner: &User, name: &str) -> ApiKey {
        let key = self.new_key(owner, name);
        assert!(self.keeps_key(&key, MANY).await.unwrap());
        key
    }

    fn usage_row(&self, key: &ApiKey, (day, endpoint): (Time, &str), requests: u64) -> UsageRow {
        let tally = Tally { requests, refused: requests / 2, failed: requests / 3 };
        UsageRow { id: self.id(), key: key.id, line: UsageLine { day, endpoint: endpoint.into(), tally } }
    }

    /// How many requests are told of, by day and endpoint.
    async fn used(&self, key: &ApiKey, since: Time) -> Vec<(Time, String, u64)> {
        let lines = self.usage_of(key.id, since).await.unwrap();
        lines.into_iter().map(|line| (line.day, line.endpoint, line.tally.requests)).collect()
    }
}

pub async fn a_key_is_read_back_until_it_is_revoked(db: Db) {
    let ada = db.user("ada").await;
    let (old, new) = (db.key_of(&ada, "bot").await, db.key_of(&ada, "Größe 🚀").await);
    assert!(db.keeps_key(&new, MANY).await.unwrap(), "once more is as good as once");
    let keys = |none| vec![(new.clone(), none), (old.clone(), none)];
    assert_eq!(db.keys_of(ada.id, TODAY).await.unwrap(), keys(Tally::default()));
    assert!(db.revokes_key(ada.id, new.id, NOON).await.unwrap());
    assert!(db.revokes_key(ada.id, new.id, NOON).await.unwrap(), "its own second try");
    assert!(!db.revokes_key(ada.id, new.id, NOON + Duration::hours(1)).await.unwrap());
    assert_eq!(db.keys_of(ada.id, TODAY).await.unwrap(), [(old, Tally::default())]);
}

pub async fn only_its_owner_revokes_a_key(db: Db) {
    let (ada, bob) = (db.user("ada").await, db.user("bob").await);
    let key = db.key_of(&ada, "bot").await;
    assert!(!db.revokes_key(bob.id, key.id, NOON).await.unwrap());
    assert!(!db.revokes_key(ada.id, KeyId(db.id()), NOON).await.unwrap());
    assert!(db.keys_of(bob.id, TODAY).await.unwrap().is_empty());
    assert_eq!(db.keys_of(ada.id, TODAY).await.unwrap().len(), 1);
}

pub async fn of_many_made_at_once_no_more_are_kept_than_allowed(db: Db) {
    let (ada, bob) = (db.user("ada").await, db.user("bob").await);
    let keys: Vec<_> = (0..6).map(|number| db.new_key(&ada, &format!("bot {number}"))).collect();
    let kept = join_all(keys.iter().map(|key| db.keeps_key(key, TWO))).await;
    assert_eq!(kept.into_iter().filter(|kept| *kept.as_ref().unwrap()).count(), 2);
    let there = db.keys_of(ada.id, TODAY).await.unwrap();
    assert_eq!(there.len(), 2);
    assert!(db.keeps_key(&there[0].0, TWO).await.unwrap(), "one that was kept is not one too many");
    assert!(db.keeps_key(&db.new_key(&bob, "bot"), TWO).await.unwrap());
    db.revokes_key(ada.id, there[0].0.id, NOON).await.unwrap();
    let another = db.key_of(&ada, "another").await;
    db.revokes_key(ada.id, another.id, NOON).await.unwrap();
    let one_more = db.new_key(&ada, "one more");
    assert!(!db.keeps_key(&one_more, TWO).await.unwrap(), "those that were revoked are too many");
    assert!(db.keeps_key(&one_more, (2, 4)).await.unwrap());
}

pub async fn keys_that_were_revoked_and_old_usage_go_after_a_while(db: Db) {
    let ada = db.user("ada").await;
    let (bot, old, late) =
        (db.key_of(&ada, "bot").await, db.key_of(&ada, "old").await, db.key_of(&ada, "late").await);
    let mut rows = vec![db.usage_row(&bot, (YESTERDAY, GET), 1), db.usage_row(&bot, (TODAY, GET), 2)];
    rows.extend([GET, POST, "GET /api/keys"].map(|endpoint| db.usage_row(&old, (TODAY, endpoint), 4)));
    db.save_usage(&rows, &[]).await.unwrap();
    db.revokes_key(ada.id, old.id, NOON).await.unwrap();
    db.revokes_key(ada.id, late.id, NOON + Duration::hours(1)).await.unwrap();
    // Revoking it once more at the same moment tells whether a key is there.
    let is_kept = async |key: &ApiKey, at| db.revokes_key(ada.id, key.id, at).await.unwrap();
    let past = PastKeys { revoked: NOON + Duration::minutes(1), used: TODAY };
    let mut parts = Vec::new();
    loop {
        match db.remove_past_keys(past, 2).await.unwrap() {
            0 => break,
            some => parts.push(some),
        }
    }
    assert_eq!(parts, [3, 2], "the old day and two of the key's, then the last and the key");
    assert!(!is_kept(&old, NOON).await && is_kept(&late, NOON + Duration::hours(1)).await);
    assert_eq!(db.keys_of(ada.id, TODAY).await.unwrap().len(), 1, "what works stays");
    assert_eq!(db.used(&bot, YESTERDAY).await, [(TODAY, GET.to_owned(), 2)]);
}

pub async fn what_keys_are_used_for_adds_up(db: Db) {
    let ada = db.user("ada").await;
    let (bot, cron) = (db.key_of(&ada, "bot").await, db.key_of(&ada, "cron").await);
    // Two servers count the same.
    let rows = [
        db.usage_row(&bot, (TODAY, GET), 6),
        db.usage_row(&bot, (TODAY, GET), 12),
        db.usage_row(&bot, (TODAY, POST), 1),
        db.usage_row(&bot, (YESTERDAY, GET), 60),
        db.usage_row(&cron, (TODAY, GET), 600),
    ];
    let later = NOON + Duration::seconds(1);
    db.save_usage(&rows, &[(bot.id, later)]).await.unwrap();
    db.save_usage(&[], &[(bot.id, NOON)]).await.unwrap();
    let today = [(TODAY, GET.to_owned(), 18), (TODAY, POST.to_owned(), 1)];
    assert_eq!(db.used(&bot, TODAY).await, today);
    assert_eq!(db.used(&bot, YESTERDAY).await.last().unwrap(), &(YESTERDAY, GET.to_owned(), 60));
    let keys = db.keys_of(ada.id, TODAY).await.unwrap();
    let tallies: Vec<_> = keys.iter().map(|(key, tally)| (key.last_used_at, *tally)).collect();
    let of_cron = Tally { requests: 600, refused: 300, failed: 200 };
    let of_bot = Tally { requests: 19, refused: 9, failed: 6 };
    assert_eq!(tallies, [(None, of_cron), (Some(later), of_bot)]);
}

pub async fn usage_that_is_written_again_is_replaced(db: Db) {
    let ada = db.user("ada").await;
    let bot = db.key_of(&ada, "bot").await;
    let mut row = db.usage_row(&bot, (TODAY, GET), 3);
    db.save_usage(std::slice::from_ref(&row), &[]).await.unwrap();
    db.save_usage(std::slice::from_ref(&row), &[]).await.unwrap();
    assert_eq!(db.used(&bot, TODAY).await, [(TODAY, GET.to_owned(), 3)]);
    row.line.tally.requests = 9;
    db.save_usage(&[row], &[]).await.unwrap();
    assert_eq!(db.used(&bot, TODAY).await, [(TODAY, GET.to_owned(), 9)]);
}

pub async fn what_is_told_of_an_unknown_key_is_left_out(db: Db) {
    let ada = db.user("ada").await;
    let bot = db.key_of(&ada, "bot").await;
    let nobody = db.new_key(&ada, "never kept");
    let rows = [db.usage_row(&nobody, (TODAY, GET), 1), db.usage_row(&bot, (TODAY, GET), 2)];
    db.save_usage(&rows, &[(nobody.id, NOON), (bot.id, NOON)]).await.unwrap();
    assert_eq!(db.used(&bot, TODAY).await, [(TODAY, GET.to_owned(), 2)]);
    assert!(db.used(&nobody, TODAY).await.is_empty());
}

pub async fn usage_is_found_by_day_key_and_user_a_page_at_a_time(db: Db) {
    let (ada, bob) = (db.user("ada").await, db.user("bob").await);
    let (bot, cron) = (db.key_of(&ada, "bot").await, db.key_of(&bob, "cron").await);
    let rows = [
        db.usage_row(&bot, (TODAY, GET), 1),
        db.usage_row(&bot, (TODAY, GET), 2),
        db.usage_row(&bot, (YESTERDAY, GET), 4),
        db.usage_row(&cron, (TODAY, POST), 8),
    ];
    db.save_usage(&rows, &[]).await.unwrap();
    db.revokes_key(ada.id, bot.id, NOON).await.unwrap();
    let until = TODAY + Duration::DAY;
    let all = UsageQuery { since: YESTERDAY, until, key: None, user: None, limit: 10, offset: 0 };
    let found = async |query: UsageQuery| {
        let (lines, total) = db.usage(&query).await.unwrap();
        let told: Vec<_> =
            lines.into_iter().map(|used| (used.name, used.user, used.line.tally.requests)).collect();
        (told, total)
    };
    let line = |name: &str, user: &str, requests| (name.to_owned(), user.to_owned(), requests);
    let lines = vec![line("bot", "ada", 3), line("cron", "bob", 8), line("bot", "ada", 4)];
    assert_eq!(found(all).await, (lines.clone(), 3), "also of a key that was revoked");
    assert_eq!(found(UsageQuery { limit: 1, offset: 1, ..all }).await, (lines[1..2].to_vec(), 3));
    assert_eq!(found(UsageQuery { since: TODAY, ..all }).await.1, 2);
    assert_eq!(found(UsageQuery { until: TODAY, ..all }).await, (lines[2..].to_vec(), 1));
    assert_eq!(found(UsageQuery { key: Some(cron.id), ..all }).await, (lines[1..2].to_vec(), 1));
    assert_eq!(found(UsageQuery { user: Some(ada.id), ..all }).await.1, 2);
    assert_eq!(found(UsageQuery { user: Some(UserId(db.id())), ..all }).await, (Vec::new(), 0));
}
