//! What is there after the process ended.

use tallylight_core::Error;
use tallylight_core::event::LeaveReason;

use crate::harness::{Db, patient};

pub async fn what_was_acknowledged_is_there_after_reopening(db: Db) {
    let ada = db.user("ada").await;
    let sign_in = db.sign_in_of(&ada).await;
    let show = db.show_of(&ada, 3).await;
    let show = db.saves(&show, |show| show.title = "Renamed".into()).await.unwrap();
    let (_, seat) = db.watches(&show).await;
    let (gone, _) = db.watches(&show).await;
    db.goes(&gone, LeaveReason::Left, None).await;
    let before = (db.broadcast(show.id).await.unwrap(), db.log(&show).await);

    let db = db.reopened().await;
    assert_eq!((db.broadcast(show.id).await.unwrap(), db.log(&show).await), before);
    assert_eq!(db.seats().await.unwrap(), [seat]);
    assert_eq!(db.user_by_login("ada").await.unwrap(), Some(ada));
    assert_eq!(db.sign_in(sign_in.id).await.unwrap(), Some(sign_in));
}

pub async fn opening_twice_changes_nothing(db: Db) {
    let show = db.show(0).await;
    let second = db.database.open(patient()).await.unwrap();
    assert_eq!(second.broadcast(show.id).await.unwrap(), db.broadcast(show.id).await.unwrap());
    db.watches(&show).await;
    assert_eq!(second.broadcast(show.id).await.unwrap().unwrap().counts.viewers, 1);
}

pub async fn a_newer_schema_is_refused_by_name(db: Db) {
    db.database.migrate_as_a_newer_version().await;
    let Err(Error::Unavailable(outage)) = db.database.open(patient()).await else {
        panic!("it must be refused")
    };
    assert!(outage.reason.contains("newer Tallylight"), "{outage}");
    assert!(outage.reason.contains("99990101000000"), "{outage}");
}
