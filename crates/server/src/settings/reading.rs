//! Where settings come from: the file, then the environment, then the flags.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use config::{Config, File, FileFormat};

use super::{NAMES, Overrides, PREFIX, Settings, callers};

const DEFAULT_FILE: &str = "tallylight.toml";
/// The variable that hosts set for every program.
const DATABASE_URL: &str = "DATABASE_URL";

impl Settings {
    /// Reads the file, the environment and the flags.
    ///
    /// # Errors
    /// What is wrong, naming the setting and where it was given.
    pub fn load(file: Option<&Path>, overrides: &Overrides) -> anyhow::Result<Self> {
        refuse_unknown(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
        let mut builder = Config::builder();
        if let Some(path) =
            file.or_else(|| Path::new(DEFAULT_FILE).exists().then_some(Path::new(DEFAULT_FILE)))
        {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            refuse_unknown_lines(&text).with_context(|| path.display().to_string())?;
            builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
        }
        for environment in callers::environment(std::env::vars()) {
            builder = builder.add_source(environment);
        }
        let mut settings: Self = builder.build().and_then(Config::try_deserialize).context("the settings")?;
        if std::env::var_os(DATABASE_URL).is_some() && std::env::var_os("TALLYLIGHT_DATABASE_URL").is_none() {
            settings.database_url =
                std::env::var(DATABASE_URL).map_err(|_| anyhow!("{DATABASE_URL} is not UTF-8"))?;
        }
        settings.override_by(overrides);
        settings.check()?;
        Ok(settings)
    }

    fn override_by(&mut self, overrides: &Overrides) {
        self.listen = overrides.listen.unwrap_or(self.listen);
        self.rtmp_listen = overrides.rtmp_listen.unwrap_or(self.rtmp_listen);
        if let Some(data_dir) = &overrides.data_dir {
            self.data_dir.clone_from(data_dir);
        }
        if let Some(log) = &overrides.log
            && std::env::var_os("TALLYLIGHT_LOG").is_none()
        {
            self.log.clone_from(log);
        }
    }
}

/// A misspelt variable would otherwise be ignored in silence.
fn refuse_unknown(variables: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let known: BTreeSet<String> =
        NAMES.iter().map(|name| format!("{PREFIX}_{}", name.to_uppercase())).collect();
    for variable in variables.filter(|name| name.starts_with(PREFIX) && name[PREFIX.len()..].starts_with('_'))
    {
        if !known.contains(&variable) {
            bail!("{variable} is not a setting{}", suggest(&variable, &known));
        }
    }
    Ok(())
}

fn refuse_unknown_lines(text: &str) -> anyhow::Result<()> {
    let table: toml::Table = text.parse().context("is not TOML")?;
    let known: BTreeSet<String> = NAMES.iter().map(|&name| name.to_owned()).collect();
    for key in table.keys() {
        if !known.contains(key) {
            bail!("{key} is not a setting{}", suggest(key, &known));
        }
    }
    Ok(())
}

/// The known name that shares the longest beginning, if that is most of it.
fn suggest(given: &str, known: &BTreeSet<String>) -> String {
    let shared = |name: &str| name.chars().zip(given.chars()).take_while(|(a, b)| a == b).count();
    let nearest = known.iter().max_by_key(|name| shared(name));
    nearest
        .filter(|name| shared(name) * 2 > given.len())
        .map_or(String::new(), |name| format!("; did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../../tallylight.toml");

    #[test]
    fn the_shipped_file_documents_every_setting_and_its_default() {
        let uncommented: String = SHIPPED
            .lines()
            .filter_map(|line| line.strip_prefix("# ").or(line.strip_prefix('#')))
            .filter(|line| line.split_once(" = ").is_some_and(|(name, _)| NAMES.contains(&name)))
            .fold(String::new(), |text, line| text + line + "\n");
        let documented: Settings = toml::from_str(&uncommented).unwrap();
        assert_eq!(documented, Settings::default());
        let table: toml::Table = uncommented.parse().unwrap();
        let missing: Vec<_> = NAMES.iter().filter(|name| !table.contains_key(**name)).collect();
        assert!(missing.is_empty(), "not documented: {missing:?}");
        refuse_unknown_lines(SHIPPED).unwrap();
    }

    #[test]
    fn a_misspelt_setting_is_refused_by_name_with_the_likely_one() {
        let error = refuse_unknown_lines("reconnect_windw = 5").unwrap_err();
        assert_eq!(error.to_string(), "reconnect_windw is not a setting; did you mean reconnect_window?");
        let error = refuse_unknown(["TALLYLIGHT_LISTN".to_owned()].into_iter()).unwrap_err();
        assert_eq!(error.to_string(), "TALLYLIGHT_LISTN is not a setting; did you mean TALLYLIGHT_LISTEN?");
    }
}
