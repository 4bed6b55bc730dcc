//! Settings about callers: where they come from, how often they may do what, and whom they may write to.

use anyhow::{anyhow, bail};
use config::Environment;
use tallylight_api::address::TrustedProxies;
use tallylight_api::limits::{Class, LimitSettings};

use super::{PREFIX, Settings, given};

impl Settings {
    /// Proxies that are believed.
    ///
    /// # Errors
    /// The one that is no address.
    pub fn proxies(&self) -> anyhow::Result<TrustedProxies> {
        TrustedProxies::new(&self.trusted_proxies, self.trusted_proxy_header).map_err(|wrong| {
            anyhow!("setting trusted_proxies: \"{wrong}\" is not an address or a network such as 10.0.0.0/8")
        })
    }

    /// Checked as RFC 9116 §2.5.3 wants it: a URI, and on the web under TLS.
    pub(super) fn contact(&self) -> anyhow::Result<Option<String>> {
        let Some(contact) = given(&self.security_contact) else { return Ok(None) };
        let is_plain = contact.bytes().all(|byte| byte.is_ascii_graphic());
        let is_uri = ["https://", "mailto:", "tel:"]
            .iter()
            .any(|scheme| contact.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
        if !is_plain || !is_uri {
            bail!(
                "setting security_contact: \"{contact}\" is not an address such as mailto:security@live.example"
            );
        }
        Ok(Some(contact.to_owned()))
    }

    /// For the limits of callers. Those of passwords cannot be switched off.
    pub fn limits(&self) -> LimitSettings {
        let rate = |class| match class {
            Class::SignIn => Some(self.limit_sign_in),
            Class::Account => Some(self.limit_account),
            Class::Register => Some(self.limit_register),
            Class::SetUp => Some(self.limit_set_up),
            Class::Refresh => Some(self.limit_refresh),
            Class::Read => Some(self.limit_read),
            Class::Write => Some(self.limit_write),
            Class::Join => Some(self.limit_join),
            Class::Viewing => Some(self.limit_viewing),
            Class::Live => Some(self.limit_live),
            Class::Media => Some(self.limit_media),
            Class::Free => None,
        };
        let holds = |class: &Class| self.rate_limits || matches!(class, Class::SignIn | Class::Account);
        let rates = Class::ALL.map(|class| rate(class).filter(|_| holds(&class)));
        LimitSettings { rates, max_keys: self.rate_limit_keys }
    }
}

/// The variables. Of lists, the items stand between commas; rules of alerts have commas in them, so semicolons part those.
pub fn environment(variables: impl Iterator<Item = (String, String)>) -> [Environment; 2] {
    let is_alerts = |name: &str| name.eq_ignore_ascii_case("TALLYLIGHT_ALERTS");
    let (alerts, others): (Vec<_>, Vec<_>) = variables.partition(|(name, _)| is_alerts(name));
    let read = |variables: Vec<(String, String)>, separator, list| {
        let environment = Environment::with_prefix(PREFIX).try_parsing(true).list_separator(separator);
        environment.with_list_parse_key(list).source(Some(variables.into_iter().collect()))
    };
    [read(others, ",", "trusted_proxies"), read(alerts, ";", "alerts")]
}

#[cfg(test)]
mod tests {
    use config::Config;
    use tallylight_api::address::ProxyHeader;
    use tallylight_api::limits::Rate;

    use super::*;

    #[test]
    fn a_proxy_that_is_no_address_is_refused_by_name() {
        let settings = Settings { trusted_proxies: vec!["10.0.0.0/40".into()], ..Settings::default() };
        let error = settings.check().unwrap_err().to_string();
        assert!(error.starts_with("setting trusted_proxies: \"10.0.0.0/40\" is not"), "{error}");
    }

    #[test]
    fn whom_to_tell_of_a_weakness_is_a_uri() {
        let check =
            |contact: &str| Settings { security_contact: contact.into(), ..Settings::default() }.check();
        for contact in ["", "mailto:a@b.example", "https://live.example/report", "tel:+1-201-555-0123"] {
            assert!(check(contact).is_ok(), "{contact}");
        }
        for contact in
            ["a@b.example", "http://live.example", "mailto:", "mailto:a@b\nExpires: never", "mailto:a b"]
        {
            let error = check(contact).unwrap_err().to_string();
            assert!(error.starts_with("setting security_contact: "), "{error}");
        }
    }

    #[test]
    fn a_list_in_a_variable_has_commas() {
        let variables = [
            ("TALLYLIGHT_TRUSTED_PROXIES", "127.0.0.1,::1"),
            ("TALLYLIGHT_TRUSTED_PROXY_HEADER", "forwarded"),
            ("TALLYLIGHT_ALERTS", "a: up < 1 for 5s; b: down{x=\"1\",y=\"2\"} > 1 for 5s"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let [others, alerts] = environment(variables.into_iter());
        let read = Config::builder().add_source(others).add_source(alerts).build().unwrap();
        let settings: Settings = read.try_deserialize().unwrap();
        assert_eq!(settings.trusted_proxies, ["127.0.0.1", "::1"]);
        assert_eq!(settings.trusted_proxy_header, ProxyHeader::Forwarded);
        assert_eq!(settings.alerts.len(), 2);
    }

    #[test]
    fn rates_are_read_and_switched_off_but_for_those_of_passwords() {
        let variables = [("TALLYLIGHT_RATE_LIMITS", "off"), ("TALLYLIGHT_LIMIT_READ", "5/60")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let [others, alerts] = environment(variables.into_iter());
        let read = Config::builder().add_source(others).add_source(alerts).build().unwrap();
        let settings: Settings = read.try_deserialize().unwrap();
        assert_eq!(settings.limit_read, Rate::new(5, 60));
        let limited: Vec<_> = Class::ALL
            .iter()
            .zip(settings.limits().rates)
            .filter_map(|(class, rate)| rate.map(|_| class))
            .collect();
        assert_eq!(limited, [&Class::SignIn, &Class::Account]);
        let wrong = toml::from_str::<Settings>("limit_read = \"many\"").unwrap_err().to_string();
        assert!(wrong.contains("limit_read") && wrong.contains("is not a rate"), "{wrong}");
    }
}
