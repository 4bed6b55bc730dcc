//! Users and their sign-ins.

use tallylight_core::ids::{SignInId, UserId};
use tallylight_core::store::Taken;
use tallylight_core::user::{Role, SignIn, User};

use crate::harness::{Db, NOON};

pub async fn a_new_user_is_read_back_as_written(db: Db) {
    for (name, role) in
        [("ada", Role::Admin), ("bob", Role::Broadcaster), ("mod", Role::Moderator), ("eve", Role::Viewer)]
    {
        let user = User { role, ..db.new_user(name) };
        assert_eq!(db.insert_user(&user).await.unwrap(), Ok(()));
        assert_eq!(db.store_user(user.id).await, Some(user));
    }
    assert_eq!(db.store_user(UserId(db.id())).await, None);
}

pub async fn nobody_takes_a_name_twice(db: Db) {
    db.user("ada").await;
    let other = User { email: "other@example.org".into(), ..db.new_user("ada") };
    assert_eq!(db.insert_user(&other).await.unwrap(), Err(Taken::Username));
    assert_eq!(db.store_user(other.id).await, None);
}

pub async fn nobody_takes_an_address_twice_whatever_its_case(db: Db) {
    let ada = db.user("ada").await;
    for email in [ada.email.clone(), ada.email.to_uppercase(), ada.email.to_lowercase()] {
        let other = User { email, ..db.new_user("bob") };
        assert_eq!(db.insert_user(&other).await.unwrap(), Err(Taken::Email));
    }
}

pub async fn a_user_is_found_by_name_and_by_address_in_any_case(db: Db) {
    let ada = db.user("ada").await;
    db.user("bob").await;
    for login in ["ada", "Ada", "ada@example.org", "ADA@EXAMPLE.ORG", "ada@Example.org"] {
        assert_eq!(db.user_by_login(login).await.unwrap().as_ref(), Some(&ada), "{login}");
    }
    for login in ["", "ad", "ada@example", "ada' OR 1=1 --", "%"] {
        assert_eq!(db.user_by_login(login).await.unwrap(), None, "{login}");
    }
}

pub async fn a_new_lasting_key_replaces_the_old_one(db: Db) {
    let (ada, bob) = (db.user("ada").await, db.user("bob").await);
    assert_eq!(db.user_by_stream_key(&ada.stream_key.hash).await.unwrap().as_ref(), Some(&ada));
    let key = db.key();
    db.set_user_stream_key(ada.id, &key).await.unwrap();
    assert_eq!(db.user_by_stream_key(&ada.stream_key.hash).await.unwrap(), None);
    let found = db.user_by_stream_key(&key.hash).await.unwrap();
    assert_eq!(found, Some(User { stream_key: key, ..ada }));
    assert_eq!(db.user_by_stream_key(&bob.stream_key.hash).await.unwrap(), Some(bob));
}

pub async fn the_store_knows_whether_there_is_an_administrator(db: Db) {
    db.user("bob").await;
    assert!(!db.has_admin().await.unwrap());
    let ada = User { role: Role::Admin, ..db.new_user("ada") };
    assert_eq!(db.insert_user(&ada).await.unwrap(), Ok(()));
    assert!(db.has_admin().await.unwrap());
}

pub async fn a_sign_in_is_read_back_until_it_ends(db: Db) {
    let ada = db.user("ada").await;
    let (laptop, phone) = (db.sign_in_of(&ada).await, db.sign_in_of(&ada).await);
    assert_eq!(db.sign_in(laptop.id).await.unwrap().as_ref(), Some(&laptop));
    db.end_sign_in(laptop.id, NOON).await.unwrap();
    db.end_sign_in(laptop.id, NOON).await.unwrap();
    assert_eq!(db.sign_in(laptop.id).await.unwrap(), None);
    assert_eq!(db.sign_in(phone.id).await.unwrap(), Some(phone));
    assert_eq!(db.sign_in(SignInId(db.id())).await.unwrap(), None);
}

pub async fn of_two_rotations_of_a_sign_in_one_wins(db: Db) {
    let ada = db.user("ada").await;
    let first = db.sign_in_of(&ada).await;
    let later = NOON + time::Duration::hours(1);
    let second = SignIn { secret_hash: [2; 32], used_at: later, expires_at: later, ..first.clone() };
    let stolen = SignIn { secret_hash: [3; 32], ..first.clone() };
    assert!(db.rotate_sign_in(&first, &second).await.unwrap());
    assert!(!db.rotate_sign_in(&first, &stolen).await.unwrap(), "the first one's secret is spent");
    assert_eq!(db.sign_in(first.id).await.unwrap().as_ref(), Some(&second));
    db.end_sign_in(first.id, NOON).await.unwrap();
    assert!(!db.rotate_sign_in(&second, &stolen).await.unwrap(), "an ended sign-in stays ended");
}

impl Db {
    /// `user` of the store, whose name the harness uses for making one.
    async fn store_user(&self, id: UserId) -> Option<User> {
        tallylight_core::store::UserStore::user(self.as_ref(), id).await.unwrap()
    }
}
