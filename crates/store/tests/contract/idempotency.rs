//! Keys of calls that are done once.

use std::sync::Arc;

use futures_util::StreamExt;
use tallylight_core::clock::Time;
use tallylight_core::idempotency::{Claim, Holder, IdempotencyStore};
use tallylight_store::Store;
use uuid::Uuid;

use crate::harness::{Db, NOON, patient};

const KEY: Uuid = Uuid::from_u128(7);

async fn store(db: &Db) -> Arc<Store> {
    Arc::new(Store::open(&db.database.location(), patient()).await.unwrap())
}

/// A try at a moment of the story.
fn claim(number: u128, minutes: i64) -> Claim {
    let now: Time = NOON + time::Duration::minutes(minutes);
    let expires_at = now + time::Duration::minutes(60);
    Claim { id: KEY, claim: Uuid::from_u128(number), fingerprint: [9; 32], now, expires_at }
}

fn holds(claim: &Claim, sealed: Option<&[u8]>) -> Option<Holder> {
    let Claim { claim, fingerprint, .. } = *claim;
    Some(Holder { claim, fingerprint, sealed: sealed.map(<[u8]>::to_vec) })
}

pub async fn the_first_has_a_key_and_its_answer_stays(db: Db) {
    let store = store(&db).await;
    let (first, second) = (claim(1, 0), Claim { fingerprint: [8; 32], ..claim(2, 1) });
    assert_eq!(store.claim_key(&first).await.unwrap(), holds(&first, None));
    assert_eq!(store.claim_key(&second).await.unwrap(), holds(&first, None), "it is under way");
    store.keep_answer(&second, b"not its own").await.unwrap();
    store.release_key(&second).await.unwrap();
    store.keep_answer(&first, b"sealed").await.unwrap();
    store.release_key(&first).await.unwrap();
    store.close().await;
    let store = self::store(&db).await;
    assert_eq!(store.claim_key(&second).await.unwrap(), holds(&first, Some(b"sealed")), "after a restart");
    let other = Claim { id: Uuid::from_u128(8), ..second };
    assert_eq!(store.claim_key(&other).await.unwrap(), holds(&other, None));
}

pub async fn a_key_that_was_released_is_free(db: Db) {
    let store = store(&db).await;
    let (first, second) = (claim(1, 0), claim(2, 1));
    store.claim_key(&first).await.unwrap();
    store.release_key(&first).await.unwrap();
    assert_eq!(store.claim_key(&second).await.unwrap(), holds(&second, None));
    store.keep_answer(&first, b"late").await.unwrap();
    assert_eq!(
        store.claim_key(&first).await.unwrap(),
        holds(&second, None),
        "who released it has it no more"
    );
}

pub async fn a_key_is_free_when_its_time_is_over(db: Db) {
    let store = store(&db).await;
    let (first, early, late) = (claim(1, 0), claim(2, 59), claim(3, 60));
    store.claim_key(&first).await.unwrap();
    store.keep_answer(&first, b"sealed").await.unwrap();
    assert_eq!(store.claim_key(&early).await.unwrap(), holds(&first, Some(b"sealed")));
    assert_eq!(store.claim_key(&late).await.unwrap(), holds(&late, None));
    assert_eq!(store.remove_expired_keys(early.now, 10).await.unwrap(), 0);
    let others: Vec<_> = (8..=9).map(|id| Claim { id: Uuid::from_u128(id), ..claim(4, 0) }).collect();
    for other in &others {
        store.claim_key(other).await.unwrap();
    }
    let removals = [(); 3].map(|()| store.remove_expired_keys(late.expires_at, 2));
    let removed: Vec<u64> =
        futures_util::stream::iter(removals).then(|it| it).map(Result::unwrap).collect().await;
    assert_eq!(removed, [2, 1, 0], "some at a time");
    assert_eq!(store.claim_key(&first).await.unwrap(), holds(&first, None));
}

pub async fn of_many_who_take_a_key_at_once_one_has_it(db: Db) {
    let store = store(&db).await;
    let tries = (1..=8).map(|number| {
        let (store, claim) = (store.clone(), claim(number, 0));
        tokio::spawn(async move { store.claim_key(&claim).await.unwrap().unwrap().claim == claim.claim })
    });
    let mut winners = 0;
    for turn in tries.collect::<Vec<_>>() {
        winners += u32::from(turn.await.unwrap());
    }
    assert_eq!(winners, 1);
}
