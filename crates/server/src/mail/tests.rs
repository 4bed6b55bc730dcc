//! The post, against folders and servers that take mail.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::smtp::tests::{Answers, SmtpServer};
use super::*;
use tallylight_core::clock::SystemClock;
use tallylight_core::ids::SystemIds;

fn hello() -> Mail {
    Mail {
        to: "ada@example.org".into(),
        subject: "Grüße".into(),
        text: "Hello Ada,\n\n.\nbye\n".into(),
        is_awaited: false,
    }
}

fn awaited() -> Mail {
    Mail { is_awaited: true, ..hello() }
}

fn files(folder: &Path) -> Arc<Files> {
    let (clock, ids) = (Arc::new(SystemClock::start()), Arc::new(SystemIds::default()));
    Arc::new(Files { folder: folder.into(), clock, ids })
}

fn carrier(way: Way) -> Carrier {
    Carrier::new("Tallylight <live@example.org>".parse().unwrap(), way, &[Duration::ZERO])
}

fn by_smtp(url: &str) -> Carrier {
    carrier(Way::Smtp(Smtp::new(url).unwrap()))
}

/// Hands a mail in, and waits until the post office has closed behind it; what is known then.
async fn sends(carrier: Carrier) -> Reading {
    let data = tempfile::tempdir().unwrap();
    let (Letterbox { queue, carrier }, office) = post(carrier, files(data.path()));
    let letterbox = Letterbox { queue, carrier: carrier.clone() };
    letterbox.send(hello()).unwrap();
    drop(letterbox);
    office.run(CancellationToken::new()).await;
    Letterbox { queue: mpsc::unbounded_channel().0, carrier }.reading()
}

#[tokio::test]
async fn without_a_server_mail_is_a_file_that_only_the_operator_reads() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join(FOLDER);
    sends(carrier(Way::Files(files(&folder)))).await;
    let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    assert!(file.file_name().to_str().unwrap().ends_with(".eml"));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let text = fs::read_to_string(file.path()).unwrap();
    assert!(text.contains("To: ada@example.org\r\n") && text.contains("Hello Ada,"), "{text}");
}

#[tokio::test]
async fn a_server_is_handed_the_mail_as_it_was_written() {
    let mut server = SmtpServer::start(Answers::Always(250)).await;
    sends(by_smtp(&server.url())).await;
    let taken = server.received().await;
    assert_eq!((taken.from.as_str(), taken.to.as_str()), ("<live@example.org>", "<ada@example.org>"));
    assert!(taken.text.contains("Hello Ada,\r\n\r\n.\r\nbye\r\n"), "{}", taken.text);
}

#[tokio::test]
async fn a_mail_that_is_put_off_is_sent_again_and_one_that_is_refused_is_not() {
    let mut server = SmtpServer::start(Answers::FirstThen(451, 250)).await;
    let told = sends(by_smtp(&server.url())).await;
    assert!(server.received().await.text.contains("Hello Ada,"));
    assert_eq!((server.asked(), told.sent, told.given_up), (2, 1, 0));
    let server = SmtpServer::start(Answers::Always(550)).await;
    let told = sends(by_smtp(&server.url())).await;
    assert_eq!((server.asked(), told.sent, told.given_up), (1, 0, 1));
}

#[tokio::test]
async fn a_full_letterbox_says_so_and_has_room_for_what_somebody_waits_for() {
    let data = tempfile::tempdir().unwrap();
    let files = files(data.path());
    let (letterbox, office) = post(carrier(Way::Files(files.clone())), files);
    for (mail, most) in [(hello(), NOTICES.0), (awaited(), AWAITED.0)] {
        (0..most).for_each(|_| letterbox.send(mail.clone()).unwrap());
        assert!(matches!(letterbox.send(mail), Err(Error::Busy("mail"))));
    }
    let told = letterbox.reading();
    assert_eq!((told.notices, told.awaited), ((NOTICES.0, NOTICES.0), (AWAITED.0, AWAITED.0)));
    assert_eq!(told.turned_away, 2);
    drop(office);
}

#[tokio::test]
async fn what_somebody_waits_for_is_kept_waiting_by_nothing_else() {
    let mut server = SmtpServer::start(Answers::Always(250)).await;
    let stuck = Carrier { notices: Lane::new((NOTICES.0, 0)), ..by_smtp(&server.url()) };
    let data = tempfile::tempdir().unwrap();
    let (letterbox, office) = post(stuck, files(data.path()));
    letterbox.send(hello()).unwrap();
    letterbox.send(Mail { text: "the link".into(), ..awaited() }).unwrap();
    let work = tokio::spawn(office.run(CancellationToken::new()));
    assert!(server.received().await.text.contains("the link"));
    work.abort();
}

#[test]
fn a_setting_that_cannot_work_is_refused_by_name_and_its_password_is_not_told() {
    for url in [
        "smtps://ada:hunter2@",
        "imap://ada:hunter2@mail.example",
        "hunter2",
        "smtp://ada:hunter2@mail.example",
        "smtps://ada:hunter2@mail.example:hunter2",
    ] {
        let error = format!("{:#}", Smtp::new(url).err().unwrap());
        assert!(error.contains("mail_url") && !error.contains("hunter2"), "{error}");
    }
    for url in [
        "smtps://ada:hunter2@mail.example:465",
        "smtp://mail.example",
        "smtp://a:b@mail.example?tls=required",
    ] {
        assert!(Smtp::new(url).is_ok(), "{url}");
    }
    let (clock, ids) = (Arc::new(SystemClock::start()), Arc::new(SystemIds::default()));
    let settings = Settings { mail_from: "nobody".into(), ..Settings::default() };
    let error = open(&settings, (clock, ids)).err().unwrap().to_string();
    assert!(error.starts_with("setting mail_from: \"nobody\""), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_keeps_no_place() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    // It takes every connection, and keeps it.
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = silent.accept().await {
            held.push(socket);
        }
    });
    let reading = sends(by_smtp(&format!("smtp://{address}"))).await;
    assert_eq!((reading.sent, reading.given_up, reading.notices.0), (0, 1, 0));
    held.abort();
}

#[tokio::test]
async fn a_folder_that_cannot_be_tidied_takes_mail_all_the_same() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join(FOLDER);
    let odd = folder.join("01890a5d-ac96-774b-bcce-b302099a8057.eml");
    fs::create_dir_all(&odd).unwrap();
    let reading = sends(carrier(Way::Files(files(&folder)))).await;
    assert_eq!((reading.sent, reading.given_up), (1, 0));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "once");
}
