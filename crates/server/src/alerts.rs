//! Alerts: the rules that come with the server, the ways on which they are told, and the task that judges them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use async_trait::async_trait;
use tallylight_api::sight::{AlertParts, Alerts, Courier, Couriers, Notice, Notify, Rule, Sight};
use tallylight_core::UserManager;
use tallylight_core::clock::Clock;
use tallylight_core::figures::Level;
use tallylight_core::mail::Mail;
use tallylight_core::validate;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::mail::Post;
use crate::settings::Settings;

/// How long a webhook may take to be reached, and to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The rules: those whose thresholds are settings, and the operator's own.
///
/// # Errors
/// The rule that makes no sense, and why.
pub fn rules(settings: &Settings) -> anyhow::Result<Vec<Rule>> {
    let requests = "tallylight_http_requests_total";
    let own = [
        // A single failure of a quiet server is no share worth waking anybody.
        format!(
            "error-rate: rate({requests}{{status=\"5*\"}}) / rate({requests}) > {} and rate({requests}{{status=\"5*\"}}) > 0.05 for 60s",
            settings.alert_error_rate
        ),
        format!(
            "latency: p95(tallylight_http_request_duration_seconds{{route=\"/api/*\",route!=\"/api/live*\"}}) > {} for 60s",
            settings.alert_latency
        ),
        format!(
            "ingest-lost: tallylight_broadcasts{{ingest=\"interrupted\"}} > {} for 10s",
            settings.alert_interrupted
        ),
        format!("queue-full: max(tallylight_queue_fullness) > {} for 10s", settings.alert_queue),
        format!("disk-low: tallylight_data_free_bytes < {} for 60s", settings.alert_disk_free),
        format!("database-away: tallylight_database_up < 1 for {}s", settings.alert_database_away),
    ];
    let mut rules: Vec<Rule> = Vec::new();
    for text in own.iter().chain(&settings.alerts) {
        let rule = Rule::parse(text).with_context(|| format!("setting alerts: \"{text}\""))?;
        if rules.iter().any(|known| known.name == rule.name) {
            return Err(anyhow!("setting alerts: there are two rules {}", rule.name));
        }
        rules.push(rule);
    }
    Ok(rules)
}

/// The ways on which alerts are told.
///
/// # Errors
/// The setting that makes no sense.
pub fn ways(settings: &Settings, mailer: Arc<dyn Post>) -> anyhow::Result<Vec<Arc<dyn Notify>>> {
    let mut ways: Vec<Arc<dyn Notify>> = Vec::new();
    if !settings.alert_webhook.is_empty() {
        ways.push(Arc::new(Webhook::new(&settings.alert_webhook)?));
    }
    if !settings.alert_email.is_empty() {
        ways.push(Arc::new(Letters { mailer, to: settings.alert_email.clone() }));
    }
    Ok(ways)
}

/// Whether the ways make sense.
///
/// # Errors
/// The setting that does not.
pub fn check_ways(settings: &Settings) -> anyhow::Result<()> {
    if !settings.alert_webhook.is_empty() {
        Webhook::new(&settings.alert_webhook)?;
    }
    if !settings.alert_email.is_empty() {
        let read = validate::email(&settings.alert_email, &());
        read.map_err(|error| anyhow!("setting alert_email: {:?} {error}", settings.alert_email))?;
    }
    Ok(())
}

/// The alerts of a server, and the work of telling them.
///
/// # Errors
/// As [`rules`] and [`ways`].
pub fn alerts(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    mailer: Arc<dyn Post>,
) -> anyhow::Result<(Alerts, Vec<Courier>)> {
    let (couriers, work) = Couriers::new(ways(settings, mailer)?);
    let parts = AlertParts {
        rules: rules(settings)?,
        resolve_after: Duration::from_secs(settings.alert_resolve_after),
        server: settings.public_url.clone(),
        couriers,
        clock,
    };
    Ok((Alerts::new(parts), work))
}

/// Judges the rules every few seconds.
pub struct Watch {
    /// What is judged.
    pub sight: Arc<Sight>,
    /// Where the database is asked whether it is there.
    pub users: Arc<UserManager>,
    /// Whether it was, the last time.
    pub database_up: Arc<Level>,
    /// How often.
    pub interval: Duration,
}

impl Watch {
    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let work = async {
            let mut ticks = tokio::time::interval(self.interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let is_up = self.users.ping().await.is_ok();
                self.database_up.set(is_up.into());
                self.sight.alerts().judge(self.sight.sheet());
            }
        };
        stop.run_until_cancelled(work).await;
    }
}

/// Posts notices as JSON to an address.
struct Webhook {
    http: reqwest::Client,
    url: reqwest::Url,
}

impl Webhook {
    fn new(url: &str) -> anyhow::Result<Self> {
        // The address is not repeated: those of chat services are secrets.
        let url: reqwest::Url = url.parse().context("setting alert_webhook: is not an address")?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(anyhow!(
                "setting alert_webhook: must be an address that begins with https:// or http://"
            ));
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("tallylight/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("setting alert_webhook")?;
        Ok(Self { http, url })
    }
}

#[async_trait]
impl Notify for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    async fn notify(&self, notice: &Notice) -> Result<(), String> {
        let sent = self.http.post(self.url.clone()).json(notice).send().await;
        let answer = sent.map_err(|error| reason(error.without_url()))?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
    }
}

/// Hands notices to the post as letters, which tries them again by itself. A test is sent at once and tells what became
/// of it.
struct Letters {
    mailer: Arc<dyn Post>,
    to: String,
}

#[async_trait]
impl Notify for Letters {
    fn name(&self) -> &'static str {
        "mail"
    }

    async fn notify(&self, notice: &Notice) -> Result<(), String> {
        let Notice { alert, state, rule, text, server, .. } = notice;
        let subject = format!("Tallylight: {alert} {state}");
        let text = format!("{text}\n\nRule: {rule}\nServer: {server}\nAt: {}\n", notice.at);
        let mail = Mail { to: self.to.clone(), subject, text, is_awaited: false };
        if notice.is_test() {
            return self.mailer.send_now(&mail).await;
        }
        self.mailer.send(mail).map_err(|error| error.to_string())
    }
}

/// An error and what is behind it.
fn reason(error: impl std::error::Error + Send + Sync + 'static) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

#[cfg(test)]
mod tests {
    use tallylight_core::mail::Mailer;

    use super::*;

    /// A post whose server refuses whatever is sent at once.
    #[derive(Default)]
    struct Refusing(std::sync::Mutex<Vec<Mail>>);

    impl Mailer for Refusing {
        fn send(&self, mail: Mail) -> tallylight_core::Result<()> {
            self.0.lock().unwrap().push(mail);
            Ok(())
        }
    }

    #[async_trait]
    impl Post for Refusing {
        async fn send_now(&self, mail: &Mail) -> Result<(), String> {
            Err(format!("{} is refused", mail.to))
        }
    }

    #[tokio::test]
    async fn an_alert_is_told_by_mail() {
        let settings = Settings { alert_email: "ops@example.org".into(), ..Settings::default() };
        let mails = Arc::new(Refusing::default());
        let ways = ways(&settings, mails.clone()).unwrap();
        let at = time::macros::datetime!(2026-05-01 12:00 UTC);
        let test = Notice::test(at, "https://live.example");
        let told = ways[0].notify(&test).await;
        assert_eq!(told.unwrap_err(), "ops@example.org is refused", "a test tells what became of it");
        ways[0].notify(&Notice { alert: "crowd".into(), state: "firing", ..test }).await.unwrap();
        let [mail] = &mails.0.lock().unwrap()[..] else { panic!("not one mail") };
        assert_eq!(
            (mail.to.as_str(), mail.subject.as_str()),
            ("ops@example.org", "Tallylight: crowd firing")
        );
        assert!(mail.text.contains("https://live.example"), "{}", mail.text);
        let wrong = Settings { alert_email: "ops".into(), ..Settings::default() };
        let told = wrong.check().unwrap_err().to_string();
        assert!(told.starts_with("setting alert_email: \"ops\""), "{told}");
    }

    #[test]
    fn a_rule_that_makes_no_sense_is_refused_by_name() {
        let with = |rule: &str| Settings { alerts: vec![rule.into()], ..Settings::default() };
        let told = |rule: &str| format!("{:#}", with(rule).check().unwrap_err());
        assert_eq!(
            told("crowd: tallylight_viewers > many"),
            "setting alerts: \"crowd: tallylight_viewers > many\": \"many\" is not a number"
        );
        assert_eq!(told("disk-low: tallylight_viewers > 1"), "setting alerts: there are two rules disk-low");
        let settings = Settings { alert_webhook: "ftp://example.com/secret".into(), ..Settings::default() };
        let told = settings.check().unwrap_err().to_string();
        assert!(told.contains("alert_webhook") && !told.contains("secret"), "{told}");
    }
}
