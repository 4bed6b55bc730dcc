//! The server's secret: from the settings, or from `secret.key` in the data folder, made at the first start.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tallylight_core::ids::Ids;
use tallylight_core::secret::{SECRET_BYTES, Secret};
use tallylight_store::backup::SECRET_FILE;

/// Reads the secret, making it if there is none.
///
/// # Errors
/// When it is not 32 bytes in base64url, or the file cannot be read or written.
pub fn load(setting: &str, data_dir: &Path, ids: &dyn Ids) -> anyhow::Result<Secret> {
    if !setting.is_empty() {
        return parse(setting).context("setting secret");
    }
    let path = data_dir.join(SECRET_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => parse(&text).with_context(|| path.display().to_string()),
        Err(error) if error.kind() == ErrorKind::NotFound => make(&path, ids),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

fn parse(text: &str) -> anyhow::Result<Secret> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim()).unwrap_or_default();
    let Ok(bytes) = <[u8; SECRET_BYTES]>::try_from(bytes) else {
        bail!("is not a secret: {SECRET_BYTES} random bytes in base64url are expected");
    };
    Ok(Secret::new(&bytes))
}

/// Written beside and moved into place, so that a crash leaves a whole file or none.
fn make(path: &Path, ids: &dyn Ids) -> anyhow::Result<Secret> {
    let mut bytes = [0; SECRET_BYTES];
    ids.fill(&mut bytes)?;
    let draft = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        writeln!(file, "{}", URL_SAFE_NO_PAD.encode(bytes))?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(Secret::new(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallylight_core::ids::SystemIds;
    use tallylight_core::secret::Purpose;

    #[test]
    fn the_secret_is_made_once_and_only_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let first = load("", folder.path(), &SystemIds::default()).unwrap();
        let again = load("", folder.path(), &SystemIds::default()).unwrap();
        assert_eq!(first.derive(Purpose::Access).unwrap(), again.derive(Purpose::Access).unwrap());
        let mode = fs::metadata(folder.path().join(SECRET_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_secret_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(SECRET_FILE), "short").unwrap();
        let error = load("", folder.path(), &SystemIds::default()).err().unwrap();
        assert!(format!("{error:#}").contains("secret.key: is not a secret"), "{error:#}");
    }
}
